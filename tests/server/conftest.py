"""The real engine, loaded once, and real servers of it."""

import asyncio
import importlib.util
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from captions.server.engines import Engine
from captions.server.limits import Limits
from captions.server.serving import SttServer
from tests.server.clients import Client
from tests.whisper_model import require_whisper_model

if TYPE_CHECKING:
    from captions.server.whisper import WhisperEngine
from tests.tone_code import ToneEngine

Serving = Callable[..., Awaitable[Client]]


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """Load the engine; skips where it is not installed, which must not happen in the gate."""
    if importlib.util.find_spec("moonshine_voice") is None:
        reason = "moonshine-voice is not installed (pip install 'captions[local]')"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    from captions.server.moonshine import MoonshineEngine

    made = MoonshineEngine()
    yield made
    made.close()


@pytest.fixture(scope="session")
def whisper_folder() -> Path:
    """Return the folder of a Whisper model; skips where there is none."""
    return require_whisper_model()


@pytest.fixture(scope="session")
def whisper(whisper_folder: Path) -> "Iterator[WhisperEngine]":
    """Load Whisper; skips where there is no model."""
    from captions.server.whisper import WhisperEngine

    made = WhisperEngine(whisper_folder)
    made.load()
    yield made
    made.close()


@pytest.fixture
async def serving(engine: Engine) -> AsyncIterator[Serving]:
    """Return a function that starts a server with these limits and returns a client of it."""
    async with _servers(engine) as start:
        yield start


@pytest.fixture
async def serving_tones() -> AsyncIterator[Serving]:
    """Return the same for an engine that understands the code of tones, to the millisecond."""
    async with _servers(ToneEngine()) as start:
        yield start


@asynccontextmanager
async def _servers(engine: Engine) -> AsyncIterator[Serving]:
    running: list[tuple[SttServer, Client]] = []

    async def start(*, token: str = "", engines: tuple[Engine, ...] = (engine,), **limits: object) -> Client:
        server = SttServer(engines, Limits(**limits), token=token)  # type: ignore[arg-type]
        client = Client(await server.start("127.0.0.1:0"))
        running.append((server, client))
        return client

    yield start
    for server, client in running:
        await client.aclose()
        await asyncio.wait_for(server.stop(0.5), 10)
