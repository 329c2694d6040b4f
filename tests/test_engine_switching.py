"""A person changes who listens, and how, while somebody speaks: nothing waits for what was given up."""

import asyncio
import contextlib
import threading
import wave
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from captions.engine import Engine
from captions.errors import CredentialsError, SettingError
from captions.events import Final, Gap, Notice, Phase, SessionState
from captions.recognition.choose import make_recognizer
from captions.recognition.recognizer import Recognizer
from captions.settings import Settings
from captions.transcript.journal import read_journal
from tests.scripted_server import ScriptedServer, ServedStream, final
from tests.test_engine import Told, is_phase


@pytest.fixture
def minutes_of_sound(tmp_path: Path) -> str:
    """A file of 60 s at 16 kHz."""
    path = tmp_path / "talk.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(2 * 60 * 16_000))
    return str(path)


@asynccontextmanager
async def engine_at(settings: Settings, folder: Path, **environment: str) -> AsyncIterator[tuple[Engine, Told]]:
    """Give an engine that listens."""
    told = Told()
    engine = Engine(settings, told, environment=environment, folder=folder / "sessions")
    running = asyncio.create_task(engine.run())
    try:
        yield engine, told
    finally:
        await asyncio.wait_for(engine.stop(), 10)
        await running


async def tells_how_much(stream: ServedStream) -> None:
    await stream.config()
    heard = await stream.until_half_close()
    await stream.reply(final(f"{len(heard) // 2}", end_of_utterance=True))


def heard_in_all(told: Told) -> int:
    return sum(int(event.text) for event in told.events if isinstance(event, Final))


class HeldUp:
    """Stands for the making of recognisers where that takes long, until it may go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go_on = threading.Event()
        self.made = 0
        self._loop = asyncio.get_running_loop()
        self._begun = asyncio.Event()
        monkeypatch.setattr("captions.engine.make_recognizer", self)

    async def begun(self) -> None:
        """Wait until one is being made."""
        await asyncio.wait_for(self._begun.wait(), 10)

    def __call__(self, settings: Settings, environment: Mapping[str, str]) -> Recognizer:
        self.made += 1
        self._loop.call_soon_threadsafe(self._begun.set)
        assert self.go_on.wait(20)
        return make_recognizer(settings, environment)


async def test_changes_in_quick_succession_end_with_the_last_and_the_loop_waits_for_none(
    tmp_path: Path, minutes_of_sound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with contextlib.AsyncExitStack() as servers:
        first, second, third = [await servers.enter_async_context(ScriptedServer(tells_how_much)) for _ in range(3)]
        settings = Settings(input=minutes_of_sound, endpoint=first.target, tls=False)
        async with engine_at(settings, tmp_path) as (engine, told):
            await told.until(is_phase(Phase.LISTENING))
            held_up = HeldUp(monkeypatch)
            changes = [
                asyncio.create_task(engine.change_settings(settings.changed("endpoint", server.target)))
                for server in (second, third, first, third)
            ]
            await held_up.begun()
            for _ in range(5):
                await told.next()  # the loop goes on: levels come
            engine.use_input("sample")  # waits for nobody, and is not undone by what was asked before
            held_up.go_on.set()
            await asyncio.gather(*changes)
            assert engine.settings == settings.changed("endpoint", third.target).changed("input", "sample")
            assert held_up.made == 4
            await asyncio.wait_for(third.stream(0), 10)
            await told.until(lambda event: isinstance(event, SessionState) and event.recognizer.endswith(third.target))


async def test_a_change_that_is_under_way_does_not_hold_up_the_end(
    tmp_path: Path, minutes_of_sound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ScriptedServer(tells_how_much) as first, ScriptedServer(tells_how_much) as second:
        settings = Settings(input=minutes_of_sound, endpoint=first.target, tls=False)
        async with engine_at(settings, tmp_path) as (engine, told):
            await told.until(is_phase(Phase.LISTENING))
            held_up = HeldUp(monkeypatch)
            change = asyncio.create_task(engine.change_settings(settings.changed("endpoint", second.target)))
            await held_up.begun()
            await asyncio.wait_for(engine.stop(), 10)
            held_up.go_on.set()
            await asyncio.wait_for(change, 10)
            assert engine.settings == settings
        assert not second.streams
        assert heard_in_all(told) > 0


async def test_what_is_wrong_with_a_change_is_raised_and_the_one_after_it_holds(
    tmp_path: Path, minutes_of_sound: str
) -> None:
    async with ScriptedServer(tells_how_much) as first, ScriptedServer(tells_how_much) as second:
        settings = Settings(input=minutes_of_sound, endpoint=first.target, tls=False)
        async with engine_at(settings, tmp_path) as (engine, told):
            await told.until(is_phase(Phase.LISTENING))
            unknown = settings.changed("endpoint", "stt.api.cloud.yandex.net:443").changed("credentials", "none")
            unknown = unknown.changed("recognizer", "speechkit-v2")
            results = await asyncio.gather(
                engine.change_settings(unknown),
                engine.change_settings(settings.changed("endpoint", "nowhere:port")),
                engine.change_settings(settings.changed("endpoint", second.target)),
                return_exceptions=True,
            )
            assert [type(result) for result in results] == [CredentialsError, SettingError, type(None)]
            assert engine.settings == settings.changed("endpoint", second.target)
            await asyncio.wait_for(second.stream(0), 10)


async def test_who_is_not_there_is_not_waited_for_when_another_takes_over(
    tmp_path: Path, minutes_of_sound: str
) -> None:
    """A server that takes the connection and never says a word: connecting to it would take ten seconds."""
    silent = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    nobody = f"127.0.0.1:{silent.sockets[0].getsockname()[1]}"
    async with ScriptedServer(tells_how_much) as server:
        settings = Settings(input=minutes_of_sound, endpoint=server.target, tls=False)
        async with engine_at(settings, tmp_path) as (engine, told):
            await told.until(is_phase(Phase.LISTENING))
            await engine.change_settings(settings.changed("endpoint", nobody))
            await told.until(
                lambda event: (
                    isinstance(event, SessionState)
                    and event.recognizer.endswith(nobody)
                    and event.phase is Phase.CONNECTING
                )
            )
            await engine.change_settings(settings)
            async with asyncio.timeout(5):
                await server.stream(1)
    silent.close()
    assert [event for event in told.events if isinstance(event, Gap)] == []


async def test_a_refusal_is_told_in_words_and_the_former_goes_on_from_where_it_stopped(
    tmp_path: Path, minutes_of_sound: str
) -> None:
    async with (
        ScriptedServer(tells_how_much, authorization="Api-Key right") as good,
        ScriptedServer(tells_how_much, authorization="Api-Key another") as strict,
    ):
        settings = Settings(input=minutes_of_sound, endpoint=good.target, tls=False)
        async with engine_at(settings, tmp_path, API_KEY="right") as (engine, told):
            await told.until(is_phase(Phase.LISTENING))
            await engine.change_settings(settings.changed("endpoint", strict.target))
            await told.until(is_phase(Phase.FAILED))
            failed = next(event for event in told.events if is_phase(Phase.FAILED)(event))
            assert isinstance(failed, SessionState)
            assert "The token is invalid" in failed.detail
            refused = len(told.events)
            await engine.change_settings(settings)
            await good.stream(1)
            while not any(is_phase(Phase.LISTENING)(event) for event in told.events[refused:]):
                await told.next()
        assert engine.journal is not None
        entries = list(read_journal(engine.journal))
    assert not [entry for entry in entries if isinstance(entry, Gap)]
    finals = [entry for entry in entries if isinstance(entry, Final)]
    assert len(finals) == 2
    # The good server has heard every sample once: what it was sent second begins where the first ended.
    assert good.streams[0].settings == good.streams[1].settings
    captured = max(event.time for event in told.events if hasattr(event, "time") and not isinstance(event, Notice))
    assert heard_in_all(told) / 16_000 == pytest.approx(captured, abs=0.2)


async def test_another_recogniser_is_told_once_between_what_both_have_heard(
    tmp_path: Path, minutes_of_sound: str
) -> None:
    async with ScriptedServer(tells_how_much) as first, ScriptedServer(tells_how_much) as second:
        settings = Settings(input=minutes_of_sound, endpoint=first.target, tls=False)
        async with engine_at(settings, tmp_path) as (engine, told):
            await told.until(is_phase(Phase.LISTENING))
            await engine.change_settings(settings.changed("language", "ru-RU"))  # the same one still
            await first.stream(1)
            await engine.change_settings(engine.settings.changed("endpoint", second.target))
            await (await second.stream(0)).config_read.wait()
        assert engine.journal is not None
        entries = list(read_journal(engine.journal))
    said = [entry for entry in entries if isinstance(entry, Final | Notice)]
    assert [type(entry) for entry in said] == [Final, Final, Notice, Final]
    notice = said[2]
    assert isinstance(notice, Notice)
    assert notice.message == f"SpeechKit v2 at {second.target} listens now."
