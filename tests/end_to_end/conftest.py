"""Real programs: `captions serve` with its model, reached as any client reaches it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.local_engine import require_local_engine

Serve = Callable[..., str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Return a function that starts `captions serve` with these flags and returns its address."""
    require_local_engine()
    started: list[subprocess.Popen[str]] = []

    def start(*flags: str, **environment: str) -> str:
        process = subprocess.Popen(
            [sys.executable, "-m", "captions", "serve", "--listen", "localhost:0", *flags],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        started.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("listening on "), line
        return line.split()[2].rstrip(",")

    yield start
    for process in started:
        process.terminate()
    for process in started:
        assert process.wait(10) == 0
        assert process.stdout is not None
        process.stdout.close()


def transcribe(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `captions transcribe` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "captions", "transcribe", *words],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
    )


def sample() -> Path:
    """The recording that comes with the recogniser on this machine."""
    require_local_engine()
    import moonshine_voice

    return Path(moonshine_voice.__file__).parent / "assets" / "two_cities.wav"
