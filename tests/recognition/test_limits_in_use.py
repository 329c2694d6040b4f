"""Streams are as long as the recogniser in use allows, and the settings where they know better."""

import asyncio
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import grpc.aio
import pytest

from captions.engine import Engine
from captions.events import Event, Phase, SessionState, StreamEnded
from captions.server.limits import Limits
from captions.server.service import SttService
from captions.settings import Settings
from tests.tone_code import ToneEngine
from tests.vosk_server import VoskService

SECONDS = 400
KINDS = ("speechkit-v2", "speechkit-v3", "vosk")


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("sound") / "silence.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(2 * SECONDS * 16_000))
    return str(path)


@pytest.fixture
async def target() -> AsyncIterator[str]:
    """A server of all three services, without limits."""
    engine = ToneEngine()
    server = grpc.aio.server()
    services = SttService([engine], Limits().unlimited()), VoskService(engine)
    server.add_generic_rpc_handlers(tuple(service.handler() for service in services))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


async def streams_of(settings: Settings, folder: Path) -> list[float]:
    """How many seconds each stream had."""
    events: list[Event] = []
    ended = asyncio.Event()

    def told(event: Event) -> None:
        events.append(event)
        if isinstance(event, SessionState) and event.phase is Phase.ENDED:
            ended.set()

    engine = Engine(settings, told, environment={}, folder=folder, real_time=False)
    running = asyncio.create_task(engine.run())
    await asyncio.wait_for(ended.wait(), 60)
    await engine.stop()
    await running
    return [event.seconds for event in events if isinstance(event, StreamEnded)]


@pytest.mark.parametrize(("kind", "longest"), [("speechkit-v2", 297.0), ("speechkit-v3", 297.0), ("vosk", SECONDS)])
async def test_each_recogniser_has_its_own_limits(
    kind: str, longest: float, recording: str, target: str, tmp_path: Path
) -> None:
    settings = Settings(input=recording, recognizer=kind, endpoint=target, tls=False, block_ms=1_000)
    streams = await streams_of(settings, tmp_path)
    assert sum(streams) == pytest.approx(SECONDS)
    assert max(streams) <= longest
    assert len(streams) == (1 if kind == "vosk" else 2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("limit", [{"stream_seconds": 150}, {"stream_bytes": 150 * 32_000}], ids=["seconds", "bytes"])
async def test_the_settings_know_better(
    kind: str, limit: dict[str, int], recording: str, target: str, tmp_path: Path
) -> None:
    settings = Settings(
        input=recording,
        recognizer=kind,
        endpoint=target,
        tls=False,
        block_ms=1_000,
        **limit,  # type: ignore[arg-type]
    )
    streams = await streams_of(settings, tmp_path)
    assert sum(streams) == pytest.approx(SECONDS)
    assert len(streams) == 3
    assert max(streams) <= 147.0
