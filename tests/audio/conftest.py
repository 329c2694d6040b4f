"""What tests of sound from elsewhere share: a server, and sound to serve."""

import random
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.audio.tones import tone
from tests.audio.web_server import WebServer, cut_to_segments
from tests.tone_code import Spoken, speech_like
from tests.tone_code import encode as said_in_tones


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server(no_proxy: None) -> Iterator[WebServer]:
    with WebServer() as running:
        yield running


@pytest.fixture
def talk() -> Spoken:
    return said_in_tones(range(20), speech_like(random.Random(7)))


@pytest.fixture
def recording(talk: Spoken, tmp_path: Path) -> bytes:
    """Return the talk as a WAV file."""
    with wave.open(str(tmp_path / "talk.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(talk.samples.tobytes())
    return (tmp_path / "talk.wav").read_bytes()


@pytest.fixture(scope="session")
def segments(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Return a hum of 12 s in six segments, as FFmpeg cuts them."""
    folder = tmp_path_factory.mktemp("hls")
    cut_to_segments(folder / "list.m3u8", tone(440, 12.0, 16_000), 16_000, 2.0)
    return [(folder / f"list{number}.ts").read_bytes() for number in range(6)]
