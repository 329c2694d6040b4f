"""What nobody heard is captioned later from the recording, at the times at which it was said."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import numpy as np
import pytest

from captions.archive.redo import redo_all, redo_gaps
from captions.audio.block import AudioBlock, Samples
from captions.audio.media import open_sample
from captions.audio.recording import RATE, Recording, recording_of
from captions.audio.source import AudioFormat
from captions.errors import InputError, StreamError
from captions.events import Entry, Final, Gap, Mark
from captions.settings import Settings
from captions.transcript.in_order import in_order
from captions.transcript.journal import begin_journal, read_journal
from captions.transcript.sessions import StoredSession, read_session
from tests.audio.tones import tone
from tests.local_engine import require_local_engine
from tests.scripted_server import Script, ScriptedServer, ServedStream, final

BEGAN = datetime(2024, 5, 1, 10, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def caption(start: float, end: float, text: str) -> Final:
    return Final("main", start, end, at(start), text, True)


def gap(start: float, end: float) -> Gap:
    return Gap("main", start, end, at(start), "the network was gone")


def beeps(*times: float) -> list[AudioBlock]:
    """Return half a second of sound at each time."""
    sound = np.round(tone(1000, 0.5, RATE)[0] * 32767).astype(np.int16)
    return [AudioBlock(sound, round(time * RATE), RATE) for time in times]


def session(folder: Path, *entries: Entry, sound: list[AudioBlock]) -> StoredSession:
    """Return a session that has ended, with its recording if there is any sound."""
    journal = begin_journal(folder, {}, BEGAN)
    journal.write(*entries)
    journal.close()
    if sound:
        recording = Recording(recording_of(journal.path), lambda error: pytest.fail(str(error)))
        for block in sound:
            recording.put(block)
        assert recording.finish(60)
    stored = read_session(journal.path)
    assert stored is not None
    return stored


def hears(*texts: str, heard: list[Samples] | None = None) -> list[Script]:
    """Return a script for each stream, which says its text at the end with times of 0.1 s to 0.4 s."""

    def script(text: str) -> Script:
        async def run(stream: ServedStream) -> None:
            await stream.config()
            await stream.until_half_close()
            if heard is not None:
                heard.append(np.frombuffer(bytes(stream.received), np.int16))
            await stream.reply(final(text, end_of_utterance=True, words=[(text, 0.1, 0.4)]))

        return run

    return [script(text) for text in texts]


def settings_for(server: ScriptedServer) -> Settings:
    return Settings(endpoint=server.target, tls=False, recognizer="speechkit-v2")


async def test_gaps_are_filled_in_their_place_and_only_once(tmp_path: Path) -> None:
    first, last = caption(0.0, 2.0, "before"), caption(7.0, 8.0, "after")
    stored = session(tmp_path, first, gap(2.0, 3.0), gap(5.0, 6.0), last, sound=beeps(0.5, 2.25, 5.25, 7.0))
    heard: list[Samples] = []
    told: list[Final] = []
    async with ScriptedServer(*hears("one", "two", heard=heard)) as server:
        redone = await redo_gaps(stored, settings_for(server), told.append)
        again = await redo_gaps(stored, settings_for(server), told.append)
    assert (redone.captions, redone.gaps) == (2, 2)
    assert (again.captions, again.gaps) == (0, 0)
    assert [len(samples) / RATE for samples in heard] == pytest.approx([1.0, 1.0], abs=0.01)
    entries = in_order(read_journal(stored.path))
    assert [entry.text for entry in entries if isinstance(entry, Final)] == ["before", "one", "two", "after"]
    assert not any(isinstance(entry, Gap) for entry in entries)
    for final_, begin in zip(told, (2.0, 5.0), strict=True):
        assert begin <= final_.start < final_.end <= begin + 1.0
        assert abs((final_.wall - at(final_.start)).total_seconds()) < 0.001
        assert final_.words[0].start == pytest.approx(begin + 0.1, abs=0.001)


async def test_a_gap_in_which_nothing_was_recorded_stays_one(tmp_path: Path) -> None:
    stored = session(tmp_path, gap(2.0, 3.0), sound=beeps(0.0, 4.0))
    async with ScriptedServer(*hears("never")) as server:
        redone = await redo_gaps(stored, settings_for(server), lambda final: pytest.fail(final.text))
        assert server.streams == []
    assert (redone.captions, redone.gaps) == (0, 1)
    assert any(isinstance(entry, Gap) for entry in in_order(read_journal(stored.path)))


async def test_a_session_without_a_recording_says_so(tmp_path: Path) -> None:
    stored = session(tmp_path, gap(2.0, 3.0), sound=[])
    with pytest.raises(InputError, match="has no recording"):
        await redo_gaps(stored, Settings(), lambda final: pytest.fail(final.text))
    with pytest.raises(InputError, match="has no recording"):
        await redo_all(stored, Settings(), lambda final: pytest.fail(final.text))


async def test_a_recogniser_that_refuses_is_told_and_nothing_is_added(tmp_path: Path) -> None:
    stored = session(tmp_path, gap(2.0, 3.0), sound=beeps(2.25))
    before = stored.path.read_bytes()

    async def refuses(stream: ServedStream) -> None:
        await stream.config()
        await stream.abort(grpc.StatusCode.PERMISSION_DENIED, "no")

    async with ScriptedServer(refuses) as server:
        with pytest.raises(StreamError, match="PERMISSION_DENIED"):
            await asyncio.wait_for(redo_gaps(stored, settings_for(server), lambda final: pytest.fail(final.text)), 30)
    assert stored.path.read_bytes() == before


def test_what_was_never_a_gap_keeps_its_place() -> None:
    entries: list[Entry] = [caption(0, 1, "a"), Mark("main", 0.5, BEGAN), gap(1, 2), caption(2, 3, "b")]
    assert in_order(entries) == entries


async def test_all_of_a_session_is_captioned_again_by_the_recogniser_on_this_machine(tmp_path: Path) -> None:
    require_local_engine()
    source = await open_sample(AudioFormat(rate=RATE, real_time=False), 10 * RATE)
    blocks: list[AudioBlock] = []
    async for block in source.blocks():
        blocks.append(block)
        if block.end >= 25 * RATE:
            break
    await source.aclose()
    stored = session(tmp_path, caption(10.0, 25.0, "what was said first"), sound=blocks)
    before = stored.path.read_bytes()
    redone = await asyncio.wait_for(redo_all(stored, Settings(recognizer="local"), lambda final: None), 100)
    assert stored.path.read_bytes() == before
    new = read_session(redone.journal)
    assert new is not None
    assert new.started == stored.started
    finals = [entry for entry in read_journal(redone.journal) if isinstance(entry, Final)]
    assert len(finals) == redone.captions > 0
    assert "best of times" in " ".join(final.text for final in finals).lower()
    words = [word for final in finals for word in final.words]
    assert words[0].start >= 10.0
    assert words[-1].end <= 25.5
    assert all(abs((final.wall - at(final.start)).total_seconds()) < 0.01 for final in finals)
