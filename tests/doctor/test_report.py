"""What was found is calm to read in any terminal, and whole for programs."""

import io
import json
import re
from collections.abc import Mapping

import pytest

from captions.doctor.checks import Check, Finding, Result, Verdict
from captions.doctor.report import Report, as_json, worst
from tests.hostile import HOSTILE, controls


def result(verdict: Verdict, found: str = "found", mend: str = "", *lines: str, group: str = "Sound") -> Result:
    async def look() -> Finding:
        raise AssertionError

    return Result(Check("name", group, "Microphones", look), Finding(verdict, found, mend, lines), 0.25)


ALL = [
    result(Verdict.GOOD, "2 microphones", "", "Webcam HD (default): -31 dBFS, well to be heard"),
    result(Verdict.WARNING, "The sound server does not answer, for reasons that it keeps to itself", "Start it."),
    result(Verdict.PROBLEM, "PortAudio is missing", "sudo apt install libportaudio2"),
    result(Verdict.NOT_CHECKED, "Not needed", group="Recognition"),
]


class Terminal(io.TextIOWrapper):
    def __init__(self, encoding: str = "utf-8", *, isatty: bool = True) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, write_through=True)
        self._isatty = isatty

    def isatty(self) -> bool:
        return self._isatty

    def text(self) -> str:
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode(self.encoding)


def shown(
    monkeypatch: pytest.MonkeyPatch, columns: int, results: list[Result] = ALL, terminal: Terminal | None = None,
    environment: Mapping[str, str] = {},
) -> str:  # fmt: skip
    monkeypatch.setenv("COLUMNS", str(columns))
    terminal = terminal or Terminal(isatty=False)
    report = Report(terminal, environment, len("Microphones"))
    for one in results:
        report.show(one)
    report.conclude(results, 1.25)
    return terminal.text()


def test_it_is_aligned_and_told_in_symbols_and_words(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, 100)
    assert "  ✓ good         Microphones 2 microphones\n" in text
    assert "  ✗ problem      Microphones PortAudio is missing\n" in text
    assert "→ sudo apt install libportaudio2\n" in text
    assert text.index("Sound\n") < text.index("Recognition\n")
    assert text.endswith("\n1 good, 1 warning, 1 problem, 1 not checked, in 1.2 s\n")


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 100, 200])
def test_no_line_is_longer_than_the_terminal_is_wide(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, columns).splitlines()
    assert max(map(len, lines)) <= max(columns, 32)  # of 20 columns the headings, which are not broken, take more
    assert max(map(len, lines)) <= 110


def test_words_are_not_broken_so_that_commands_can_be_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    command = "/home/somebody/with/a/long/name/.venv/bin/python -m pip install --force-reinstall textual"
    text = shown(monkeypatch, 40, [result(Verdict.PROBLEM, "broken", command)])
    assert set(command.split()) <= set(text.split())


def test_colour_only_on_a_terminal_that_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    coloured = shown(monkeypatch, 100, terminal=Terminal(), environment={"TERM": "xterm"})
    assert "\x1b[1;31m✗ problem" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == shown(monkeypatch, 100)
    for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b" not in shown(monkeypatch, 100, terminal=Terminal(), environment=environment)


def test_where_symbols_cannot_be_written_others_are(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, 100, terminal=Terminal("ascii", isatty=False))
    assert "  x problem " in text
    assert "> sudo apt" in text


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_what_is_from_outside_is_text(hostile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, 100, [result(Verdict.WARNING, hostile, hostile, hostile)])
    assert not controls(text, sequences_too=True)
    report = json.loads(as_json([result(Verdict.WARNING, hostile, hostile, hostile)], "system", 1.0))
    (check,) = report["checks"]
    assert not controls(check["found"] + check["mend"] + "".join(check["lines"]), sequences_too=True)


def test_json_has_a_version_and_every_check() -> None:
    report = json.loads(as_json(ALL, "Debian GNU/Linux 12", 1.25))
    assert report["version"] == 1
    assert report["verdict"] == "problem"
    assert report["system"] == "Debian GNU/Linux 12"
    assert [check["verdict"] for check in report["checks"]] == ["good", "warning", "problem", "not checked"]
    assert set(report["checks"][0]) == {"name", "title", "verdict", "found", "mend", "lines", "seconds", "facts"}


def test_the_worst_verdict_is_that_of_all() -> None:
    assert worst(ALL) is Verdict.PROBLEM
    assert worst(ALL[:2]) is Verdict.WARNING
    assert worst([ALL[0], ALL[3]]) is Verdict.GOOD
