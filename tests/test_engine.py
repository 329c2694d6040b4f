"""The engine wires settings, sound, recogniser and journal; what is wrong at the start ends it and hangs nothing."""

import asyncio
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from captions.audio.recording import recording_of
from captions.engine import Engine
from captions.errors import CredentialsError, InputError, SettingError, StorageError
from captions.events import Delays, Event, Final, InputChanged, Notice, Partial, Phase, SessionState
from captions.settings import Settings
from captions.transcript.journal import read_journal
from captions.transcript.sessions import read_session
from tests.local_engine import require_local_engine
from tests.scripted_server import CONTRACT_V3, Script, ScriptedServer, ServedStream, final, partial
from tests.tone_code import ToneEngine
from tests.vosk_server import VoskServer


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
                await self.next()

    async def next(self) -> None:
        """Wait for another event."""
        self._came.clear()
        await self._came.wait()


def is_phase(phase: Phase) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, SessionState) and event.phase is phase


async def test_without_the_credentials_that_were_asked_for_it_says_so_and_can_be_stopped(tmp_path: Path) -> None:
    settings = Settings(input="sample", recognizer="speechkit-v2", credentials="none")
    engine = Engine(settings, Told(), environment={}, folder=tmp_path)
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
        await engine.change_settings(settings.changed("endpoint", second.target))
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
            await engine.change_settings(Settings(input="sample", recognizer="speechkit-v2", credentials="none"))
        assert engine.settings == settings
        await engine.stop()
        await running
        assert [event.text for event in told.events if isinstance(event, Final)] == ["heard"]


async def test_settings_that_do_not_go_together_are_refused_and_the_session_goes_on(tmp_path: Path) -> None:
    async with ScriptedServer(says_when_it_ends, contract=CONTRACT_V3) as server:
        told = Told()
        settings = Settings(
            input="sample", recognizer="speechkit-v3", endpoint=server.target, tls=False, profanity_filter=True
        )
        engine = Engine(settings, told, environment={}, folder=tmp_path)
        running = asyncio.create_task(engine.run())
        await told.until(is_phase(Phase.LISTENING))
        with pytest.raises(SettingError, match="Turn off either raw_results or profanity_filter"):
            await engine.change_settings(settings.changed("raw_results", True))
        assert engine.settings == settings
        await engine.stop()
        await running
        assert [event.text for event in told.events if isinstance(event, Final)] == ["heard"]


async def test_a_vosk_server_without_an_address_is_refused_at_once_and_the_session_goes_on(tmp_path: Path) -> None:
    async with VoskServer(ToneEngine()) as server:
        told = Told()
        settings = Settings(input="sample", recognizer="vosk", endpoint=server.target, tls=False)
        engine = Engine(settings, told, environment={}, folder=tmp_path)
        running = asyncio.create_task(engine.run())
        await told.until(is_phase(Phase.LISTENING))
        with pytest.raises(SettingError, match="A Vosk server"):
            await engine.change_settings(settings.changed("endpoint", Settings().endpoint))
        assert engine.settings == settings
        assert engine.recognizer == "vosk"
        await engine.stop()
        await running
        assert not [event for event in told.events if isinstance(event, Notice)]


@pytest.fixture
def minute_of_sound(tmp_path: Path) -> str:
    """A file of 60 s at 16 kHz."""
    path = tmp_path / "talk.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(2 * 60 * 16_000))
    return str(path)


@asynccontextmanager
async def told_by(script: Script, settings: Settings, folder: Path) -> AsyncIterator[tuple[Engine, Told]]:
    """Give an engine at work against a scripted server."""
    async with ScriptedServer(script) as server:
        told = Told()
        settings = settings.changed("endpoint", server.target).changed("tls", False)
        engine = Engine(settings, told, environment={}, folder=folder)
        running = asyncio.create_task(engine.run())
        try:
            yield engine, told
        finally:
            await engine.stop()
            await running


def shows(text: str) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, Partial) and event.text == text


async def says_three_words(stream: ServedStream) -> None:
    await stream.config()
    await stream.message()
    await stream.reply(partial("it was the"))
    await stream.until_half_close()
    await stream.reply(final("it was the", end_of_utterance=True))


async def test_the_last_word_of_a_partial_is_told_when_it_has_held_and_no_partial_follows(
    tmp_path: Path, minute_of_sound: str
) -> None:
    async with told_by(says_three_words, Settings(input=minute_of_sound), tmp_path) as (_, told):
        await told.until(shows("it was the"))
        texts = [event.text for event in told.events if isinstance(event, Partial)]
        assert texts == ["it was", "it was the"]


async def test_another_stability_holds_for_the_partial_that_is_shown(tmp_path: Path, minute_of_sound: str) -> None:
    settings = Settings(input=minute_of_sound, stability="raw")
    async with told_by(says_three_words, settings, tmp_path) as (engine, told):
        await told.until(shows("it was the"))
        await engine.change_settings(engine.settings.changed("stability", "calm"))
        assert shows("")(told.events[-1])
        await engine.change_settings(engine.settings.changed("stability", "raw"))
        assert shows("it was the")(told.events[-1])


async def test_delays_are_told_of_what_is_known_and_of_nothing_else(tmp_path: Path, minute_of_sound: str) -> None:
    async with told_by(says_three_words, Settings(input=minute_of_sound), tmp_path) as (_, told):
        await told.until(lambda event: isinstance(event, Delays) and event.stabilizer is not None)
        delays = next(event for event in told.events if isinstance(event, Delays) and event.stabilizer is not None)
        assert delays.send is not None
        assert 0 <= delays.send.p50 <= delays.send.p95 < 10
        assert (delays.service, delays.partials, delays.finals) == (None, None, None)


async def test_words_with_times_tell_all_delays(tmp_path: Path, minute_of_sound: str) -> None:
    async def times_its_words(stream: ServedStream) -> None:
        await stream.config()
        for _ in range(10):
            await stream.message()
        chunk = final("it was", words=[("it", 0.1, 0.3), ("was", 0.4, 0.6)])
        chunk.final = False
        await stream.reply(chunk)
        await stream.reply(final("it was", words=[("it", 0.1, 0.3), ("was", 0.4, 0.6)]))
        await stream.until_half_close()

    async with told_by(times_its_words, Settings(input=minute_of_sound), tmp_path) as (_, told):
        await told.until(lambda event: isinstance(event, Delays) and event.finals is not None)
        delays = next(event for event in told.events if isinstance(event, Delays) and event.finals is not None)
        for stage in (delays.send, delays.service, delays.stabilizer, delays.partials, delays.finals):
            assert stage is not None
        assert delays.finals is not None
        assert delays.finals.p50 >= 0.4  # a second of sound had been sent, and the words had ended after 0.6 s


async def says_at_once(stream: ServedStream) -> None:
    await stream.config()
    await stream.message()
    await stream.reply(final("heard", end_of_utterance=True))
    await stream.until_half_close()


async def test_a_title_holds_from_the_start_and_can_be_changed(tmp_path: Path, minute_of_sound: str) -> None:
    settings = Settings(input=minute_of_sound, title="Planning")
    async with told_by(says_at_once, settings, tmp_path / "sessions") as (engine, told):
        await told.until(lambda event: isinstance(event, Final))
        assert engine.journal is not None
        before = read_session(engine.journal)
        await engine.change_settings(engine.settings.changed("title", "Budget — бюджет"))
        await engine.stop()
    after = read_session(engine.journal)
    assert before is not None
    assert after is not None
    assert (before.title, after.title) == ("Planning", "Budget — бюджет")


async def test_the_file_that_was_asked_for_has_the_captions_while_they_come_and_the_title_in_the_end(
    tmp_path: Path, minute_of_sound: str
) -> None:
    output = tmp_path / "talk.md"
    settings = Settings(input=minute_of_sound, title="Planning", output=str(output))
    async with told_by(says_at_once, settings, tmp_path / "sessions") as (engine, told):
        await told.until(lambda event: isinstance(event, Final))
        assert "heard" in output.read_text()
        await engine.change_settings(engine.settings.changed("title", "Budget"))
        await engine.stop()
    assert output.read_text().startswith("# Budget")
    assert "heard" in output.read_text()


@pytest.mark.parametrize(("name", "error"), [("talk.doc", SettingError), ("gone/talk.srt", StorageError)])
async def test_a_file_that_cannot_be_written_is_told_before_anything_is_heard(
    tmp_path: Path, name: str, error: type[Exception]
) -> None:
    settings = Settings(input="sample", recognizer="local", output=str(tmp_path / name))
    engine = Engine(settings, Told(), environment={}, folder=tmp_path)
    with pytest.raises(error):
        await asyncio.wait_for(engine.run(), 10)
    await asyncio.wait_for(engine.stop(), 5)


async def test_credentials_in_an_address_are_not_kept(tmp_path: Path) -> None:
    settings = Settings(input="http://user:secret@127.0.0.1:9/talk?token=secret")
    async with told_by(says_at_once, settings, tmp_path) as (engine, told):
        await told.until(is_phase(Phase.NO_INPUT))
        assert engine.journal is not None
        assert "127.0.0.1:9/talk" in engine.journal.read_text()
        assert "secret" not in engine.journal.read_text()


async def test_the_sound_is_recorded_beside_the_journal_when_that_is_wanted(
    tmp_path: Path, minute_of_sound: str
) -> None:
    for record in (False, True):
        settings = Settings(input=minute_of_sound, record=record)
        async with told_by(says_at_once, settings, tmp_path / str(record)) as (engine, told):
            await told.until(lambda event: isinstance(event, Final))
        assert engine.journal is not None
        assert recording_of(engine.journal).exists() is record
