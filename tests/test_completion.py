"""What a shell offers when Tab is pressed: asked as argcomplete's scripts ask, and in real shells."""

import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import platformdirs
import pytest

from captions.audio.devices import Device
from captions.completion import sessions, sources
from captions.errors import InputError
from captions.settings import LANGUAGES, data_folder
from captions.transcript.journal import begin_journal
from tests.hostile import FILE_NAMES
from tests.pulse import require_pulse, running_pulse

ROOT = Path(__file__).parents[1]


PROGRAM = """#!/bin/sh
case "${{_ARGCOMPLETE}}$1" in
    1*|completion) PYTHONPATH='{root}' exec '{python}' -P -m captions "$@" ;;
    *) printf '<%s>' "$@"; echo ;;
esac
"""
"""Completes as the real program does, and else shows the words that it is given."""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with a program `captions` on the path."""
    program = tmp_path / "bin" / "captions"
    program.parent.mkdir()
    program.write_text(PROGRAM.format(root=ROOT, python=sys.executable))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "talk one.mp3").touch()
    (folder / "tape.wav").touch()
    (folder / "talks").mkdir()
    (folder / ".hidden").touch()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def devices() -> None:
    """A listing of devices from a moment ago."""
    cache = platformdirs.user_cache_path("captions") / "devices.json"
    cache.parent.mkdir(parents=True)
    cache.write_text(json.dumps({"microphone": ["Webcam HD", "Headset"], "monitor": ["Built-in Audio"]}))


def offered(line: str, shell: str = "fish") -> list[str]:
    """Return what is offered at the end of a line; nothing may be said beside it."""
    read, write = os.pipe()
    done = subprocess.run(
        ["bash", "-c", f'captions 8>&{write} 9>/dev/null {write}>&-'],
        pass_fds=[write], capture_output=True, text=True, timeout=30,
        env={
            **os.environ, "_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\n", "_ARGCOMPLETE_SHELL": shell,
            "_ARGCOMPLETE_SUPPRESS_SPACE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)),
        },
    )  # fmt: skip
    os.close(write)
    with os.fdopen(read) as file:
        text = file.read()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return text.splitlines()


def test_commands_sources_and_files_come_first(here: Path) -> None:
    found = offered("captions ")
    assert {"live", "transcribe", "doctor", "completion", "sample", "microphone:", "talk one.mp3", "talks/"} <= set(
        found
    )
    assert not any(word.startswith((".", "-")) for word in found)
    assert offered("captions dev") == ["devices"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("captions --langu", ["--language"]),
        ("captions --language ru", ["ru-RU"]),
        ("captions transcribe sample --form", ["--format"]),
        ("captions transcribe sample --format ", ["text", "ndjson"]),
        ("captions transcribe --sample-rate ", ["8000", "16000", "48000"]),
        ("captions --encoding=O", ["--encoding=OGG_OPUS"]),
        ("captions talk.mp3 --no-t", ["--no-tls"]),
        ("captions completion ", ["bash", "zsh", "fish"]),
        ("captions --endpoint ", []),
        ("captions devices --j", ["--json"]),
        ("captions doctor --con", ["--connect"]),
        ("captions credentials ", ["show", "keep", "forget"]),
        ("captions credentials --fe", ["--fetch"]),
        ("captions --credentials ", ["auto", "none", "environment", "keyring", "metadata", "yc"]),
        ("captions nothing-of-this-name", []),
    ],
)
def test_flags_and_values_fit_where_they_stand(line: str, expected: list[str], here: Path) -> None:
    assert offered(line) == expected


def test_languages_are_those_of_the_settings(here: Path) -> None:
    assert offered("captions live --language ") == list(LANGUAGES)


def test_files_are_offered_where_files_are_taken(here: Path) -> None:
    assert offered("captions transcribe ta") == ["talk one.mp3", "talks/", "tape.wav"]
    assert offered("captions --credentials-file .h") == [".hidden"]
    assert offered(f"captions --settings {here}/tap") == [f"{here}/tape.wav"]
    assert offered("captions /nowhere/at/all") == []


def test_devices_are_offered_by_their_kind(here: Path, devices: None) -> None:
    assert offered("captions microphone:") == ["microphone:Webcam HD", "microphone:Headset"]
    assert offered("captions transcribe monitor:B") == ["monitor:Built-in Audio"]
    assert offered("captions --input microphone:W") == ["microphone:Webcam HD"]


def test_a_listing_that_is_old_is_made_anew_and_kept(
    here: Path, devices: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_pulse()
    cache = platformdirs.user_cache_path("captions") / "devices.json"
    os.utime(cache, (1, 1))
    with running_pulse(tmp_path, monkeypatch):
        found = offered("captions microphone:")
    assert "microphone:pulse" in found
    assert "microphone:Webcam HD" not in found
    assert "pulse" in json.loads(cache.read_text())["microphone"]


def test_where_devices_cannot_be_listed_the_last_ones_are_offered(
    here: Path, devices: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("captions.audio.devices.list_devices", _refuse)
    os.utime(platformdirs.user_cache_path("captions") / "devices.json", (1, 1))
    assert sources("microphone:") == ["microphone:Webcam HD", "microphone:Headset"]


async def _refuse() -> list[Device]:
    raise InputError("PortAudio is missing.")


def test_names_that_a_terminal_would_obey_are_not_offered(here: Path) -> None:
    for name in FILE_NAMES:
        (here / name).touch()
    for line in ("captions ", "captions transcribe "):
        assert all(word.isprintable() for word in offered(line))


def test_a_press_of_tab_is_answered_at_once(here: Path) -> None:
    offered("captions ")
    began = time.monotonic()
    offered("captions transcribe sample --fo")
    assert time.monotonic() - began < 1


def test_nothing_heavy_is_imported_for_it(here: Path) -> None:
    program = (
        "import os, sys\nos._exit = lambda code: (print('\\n'.join(sys.modules)), sys.stdout.flush(), sys.exit(code))\n"
        "os.environ |= {'_ARGCOMPLETE': '1', 'COMP_LINE': 'captions ', 'COMP_POINT': '9',"
        " '_ARGCOMPLETE_STDOUT_FILENAME': os.devnull}\n"
        "from captions.cli import main\nmain([])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert "argcomplete" in done.stdout, done.stderr
    heavy = {"numpy", "grpc", "textual", "rich", "av", "sounddevice", "moonshine_voice", "asyncio", "tomlkit"}
    assert not heavy & set(done.stdout.splitlines())


def test_argcomplete_is_imported_only_to_complete() -> None:
    program = (
        "import sys; from captions.cli import build_parser; build_parser(); sys.exit('argcomplete' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)


def test_sessions_are_offered_newest_first(here: Path) -> None:
    for day in (1, 2, 3):
        begin_journal(data_folder() / "sessions", {}, datetime(2026, 11, day, 12, 0, tzinfo=UTC)).close()
    names = sessions()
    assert len(names) == 3
    assert names == sorted(names, reverse=True)


def test_help_says_what_to_do_with_the_script(here: Path) -> None:
    done = subprocess.run(["captions", "completion", "--help"], capture_output=True, text=True, timeout=30)
    for text in ("~/.bashrc", "~/.zshrc", "config.fish", "source <(captions completion bash)"):
        assert text in done.stdout


class Shell:
    """A real shell in a terminal of its own."""

    def __init__(self, *command: str) -> None:
        self._child, self._descriptor = pty.fork()
        if self._child == 0:
            os.environ.update({"TERM": "dumb", "LC_ALL": "C.UTF-8", "PS1": "$ "})
            os.execvp(command[0], command)

    def type(self, text: str, until: str) -> str:
        """Type, and return what the shell shows until that is among it; fails after 20 s."""
        os.write(self._descriptor, text.encode())
        shown, deadline = "", time.monotonic() + 20
        while until not in shown:
            assert time.monotonic() < deadline, f"{until!r} is not in {shown!r}"
            if select.select([self._descriptor], [], [], 0.2)[0]:
                read = os.read(self._descriptor, 65536).decode(errors="replace")
                if "\x1b[c" in read:  # fish waits for an answer
                    os.write(self._descriptor, b"\x1b[?62c")
                shown += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\x1b\][^\x07]*\x07", "", read)
        return shown

    def close(self) -> None:
        os.close(self._descriptor)
        os.waitpid(self._child, 0)


SETUP = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "source <(captions completion bash)"),
    "zsh": (["zsh", "-f", "-i"], "autoload -U compinit; compinit -u -D; source <(captions completion zsh)"),
    "fish": (["fish", "--no-config", "-i"], "captions completion fish | source"),
}


@pytest.fixture(params=SETUP)
def shell(request: pytest.FixtureRequest, here: Path, devices: None) -> Iterator[Shell]:
    command, script = SETUP[request.param]
    if shutil.which(command[0]) is None:
        if os.environ.get("CI"):
            pytest.fail(f"CI must have {command[0]}")
        pytest.skip(f"{command[0]} is not installed")
    shell = Shell(*command)
    try:
        shell.type(f"{script}; echo rea''dy\n", "ready")
        yield shell
    finally:
        shell.close()


LINES = {
    "captions transc": "<transcribe>",
    "captions --langu": "<--language>",
    "captions --language ru": "<--language><ru-RU>",
    "captions --theme=hi": "<--theme=high-contrast>",
    "captions transcribe tap": "<transcribe><tape.wav>",
    "captions --input microphone:Head": "<--input><microphone:Headset>",
    "captions microphone:Web": "<microphone:Webcam HD>",
    "captions monitor:": "<monitor:Built-in Audio>",
    "captions --endpoint ": "<--endpoint>",
}
"""What is typed before Tab and Enter, and the words that the program is given then."""


def test_real_shells_make_of_it_what_the_program_is_given(shell: Shell) -> None:
    for typed, words in LINES.items():
        shown = shell.type(f"{typed}\t\n", f"{words}\r\n")
        assert "rror" not in shown
        assert "Traceback" not in shown
