"""`captions models` as a person types it: list, add, remove, with a terminal and without."""

import json
import os
import pty
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from captions.server.models import MODELS, WEIGHTS, manifest, what_is_wrong
from tests.server.hub import Hub, small_model
from tests.server.whisper_files import write_model

pytest.importorskip("faster_whisper", reason="needs the engine whisper, of the extra whisper")

PROGRAM = """
import fcntl, os, sys, termios
if os.isatty(0):
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # Ctrl-C is for whose terminal it is
from captions.server import models
made = models.manifest_of({manifest!r})
models.MODELS = {{**models.MODELS, made.name: made}}
from captions.cli import main
sys.exit(main(sys.argv[1:]))
"""
"""The program, to which a small model of a hub of ours is the model base."""


class Program:
    """Runs `captions` with the small model."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.command = [sys.executable, "-c", PROGRAM.format(manifest=manifest(hub.model))]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run it without a terminal."""
        command = [*self.command, *words]
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    def type(self, *words: str, answer: str, after: str = "[y/N] ") -> tuple[int, str]:
        """Run it in a terminal and type an answer to its question; return the exit code and what was shown."""
        ours, theirs = pty.openpty()
        command = [*self.command, *words]
        process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
        os.close(theirs)
        shown, answered = "", False
        try:
            while select.select([ours], [], [], 30.0)[0]:
                try:
                    read = os.read(ours, 65536).decode()
                except OSError:  # it has ended
                    break
                shown += read
                if not answered and after in shown:
                    answered = True
                    os.write(ours, answer.encode())
            return process.wait(10), shown
        finally:
            process.kill()
            os.close(ours)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    """The program, its hub, and an empty cache."""
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("COLUMNS", "80")
    with Hub(*small_model(tmp_path / "made")) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield Program(hub)


def cached(program: Program) -> Path:
    """Where the model is when it is here."""
    cache = Path(os.environ["HF_HOME"], "hub")
    return program.hub.model.folder_in(cache) / "snapshots" / program.hub.model.revision


def test_the_list_says_which_models_there_are_and_how_to_have_one(program: Program) -> None:
    done = program.run("models")

    assert [line[:17] for line in done.stdout.splitlines()] == [
        "  tiny    78 MB  ",
        "* base     3 MB  ",
        "  small  486 MB  ",
    ]
    assert done.stdout.count("not here") == 3
    assert "captions models add base" in done.stderr
    assert done.returncode == 0


def test_add_without_a_terminal_needs_a_yes(program: Program) -> None:
    done = program.run("models", "add", "base")

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "The model base is 3 MB" in done.stderr
    assert "--yes" in done.stderr
    assert not program.hub.requests


def test_add_with_a_yes_downloads_and_the_list_says_where_it_is(program: Program) -> None:
    done = program.run("models", "add", "base", "--yes")

    assert done.returncode == 0, done.stderr
    assert done.stdout == f"The model base is here: {cached(program)}\n"
    assert done.stderr == ""
    assert what_is_wrong(cached(program)) == ""
    assert str(cached(program)) in program.run("models").stdout
    (record,) = [each for each in json.loads(program.run("models", "--json").stdout) if each["name"] == "base"]
    assert record == {"name": "base", "folder": str(cached(program)), "bytes": program.hub.model.size}
    assert "is here already" in program.run("models", "add", "base").stdout


def test_in_a_terminal_it_says_the_size_asks_and_shows_a_bar(program: Program) -> None:
    code, shown = program.type("models", "add", "base", answer="y\n")

    assert code == 0
    assert "The model base is 3 MB, from the hub. Download it now? [y/N] " in shown
    assert "[########################################]  3 of 3 MB" in shown
    assert f"The model base is here: {cached(program)}\r\n" in shown


@pytest.mark.parametrize("answer", ["n\n", "\n", "\x04"])
def test_anything_but_yes_downloads_nothing(answer: str, program: Program) -> None:
    code, shown = program.type("models", "add", "base", answer=answer)

    assert code == 0
    assert "Nothing was downloaded." in shown
    assert not program.hub.requests


def test_ctrl_c_ends_a_download_and_the_next_goes_on(program: Program) -> None:
    program.hub.stops_after = 2_000_000
    code, shown = program.type("models", "add", "base", "--yes", answer="\x03", after="2 of 3 MB")

    assert code == 130
    assert "Traceback" not in shown
    assert not cached(program).exists()
    program.hub.stops_after = None
    program.hub.go_on.set()
    assert program.run("models", "add", "base", "--yes").returncode == 0
    assert program.hub.bodies()[1] > 1_000_000


def test_no_network_is_one_sentence(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")

    done = program.run("models", "add", "base", "--yes")

    assert done.returncode == 6
    assert done.stderr.count("\n") == 1
    assert "The hub at 127.0.0.1:1 cannot be reached: Connection refused." in done.stderr


def test_remove_asks_and_deletes(program: Program) -> None:
    assert "is not here" in program.run("models", "remove", "base").stdout
    program.run("models", "add", "base", "--yes")

    assert program.run("models", "remove", "base").returncode == 2
    assert program.type("models", "remove", "base", answer="n\n")[0] == 0
    assert cached(program).is_dir()
    code, shown = program.type("models", "remove", "base", answer="yes\n")

    assert code == 0
    assert "The model base is deleted." in shown
    assert not program.hub.model.folder_in(Path(os.environ["HF_HOME"], "hub")).exists()


def test_a_folder_of_ones_own_is_in_the_list_and_what_is_wrong_with_it(program: Program, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "mine")
    assert f"* {folder}\n" in program.run("models", "--whisper-model", str(folder)).stdout

    (folder / WEIGHTS).unlink()
    assert f"* {folder}: model.bin is missing\n" in program.run("models", "--whisper-model", str(folder)).stdout


def test_a_name_that_there_is_not_is_told_with_those_that_there_are(program: Program) -> None:
    done = program.run("models", "add", "large")
    assert done.returncode == 2
    assert all(name in done.stderr for name in MODELS)

    done = program.run("models", "add")
    assert done.returncode == 2
    assert all(name in done.stderr for name in MODELS)
