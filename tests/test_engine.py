"""The engine wires settings, sound, recogniser and journal; what is wrong at the start ends it and hangs nothing."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from captions.engine import Engine
from captions.errors import CredentialsError, InputError
from captions.events import Event, Final, InputChanged, Notice, Phase, SessionState
from captions.settings import Settings
from captions.transcript.journal import read_journal
from tests.local_engine import require_local_engine
from tests.scripted_server import ScriptedServer, ServedStream, final


async def says_when_it_ends(stream: ServedStream) -> None:
    await stream.config()
    await stream.until_half_close()
    await stream.reply(final("heard", end_of_utterance=True))


class Told:
    """The events of an engine, and a way to wait for one."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._came = asyncio.Event()

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        self._came.set()

    async def until(self, wanted: Callable[[Event], bool]) -> None:
        async with asyncio.timeout(20):
            while not any(wanted(event) for event in self.events):
                self._came.clear()
                await self._came.wait()


def is_phase(phase: Phase) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, SessionState) and event.phase is phase


async def test_without_the_credentials_that_were_asked_for_it_says_so_and_can_be_stopped(tmp_path: Path) -> None:
    engine = Engine(Settings(input="sample", recognizer="speechkit-v2"), Told(), environment={}, folder=tmp_path)
    with pytest.raises(CredentialsError, match="needs credentials"):
        await asyncio.wait_for(engine.run(), 10)
    await asyncio.wait_for(engine.stop(), 5)


async def test_auto_plays_the_sample_and_says_why_when_there_is_no_microphone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_local_engine()

    async def no_microphone(*_: object) -> None:
        raise InputError("There is no microphone.", "Plug one in.")

    monkeypatch.setattr("captions.engine.open_source", no_microphone)
    async with ScriptedServer(says_when_it_ends) as server:
        told = Told()
        engine = Engine(Settings(endpoint=server.target, tls=False), told, environment={}, folder=tmp_path)
        running = asyncio.create_task(engine.run())
        await told.until(lambda event: isinstance(event, InputChanged) and event.kind == "sample")
        notice = next(event for event in told.events if isinstance(event, Notice))
        assert notice.message == "There is no microphone. Playing the sample."
        await engine.stop()
        await running


async def test_another_endpoint_takes_over_and_the_transcript_is_one(tmp_path: Path) -> None:
    require_local_engine()
    async with ScriptedServer(says_when_it_ends) as first, ScriptedServer(says_when_it_ends) as second:
        told = Told()
        settings = Settings(input="sample", endpoint=first.target, tls=False)
        engine = Engine(settings, told, environment={}, folder=tmp_path)
        running = asyncio.create_task(engine.run())
        await told.until(is_phase(Phase.LISTENING))
        engine.change_settings(settings.changed("endpoint", second.target))
        await asyncio.wait_for(second.stream(0), 10)
        await told.until(lambda event: isinstance(event, Final))
        await engine.stop()
        await running
        assert len(first.streams) == 1
        assert engine.journal is not None
        entries = list(read_journal(engine.journal))
        assert [entry.text for entry in entries if isinstance(entry, Final)] == ["heard", "heard"]


async def test_a_setting_that_cannot_be_is_refused_and_the_session_goes_on(tmp_path: Path) -> None:
    require_local_engine()
    async with ScriptedServer(says_when_it_ends) as server:
        told = Told()
        settings = Settings(input="sample", endpoint=server.target, tls=False)
        engine = Engine(settings, told, environment={}, folder=tmp_path)
        running = asyncio.create_task(engine.run())
        await told.until(is_phase(Phase.LISTENING))
        with pytest.raises(CredentialsError):
            engine.change_settings(Settings(input="sample", recognizer="speechkit-v2"))
        assert engine.settings == settings
        await engine.stop()
        await running
        assert [event.text for event in told.events if isinstance(event, Final)] == ["heard"]
