"""`captions devices` where there is a sound server: what can be recorded from, by kind."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from captions.cli import main
from tests.pulse import PulseServer, require_pulse, running_pulse


@pytest.fixture
def pulse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PulseServer]:
    require_pulse()
    with running_pulse(tmp_path, monkeypatch) as server:
        yield server


def test_devices_are_listed_in_groups_by_names_that_are_sources(
    pulse: PulseServer, capsys: pytest.CaptureFixture[str]
) -> None:
    pulse.add_output("Desk Speakers")
    assert main(["devices"]) == 0
    lines = capsys.readouterr().out.splitlines()
    monitors = lines.index("Monitors: what the machine plays")
    assert lines[0] == "Microphones"
    assert all(line[2:].startswith("microphone:") for line in lines[1:monitors])
    assert all(line[2:].startswith("monitor:") for line in lines[monitors + 1 :])
    assert any(line.startswith("  monitor:Desk Speakers  (") for line in lines)
    assert sum(line.startswith("* ") for line in lines[monitors:]) == 1

    assert main(["devices", "--json"]) == 0
    devices = json.loads(capsys.readouterr().out)
    assert {device["kind"] for device in devices} == {"microphone", "monitor"}
    assert {"Desk Speakers"} <= {device["name"] for device in devices if device["kind"] == "monitor"}
