"""Sound that another program brings, as a shell connects them: pipes and named pipes, headless and with a keyboard."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from captions.events import Final, InputChanged
from captions.transcript.journal import read_journal
from tests.audio.tones import encode, write_pcm
from tests.dashboard.terminal import Terminal
from tests.end_to_end.conftest import sample
from tests.end_to_end.test_chain import WORDS, beginning
from tests.scripted_server import ScriptedServer, ServedStream, final

if sys.platform == "win32":
    pytest.skip("needs named pipes and a terminal of Unix", allow_module_level=True)


@contextmanager
def cat(path: Path) -> Iterator[int]:
    """Run another program that writes a file's bytes into a pipe; give the descriptor to read from."""
    with subprocess.Popen(["cat", str(path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        try:
            yield writer.stdout.fileno()
        finally:
            writer.kill()


def transcribed(*words: str, stdin: int | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "captions", "transcribe", *words],
        stdin=stdin, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def entries(home: Path) -> list[object]:
    (path,) = home.rglob("sessions/*.jsonl")
    return list(read_journal(path))


def test_samples_that_are_piped_in_are_captioned(tmp_path: Path) -> None:
    write_pcm(tmp_path / "speech", beginning(16_000))
    with cat(tmp_path / "speech") as pipe:
        done = transcribed("-", "--pcm-rate", "16000", "--speed", "max", stdin=pipe)
    assert (done.returncode, done.stderr) == (0, "")
    assert WORDS in done.stdout.lower()


@pytest.mark.parametrize(("ending", "codec", "rate"), [("ogg", "libopus", 48_000), ("mp3", "libmp3lame", 44_100)])
def test_a_container_that_is_piped_in_is_captioned(tmp_path: Path, ending: str, codec: str, rate: int) -> None:
    with cat(encode(tmp_path / f"speech.{ending}", beginning(rate), rate, codec)) as pipe:
        done = transcribed("-", "--speed", "max", stdin=pipe)
    assert (done.returncode, done.stderr) == (0, "")
    assert WORDS in done.stdout.lower()


def test_a_named_pipe_is_captioned(tmp_path: Path, own_environment: Path) -> None:
    named = tmp_path / "speech.pcm"
    os.mkfifo(named)
    write_pcm(tmp_path / "samples", beginning(16_000))
    with subprocess.Popen(["/bin/sh", "-c", 'cat "$0" > "$1"', str(tmp_path / "samples"), str(named)]) as writer:
        done = transcribed(str(named), "--pcm-rate", "16000", "--speed", "max")
        writer.kill()
    assert (done.returncode, done.stderr) == (0, "")
    assert WORDS in done.stdout.lower()
    (heard,) = [entry for entry in entries(own_environment) if isinstance(entry, InputChanged)]
    assert (heard.kind, heard.name) == ("pipe", "speech.pcm")


def test_the_dashboard_captions_a_pipe_while_the_keyboard_drives_it(tmp_path: Path, own_environment: Path) -> None:
    with cat(sample()) as pipe, Terminal("-m", "captions", "-", home=tmp_path, stdin=pipe) as dashboard:
        dashboard.wait_for("best of times", 30)
        dashboard.type("?")
        dashboard.wait_for("Stop listening, or listen again")
        dashboard.type("\x1b")
        dashboard.wait_for_end_of("Stop listening, or listen again")
        dashboard.type(" ")
        dashboard.wait_for("PAUSED")
        dashboard.type(" ")
        dashboard.wait_for_end_of("PAUSED")
        dashboard.type("q")
        assert dashboard.wait_for_end() == 0
    kept = entries(own_environment)
    assert "best of times" in " ".join(entry.text.lower() for entry in kept if isinstance(entry, Final))
    (heard,) = [entry for entry in kept if isinstance(entry, InputChanged)]
    assert (heard.kind, heard.name) == ("pipe", "standard input")


def test_the_dashboard_captions_what_a_tunnel_brings(tmp_path: Path, own_environment: Path) -> None:
    """The far end of `ssh -R`, for which a listener on this machine stands in."""
    write_pcm(tmp_path / "speech", beginning(16_000))
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall((tmp_path / "speech").read_bytes())
                connection.recv(1)  # until the dashboard has gone

        serving = threading.Thread(target=serve, daemon=True)
        serving.start()
        address = f"tcp://localhost:{listener.getsockname()[1]}"
        with Terminal("-m", "captions", address, "--pcm-rate", "16000", home=tmp_path) as dashboard:
            dashboard.wait_for("best of times", 30)
            dashboard.type("q")
            assert dashboard.wait_for_end() == 0
        serving.join(5)
        assert not serving.is_alive()
    (heard,) = [entry for entry in entries(own_environment) if isinstance(entry, InputChanged)]
    assert (heard.kind, heard.name) == ("address", address)


async def test_the_keyboard_takes_no_byte_of_the_sound(tmp_path: Path) -> None:
    served: list[ServedStream] = []

    async def script(stream: ServedStream) -> None:
        served.append(stream)
        await stream.config()
        await stream.message()
        await stream.reply(final("it has begun", end_of_utterance=True))
        await stream.until_half_close()
        await stream.reply(final("it has ended", end_of_utterance=True))

    # Noise, in which a byte that is missing shows; it begins as no kind of file does.
    samples = np.random.default_rng(1).integers(-20_000, 20_000, 8_000 * 6, dtype="<i2")
    samples[:8] = 1_000
    sent = samples.tobytes()
    read, write = os.pipe()

    def feed() -> None:
        with os.fdopen(write, "wb") as pipe:
            pipe.write(sent)

    async with ScriptedServer(script) as server:
        words = ("-m", "captions", "-", "--sample-rate", "8000", "--endpoint", server.target, "--no-tls")
        os.set_inheritable(write, False)
        with await asyncio.to_thread(lambda: Terminal(*words, home=tmp_path, stdin=read)) as dashboard:
            os.close(read)
            feeding = threading.Thread(target=feed, daemon=True)
            feeding.start()
            await asyncio.to_thread(dashboard.wait_for, "it has begun", 20)
            for _ in range(20):
                dashboard.type("it")  # figures, and other colours
            await asyncio.to_thread(dashboard.wait_for, "it has ended", 30)
            await asyncio.to_thread(feeding.join, 5)
            dashboard.type("q")
            assert await asyncio.to_thread(dashboard.wait_for_end) == 0
    assert b"".join(stream.received for stream in served) == sent


def test_without_a_terminal_a_pipe_is_captioned_in_plain_lines(tmp_path: Path) -> None:
    write_pcm(tmp_path / "speech", beginning(16_000, 1.0))
    with cat(tmp_path / "speech") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "captions", "-", "--pcm-rate", "16000"],
            stdin=pipe, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "[Listening to standard input.]" in done.stdout
