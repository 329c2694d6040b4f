"""What is on disk: settings with all their mistakes, journals and the space for them, logs."""

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from captions.doctor import folders
from captions.doctor.checks import Finding, Verdict
from captions.settings import data_folder, log_folder
from captions.settings_file import settings_file
from captions.settings_sources import Loaded, load
from captions.transcript.journal import begin_journal


async def settings_finding(file: Path | None = None, environment: dict[str, str] | None = None) -> Finding:
    def from_sources() -> Loaded:
        return load({}, environment or {}, file)

    return await folders.look_at_settings(from_sources, file)()


async def test_no_settings_file_is_well() -> None:
    finding = await settings_finding()
    assert finding.verdict is Verdict.GOOD
    assert str(settings_file()) in finding.found


async def test_every_mistake_in_the_settings_is_told(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('langauge = "ru-RU"\nsample_rate = 44100\ntheme = "light"\n')
    finding = await settings_finding(file)
    assert finding.verdict is Verdict.PROBLEM
    assert finding.found.startswith("2 mistakes")
    assert "Did you mean language?" in finding.lines[0]
    assert "sample_rate cannot be 44100" in finding.lines[1]


async def test_a_file_that_is_no_toml_and_one_that_is_missing_are_told(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    assert "does not exist" in (await settings_finding(file)).lines[0]
    file.write_text("theme = [")
    assert "not valid TOML" in (await settings_finding(file)).lines[0]


async def test_keys_and_variables_are_looked_at_too(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[keys]\npasue = "p"\n')
    assert "Did you mean pause?" in (await settings_finding(file)).lines[0]
    assert "CAPTIONS_LANGAUGE" in (await settings_finding(environment={"CAPTIONS_LANGAUGE": "x"})).lines[0]


async def test_what_is_not_the_default_is_counted(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('theme = "light"\n')
    finding = await settings_finding(file, {"CAPTIONS_MODEL": "general:rc"})
    assert finding.verdict is Verdict.GOOD
    assert "; 2 of " in finding.found
    assert finding.facts["changed"] == ["model", "theme"]


async def test_looking_makes_no_folder() -> None:
    assert (await folders.look_at_journal()).verdict is Verdict.GOOD
    assert (await folders.look_at_log()).verdict is Verdict.GOOD
    assert not data_folder().exists()
    assert not log_folder().exists()


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.mark.parametrize(
    ("free", "verdict", "said"),
    [
        (500_000_000_000, Verdict.GOOD, "500 GB are free, which is enough for years of captions"),
        (300_000_000, Verdict.GOOD, "300 MB are free, which is enough for 300 hours of captions"),
        (15_000_000, Verdict.WARNING, "15 MB are free, which is enough for 15 hours of captions"),
        (900_000, Verdict.PROBLEM, "900 kB are free, which is enough for less than an hour of captions"),
    ],
)
async def test_free_space_is_told_in_hours_of_captions(
    free: int, verdict: Verdict, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(free, 0, free))
    finding = await folders.look_at_journal()
    assert finding.verdict is verdict
    assert said in finding.found


async def test_a_place_where_nothing_can_be_written_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "data"
    file.write_text("a file in the way")
    monkeypatch.setenv("XDG_DATA_HOME", str(file))
    finding = await folders.look_at_journal()
    assert finding.verdict is Verdict.PROBLEM
    assert "cannot be written: Not a directory" in finding.found
    assert str(file) in finding.mend


async def test_a_crash_is_told_with_its_time_and_place() -> None:
    log_folder().mkdir(parents=True)
    (log_folder() / "crash.log").write_text("Traceback")
    os.utime(log_folder() / "crash.log", (1_795_000_000, 1_795_000_000))
    finding = await folders.look_at_log()
    assert finding.verdict is Verdict.WARNING
    assert datetime.fromtimestamp(1_795_000_000).astimezone().strftime("%Y-%m-%d at %H:%M") in finding.found
    assert str(log_folder() / "crash.log") in finding.mend


async def test_sessions_that_were_cut_off_are_named() -> None:
    assert "none yet" in (await folders.look_at_sessions()).found
    folder = data_folder() / "sessions"
    ended = begin_journal(folder, {}, datetime(2026, 11, 23, 9, 0, tzinfo=UTC))
    ended.close()
    assert (await folders.look_at_sessions()).verdict is Verdict.GOOD
    path = begin_journal(folder, {}, datetime(2026, 11, 24, 9, 0, tzinfo=UTC)).path
    # As a crash leaves it: without an end, and without a process that holds its lock.
    copy = path.with_name("2020-01-01T00-00-00.jsonl")
    shutil.copy(path, copy)
    finding = await folders.look_at_sessions()
    assert finding.verdict is Verdict.WARNING
    assert finding.lines == (copy.stem,)
    assert finding.found.startswith("3 are kept; 1 of them")
