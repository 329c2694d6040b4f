"""A model that is wanted without a dashboard: asked for once at a terminal, else told in a sentence."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from captions.server.models import manifest, what_is_wrong
from tests.server.hub import Hub, small_model
from tests.server.test_models_command import Program

pytest.importorskip("faster_whisper", reason="needs the engine whisper, of the extra whisper")
pytest.importorskip("moonshine_voice", reason="needs the recogniser on this machine")

ROOT = Path(__file__).parents[1]
PROGRAM = """
import fcntl, os, sys, termios
if os.isatty(0):
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from captions.recognition import local
from captions.server import models, adding
made = models.manifest_of({manifest!r})
models.MODELS = adding.MODELS = {{**models.MODELS, made.name: made}}
from captions.recognition import local_engines
local_engines.MODELS = models.MODELS
made_with = local.LocalRecognizer.__init__
def with_stand_in(self, engines=None, **more):
    made_with(self, engines, command=(sys.executable, "-m", "tests.recognition.child_server"), **more)
local.LocalRecognizer.__init__ = with_stand_in
from captions.cli import main
sys.exit(main(sys.argv[1:]))
"""
"""The program, to which a small model is the model base, and whose recogniser tells how many blocks it heard."""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    """The program, its hub, and an empty cache."""
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (tmp_path / "tone.pcm").write_bytes(b"\x10\x20" * 16_000)
    monkeypatch.chdir(tmp_path)
    with Hub(*small_model(tmp_path / "made")) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        made = Program(hub)
        made.command[2] = PROGRAM.format(manifest=manifest(hub.model))
        yield made


TRANSCRIBE = ("transcribe", "tone.pcm", "--language", "ru-RU", "--pcm-rate", "16000", "--speed", "max")


def test_without_a_terminal_one_sentence_says_what_to_do(program: Program) -> None:
    done: subprocess.CompletedProcess[str] = program.run(*TRANSCRIBE)

    assert done.returncode == 6
    assert done.stdout == ""
    assert done.stderr.splitlines()[0] == (
        "captions: Russian needs the model base, 3 MB, which is not on this machine. "
        "Get it with `captions models add base`, or choose another language."
    )
    assert "Traceback" not in done.stderr
    assert not program.hub.requests


def test_at_a_terminal_it_asks_once_downloads_and_goes_on_with_the_same_sound(program: Program) -> None:
    code, shown = program.type(*TRANSCRIBE, answer="y\n")

    assert code == 0, shown
    assert shown.count("Russian needs the model base, 3 MB") == 1
    assert "3 of 3 MB" in shown
    assert "the model base is here" in shown.lower()
    folder = program.hub.model.folder_in(Path(os.environ["HF_HOME"], "hub")) / "snapshots" / program.hub.model.revision
    assert what_is_wrong(folder) == ""
    assert any(line.split()[-1:] == ["10"] for line in shown.splitlines()), shown  # all of the second of sound


@pytest.mark.parametrize("command", [TRANSCRIBE, ("--plain", "tone.pcm", "--language", "ru-RU")])
def test_with_a_no_it_ends_with_the_sentence(command: tuple[str, ...], program: Program) -> None:
    code, shown = program.type(*command, answer="n\n")

    assert code == 6, shown
    assert "captions models add base" in shown
    assert not program.hub.requests


def test_a_download_that_fails_ends_it_with_the_reason(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")

    code, shown = program.type(*TRANSCRIBE, answer="y\n")

    assert code == 6
    assert "The hub at 127.0.0.1:1 cannot be reached: Connection refused." in shown


def test_english_asks_for_nothing(program: Program) -> None:
    done = program.run("transcribe", "tone.pcm", "--language", "en-US", "--pcm-rate", "16000", "--speed", "max")

    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1:] == ["10"]
