"""The terminal is asked, and what stands between it and the program is told."""

import json
import os
import pty
import select
import shutil
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from captions.doctor import terminal
from captions.doctor.checks import Verdict

LOOK = (
    "import asyncio, json; from captions.doctor import terminal; found = asyncio.run(terminal.look_at_{}());"
    "print(json.dumps([found.verdict, found.found, found.mend, dict(found.facts)]))"
)


def in_terminal(columns: int, rows: int, answer: bytes) -> tuple[str, str, str, dict[str, object]]:
    """Look at the size in a terminal of its own, which answers so to the question what it is."""
    child, descriptor = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-c", "input();" + LOOK.format("size")])
    termios.tcsetwinsize(descriptor, (rows, columns))
    os.write(descriptor, b"\n")
    written, deadline = b"", time.monotonic() + 20
    while time.monotonic() < deadline:
        select.select([descriptor], [], [], 1)
        try:
            read = os.read(descriptor, 4096)
        except OSError:
            break
        if b"\x1b[c" in read:
            os.write(descriptor, answer)
        written += read
    os.waitpid(child, 0)
    os.close(descriptor)
    verdict, found, mend, facts = json.loads(written[written.index(b'["') :])
    return verdict, found, mend, facts


def test_a_terminal_that_answers() -> None:
    verdict, found, _, facts = in_terminal(120, 30, b"\x1b[?62;22c")
    assert (verdict, found) == ("good", "120 columns and 30 rows; it answers questions")
    assert (facts["columns"], facts["rows"], facts["answers"]) == (120, 30, True)


def test_a_terminal_that_does_not_answer_is_not_waited_for_long() -> None:
    began = time.monotonic()
    verdict, found, _, facts = in_terminal(80, 24, b"")
    assert verdict == "good"
    assert "does not answer" in found
    assert "folded away until F2" in found
    assert facts["answers"] is False
    assert time.monotonic() - began < 10


def test_a_terminal_that_is_too_small_is_a_warning() -> None:
    verdict, found, mend, _ = in_terminal(30, 8, b"\x1b[?62c")
    assert verdict == "warning"
    assert "30 columns and 8 rows" in found
    assert "--plain" in mend


def test_without_a_terminal_there_is_none() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOOK.format("size")],
        capture_output=True, text=True, timeout=30, check=True, stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    assert json.loads(done.stdout)[0] == "not checked"


@pytest.mark.parametrize(
    ("environment", "verdict", "said"),
    [
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, Verdict.GOOD, "16 million"),
        ({"TERM": "xterm-256color"}, Verdict.GOOD, "256"),
        ({"TERM": "linux"}, Verdict.GOOD, "16 (TERM is linux)"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "1"}, Verdict.GOOD, "NO_COLOR"),
        ({"TERM": "dumb"}, Verdict.WARNING, "plain lines"),
        ({}, Verdict.WARNING, "not set"),
    ],
)
async def test_colours_are_those_of_the_environment(environment: dict[str, str], verdict: Verdict, said: str) -> None:
    finding = await terminal.look_at_colours(environment)
    assert (finding.verdict, said in finding.found) == (verdict, True)


@pytest.mark.parametrize(("encoding", "verdict"), [("utf-8", "good"), ("ascii", "warning"), ("koi8-r", "warning")])
def test_an_encoding_that_lacks_words_is_a_warning(encoding: str, verdict: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOOK.format("text")],
        capture_output=True, text=True, timeout=30, check=True, env={**os.environ, "PYTHONIOENCODING": encoding},
    )  # fmt: skip
    assert json.loads(done.stdout)[0] == verdict


async def test_a_session_over_ssh_is_told() -> None:
    assert "Over SSH" in (await terminal.look_at_link({"SSH_CONNECTION": "192.0.2.1 5 192.0.2.2 22"})).found
    assert (await terminal.look_at_link({})).facts == {"ssh": False}


async def test_screen_is_a_warning_and_neither_is_good() -> None:
    assert (await terminal.look_at_multiplexer({"STY": "1.pts"})).verdict is Verdict.WARNING
    assert (await terminal.look_at_multiplexer({})).verdict is Verdict.GOOD


class Tmux:
    """A tmux server of its own."""

    def __init__(self, folder: Path, configuration: str) -> None:
        self._output = folder / "output.json"
        (folder / "tmux.conf").write_text(configuration)
        self._command = ["tmux", "-S", str(folder / "socket"), "-f", str(folder / "tmux.conf")]

    def look(self) -> tuple[str, str, str, dict[str, object]]:
        """Look at the multiplexer in a session to which a terminal with all colours is attached."""
        program = f"{sys.executable} -c '{LOOK.format('multiplexer')}' > {self._output}; tmux wait -S done; sleep 60"
        environment = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(Path.cwd())}
        environment.pop("TMUX", None)
        child, descriptor = pty.fork()
        if child == 0:
            os.execvpe("tmux", [*self._command, "new-session", program], environment)
        try:
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                if select.select([descriptor], [], [], 0.1)[0]:
                    os.read(descriptor, 65536)
                if self._output.exists() and self._output.read_text().endswith("\n"):
                    break
            verdict, found, mend, facts = json.loads(self._output.read_text())
            return verdict, found, mend, facts
        finally:
            subprocess.run([*self._command, "kill-server"], timeout=10, check=False, capture_output=True)
            os.close(descriptor)
            os.waitpid(child, 0)


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("tmux") is None:
        if os.environ.get("CI"):
            pytest.fail("CI must have tmux")
        pytest.skip("tmux is not installed")
    return tmp_path_factory.mktemp("t")


def test_tmux_as_it_is_installed_holds_things_back(folder: Path) -> None:
    verdict, found, mend, facts = Tmux(folder, "set -s set-clipboard external\n").look()
    assert verdict == "warning"
    assert found.startswith("In tmux 3")
    assert "set -s set-clipboard on" in mend
    assert facts["set_clipboard"] == "external"


def test_tmux_that_was_told_lets_all_through(folder: Path) -> None:
    verdict, found, _, facts = Tmux(folder, "set -s set-clipboard on\nset -as terminal-features ',*:RGB'\n").look()
    assert (verdict, facts["all_colours"]) == ("good", True)
    assert "lets copying and all colours through" in found
