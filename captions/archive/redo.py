"""Captioning again from a recording: the gaps of a session, or all of it.

What is heard goes through the same engine as at first, as fast as the recogniser takes it, and gets the times that it
has on the session's clock: the recording keeps them.
"""

import asyncio
import dataclasses
import sys
import tempfile
import wave
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from captions.audio.decoder import Decoder
from captions.audio.file import MediaFile
from captions.audio.recording import RATE, recording_of
from captions.engine import Engine
from captions.errors import ExitCode, InputError, StreamError
from captions.events import Entry, Event, Final, Gap, Mark, Phase, SessionState, Titled
from captions.plain_text import plain
from captions.settings import Settings, data_folder
from captions.transcript.in_order import unfilled
from captions.transcript.journal import begin_journal, read_journal, reopen_journal
from captions.transcript.sessions import StoredSession, find_session
from captions.transcript.transcript import begins

GIVE_UP_SECONDS = 60.0
"""How long one stream after another may fail before that ends it."""
DRAIN_SECONDS = 30.0
"""How long the recogniser's last words are waited for."""
SILENT = 33
"""The highest sample of what Opus makes of silence, with room to spare: -60 dBFS."""


def redo(wanted: str, settings: Settings, *, whole: bool) -> int:
    """Caption a session again, print what is heard anew, and return the exit code. Raises CaptionsError."""

    def heard(final: Final) -> None:
        print(f"{final.wall.astimezone():%H:%M:%S} {plain(final.text)}", flush=True)

    session = find_session(data_folder() / "sessions", wanted)
    redone = asyncio.run((redo_all if whole else redo_gaps)(session, settings, heard))
    if whole:
        told = f"{redone.captions} captions, in the session {redone.journal.stem}"
    elif redone.gaps:
        told = f"{redone.captions} captions in {redone.gaps} gaps"
    else:
        told = "nothing is missing from this session"
    print(f"captions: {told}", file=sys.stderr)
    return ExitCode.OK


@dataclass(frozen=True, slots=True)
class Redone:
    """What came of it: the journal that has the new captions, how many, and of how many gaps there were."""

    journal: Path
    captions: int
    gaps: int


async def redo_gaps(session: StoredSession, settings: Settings, heard: Callable[[Final], None]) -> Redone:
    """Caption what nobody heard of a session that has ended, and add it to its journal.

    A gap's captions are written together when all of it was heard, and then `heard` is told of each: one that is
    broken off is whole the next time. Raises CaptionsError: without a recording, and where the recogniser, the
    recording or the journal fails.
    """
    recording = _recording(session)
    journal = await asyncio.to_thread(reopen_journal, session.path)
    try:
        gaps = await asyncio.to_thread(lambda: unfilled(read_journal(session.path)))
        captions = 0
        for gap in gaps:
            finals = [_placed(final, gap) for final in await _heard(recording, settings, gap.start, gap.end)]
            await asyncio.to_thread(journal.write, *finals)
            captions += len(finals)
            for final in finals:
                heard(final)
    finally:
        await asyncio.to_thread(journal.close)
    return Redone(session.path, captions, len(gaps))


async def redo_all(session: StoredSession, settings: Settings, heard: Callable[[Final], None]) -> Redone:
    """Caption a session from its beginning; its captions stay as they are, and the new ones are a session beside it.

    The new one has the times of the old one, and begins with it. Raises CaptionsError as `redo_gaps`.
    """
    recording = _recording(session)
    entries = await asyncio.to_thread(lambda: list(read_journal(session.path)))
    with tempfile.TemporaryDirectory(prefix="captions-") as folder:
        finals = await _captions_of(recording.resolve(), settings, Path(folder))
    wall = _Wall(entries, session.started)
    finals = [dataclasses.replace(final, wall=wall.at(final.start)) for final in finals]
    kept = {**dataclasses.asdict(settings), "input": recording.name}
    journal = await asyncio.to_thread(begin_journal, session.path.parent, kept, session.started)
    try:
        title = Titled(0.0, session.started, f"{session.title or session.name} (captioned again)")
        await asyncio.to_thread(journal.write, title, *finals)
    finally:
        await asyncio.to_thread(journal.close)
    for final in finals:
        heard(final)
    return Redone(journal.path, len(finals), 0)


def _recording(session: StoredSession) -> Path:
    recording = recording_of(session.path)
    if session.running:
        raise InputError(f"The session {session.name} is still being recorded.", "Redo it when it has ended.")
    if not recording.is_file():
        raise InputError(
            f"The session {session.name} has no recording, so it cannot be captioned again.",
            "Record the next one with --record.",
        )
    return recording


def _placed(final: Final, gap: Gap) -> Final:
    """Put a caption into its gap: what recognisers say of the very end may lie behind it."""
    start = max(gap.start, min(final.start, gap.end - 0.01))
    wall = gap.wall + timedelta(seconds=start - gap.start)
    return dataclasses.replace(final, track=gap.track, start=start, end=max(start, min(final.end, gap.end)), wall=wall)


class _Wall:
    """The time of day at a time of a session, by what happened last before it: pauses take no time of the session."""

    def __init__(self, entries: list[Entry], started: datetime) -> None:
        # A title can be given days later, at time 0.
        known = sorted((begins(entry), entry.wall) for entry in entries if not isinstance(entry, Titled | Mark))
        self._times, self._walls = [0.0, *(time for time, _ in known)], [started, *(wall for _, wall in known)]

    def at(self, time: float) -> datetime:
        last = bisect_right(self._times, time) - 1
        return self._walls[last] + timedelta(seconds=time - self._times[last])


async def _heard(recording: Path, settings: Settings, start: float, end: float) -> list[Final]:
    """Return what is said in a part of a recording, at the times of the whole."""
    with tempfile.TemporaryDirectory(prefix="captions-") as folder:  # private to the user, as the recording is
        part = Path(folder) / "part.wav"
        if not await asyncio.to_thread(_cut, recording, start, end, part):
            return []
        return [_later(final, start) for final in await _captions_of(part, settings, Path(folder))]


def _cut(recording: Path, start: float, end: float, part: Path) -> bool:
    """Write a part of a recording to a file of its own, and return whether there is anything but silence in it."""
    decoder = Decoder(MediaFile(str(recording), RATE, 1), RATE)
    try:
        decoder.seek(start)
        left = round((end - start) * RATE)
        loudest = 0
        with wave.open(str(part), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            while left > 0 and len(samples := decoder.read(min(left, 60 * RATE))):
                file.writeframes(samples.astype("<i2").tobytes())
                loudest = max(loudest, int(np.abs(samples.astype(np.int32)).max()))
                left -= len(samples)
        return loudest > SILENT
    finally:
        decoder.close()


async def _captions_of(part: Path, settings: Settings, folder: Path) -> list[Final]:
    """Return what an engine of its own hears in a file. Raises CaptionsError when it cannot hear all of it."""
    finals: list[Final] = []
    gaps: list[Gap] = []
    ended = asyncio.Event()
    failed = False

    def on_event(event: Event) -> None:
        nonlocal failed
        if isinstance(event, Final):
            finals.append(event)
        elif isinstance(event, Gap):
            gaps.append(event)
        elif isinstance(event, SessionState) and event.phase in (Phase.ENDED, Phase.FAILED, Phase.NO_INPUT):
            failed = event.phase is not Phase.ENDED
            ended.set()

    settings = dataclasses.replace(settings, input=str(part), output="", title="", record=False, single_utterance=False)
    engine = Engine(settings, on_event, folder=folder, real_time=False, give_up_after=GIVE_UP_SECONDS)
    running = asyncio.create_task(engine.run())
    waiting = asyncio.create_task(ended.wait())
    try:
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        await engine.stop(0.0 if failed else DRAIN_SECONDS)
        await running
    finally:
        waiting.cancel()
        running.cancel()
        await asyncio.gather(running, waiting, return_exceptions=True)
    if engine.error is not None:
        raise engine.error
    if gaps:
        raise StreamError("DEADLINE_EXCEEDED", f"a part was not heard: {gaps[0].reason}", "Try again.")
    return finals


def _later(final: Final, seconds: float) -> Final:
    words = tuple(dataclasses.replace(word, start=word.start + seconds, end=word.end + seconds) for word in final.words)
    return dataclasses.replace(final, start=final.start + seconds, end=final.end + seconds, words=words)
