"""Everything left of the screen, wired together: settings in, events out.

The dashboard's worker and the headless command both run this, and nothing else, so that a feature works in both.
"""

import asyncio
import contextlib
import dataclasses
import locale
import os
import time
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from captions.audio.block import AudioBlock
from captions.audio.names import shown_name
from captions.audio.recording import Recording, recording_of
from captions.audio.source import AudioFormat, open_source
from captions.errors import CaptionsError, InputError, ModelMissing, StorageError
from captions.events import (
    Event,
    Final,
    Level,
    Mark,
    ModelWanted,
    Notice,
    Partial,
    Phase,
    Progress,
    SessionState,
    Severity,
    Titled,
)
from captions.recognition.choose import make_recognizer, recognition_options
from captions.recognition.chosen import check
from captions.recognition.limits import StreamLimits
from captions.recognition.listening import Listening
from captions.recognition.recognizer import InParts, Recognizer
from captions.recognition.session import Session
from captions.recognition.shown_partials import ShownPartials
from captions.recognition.silence_hints import SilenceHints
from captions.server.adding import Adding
from captions.settings import ROWS, Settings, data_folder
from captions.transcript.formats import About
from captions.transcript.journal import reopen_journal
from captions.transcript.keeper import Keeper
from captions.transcript.live_file import LiveFile
from captions.transcript.sessions import cut_off_sessions

CONNECTION = (
    "recognizer",
    "local_engine",
    "whisper_model",
    "endpoint",
    "tls",
    "ca_file",
    "client_certificate",
    "client_key",
    "metadata_file",
    "credentials",
    "credentials_file",
    "iam_endpoint",
    "folder_id",
)
"""Settings that need another connection; any other change of recognition needs only another stream."""
RECOGNITION = (
    "language",
    "more_languages",
    "eou_sensitivity",
    "max_pause_ms",
    "model",
    "sample_rate",
    "encoding",
    "partial_results",
    "profanity_filter",
    "raw_results",
    "literature_text",
    "single_utterance",
    "block_ms",
    "pcm_rate",
    "pcm_channels",
    "silence_seconds",
    "keep_minutes",
    "stream_seconds",
    "stream_bytes",
)

NEEDS = frozenset({"recognizer", "local_engine", "whisper_model", "language"})
"""Settings by which something may be needed that is not here."""

DELAYS_EVERY = 1.0
"""Seconds between two tellings of the delays, at least."""

RECORDING_SECONDS = 1.0
"""How long the end of a recording may take to be written."""

OnEvent = Callable[[Event], None]


class Engine:
    """A session with its recogniser and its journal. Made and used on one event loop, on which `on_event` is called.

    Captions and all else that lasts are in the journal before `on_event` is told of them. `real_time` off plays files
    as fast as the recogniser takes them; `give_up_after` is as in `Session`.
    """

    def __init__(
        self,
        settings: Settings,
        on_event: OnEvent,
        *,
        environment: Mapping[str, str] = os.environ,
        folder: Path | None = None,
        real_time: bool = True,
        give_up_after: float | None = None,
    ) -> None:
        self.settings = settings
        self.error: CaptionsError | None = None
        self._on_event = on_event
        self._environment = environment
        self._real_time = real_time
        self._give_up_after = give_up_after
        self._recognizer: Recognizer | None = None
        self._session: Session | None = None
        kept = {**dataclasses.asdict(settings), "input": shown_name(settings.input)}
        self._folder = folder or data_folder() / "sessions"
        self._keeper = Keeper(self._folder, kept, self._tell)
        self._silence_hints = SilenceHints()
        self._recording: Recording | None = None
        self._partials: ShownPartials | None = None
        self._delays_told = 0.0
        self._retiring: set[asyncio.Task[None]] = set()
        self._changing = asyncio.Lock()
        """Held while a recogniser is made, so that changes take turns."""
        self._adding = Adding(on_event, self._model_added)
        self._stopping: asyncio.Task[None] | None = None
        self._stopped = asyncio.Event()

    @property
    def journal(self) -> Path | None:
        """The file in which the session is kept, once there is one."""
        return self._keeper.path

    @property
    def recognizer(self) -> str:
        """Who listens, by the value of the setting and never `auto`; empty until that is known."""
        return self._recognizer.kind if self._recognizer is not None else ""

    @property
    def languages(self) -> tuple[str, ...]:
        """Language codes that the recogniser in use has; empty until that is known."""
        return self._recognizer.languages if self._recognizer is not None else ()

    @property
    def paused(self) -> bool:
        """Whether the user stopped listening."""
        return self._session is not None and self._session.paused

    @property
    def playing(self) -> bool:
        """Whether the input is a file, in which one can seek."""
        return self._session is not None and self._session.playing

    async def run(self) -> None:
        """Listen until `stop`. Raises CaptionsError when no recogniser can be had, and what was not foreseen."""
        stopped = asyncio.create_task(self._stopped.wait())
        tasks = {
            stopped,
            asyncio.create_task(self._offer_cut_off(datetime.now(UTC))),
            asyncio.create_task(self._keeper.run()),
        }
        try:
            if self.settings.output:
                self._keeper.also = await asyncio.to_thread(_live_file, self.settings)
            if self.settings.title:
                self._give_title()
            async with self._changing:
                recognizer = await asyncio.to_thread(make_recognizer, self.settings, self._environment)
                session = Session(
                    self._listening(recognizer), self._event, give_up_after=self._give_up_after, captured=self._captured
                )
                self._recognizer, self._session = recognizer, session
                self._partials = ShownPartials(self.settings.stability, self._on_event, session.delays.showed)
            tasks |= {asyncio.create_task(self._start(session, recognizer)), asyncio.create_task(session.run())}
            while not stopped.done():
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done - {stopped}:
                    task.result()
                    tasks.discard(task)
        finally:
            if not self._stopped.is_set():
                await self.stop()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # What a person can do

    def use_input(self, name: str) -> None:
        """Hear another input from now on: `auto`, or a name of `open_source`."""
        self.settings = dataclasses.replace(self.settings, input=name)
        if self._session is None:
            return
        if name == "auto" and self._recognizer is not None:
            self._background(self._start(self._session, self._recognizer))
        else:
            self._session.use_input(name)

    async def change_settings(self, settings: Settings) -> None:
        """Put other settings in force; the transcript stays, and they hold when this returns.

        Changes take turns, in the order in which they are asked for, also with the start. Raises CredentialsError,
        SettingError, and RecognizerMissing, of which ModelMissing is one, where what is to be heard from now on cannot
        be heard here; then all is as it was.
        """
        same_input = settings.input == self.settings.input
        async with self._changing:
            if same_input:  # another may have been chosen meanwhile: it waits for no turn
                settings = dataclasses.replace(settings, input=self.settings.input)
            before = self.settings
            changes = {row: value for row in ROWS if (value := getattr(settings, row)) != getattr(before, row)}
            recognizer = None
            if self._session is not None and not changes.keys().isdisjoint(CONNECTION):
                recognizer = await asyncio.to_thread(make_recognizer, settings, self._environment)
            else:
                check(settings, self._recognizer.kind if self._recognizer is not None else settings.recognizer)
            if not changes.keys().isdisjoint(NEEDS):
                await self._check_parts(settings, recognizer)
            if self._stopping is None:
                self.settings = dataclasses.replace(self.settings, **changes)
                self._put_in_force(changes, recognizer)

    def _put_in_force(self, changes: Mapping[str, Any], recognizer: Recognizer | None) -> None:
        """Act on changes of the settings; `recognizer` is the one to be heard by from now on, if another."""
        session, previous = self._session, self._recognizer
        if session is None:
            return
        if recognizer is not None:
            self._recognizer = recognizer
            session.use_listening(self._listening(recognizer))
            self._background(self._prepare(recognizer))
            if previous is not None:
                self._background(self._retire(session, previous))
        elif previous is not None and not changes.keys().isdisjoint(RECOGNITION):
            session.use_listening(self._listening(previous))
        if self._partials is not None:
            self._partials.change(self.settings.stability)
        if "title" in changes:
            self._give_title()
        if "input" in changes:
            self.use_input(self.settings.input)

    def pause(self) -> None:
        """Stop listening until `resume`."""
        if self._session is not None:
            self._session.pause()

    def resume(self) -> None:
        """Listen again."""
        if self._session is not None:
            self._session.resume()

    def seek_by(self, seconds: float) -> None:
        """Move in the file that is being played."""
        if self._session is not None:
            self._session.seek_by(seconds)

    def restart(self) -> None:
        """Open the same input again; a file plays from its beginning."""
        if self._session is not None:
            self._session.restart()

    def add_model(self, name: str) -> None:
        """Download a model, to which a person has agreed. It is told by events; a session that waits for it goes on."""
        self._adding.begin(name)

    def cancel_model(self) -> None:
        """End the download of a model; what has come is kept."""
        self._background(self._adding.cancel())

    def _model_added(self) -> None:
        if self._session is not None and isinstance(self._session.error, ModelMissing):
            self._session.retry()

    def mark(self, track: str, time: float, removed: bool = False) -> None:
        """Mark the caption of a track that is said at `time`, or take its mark away."""
        self._keeper.put(Mark(track, time, datetime.now(UTC), removed))

    def _give_title(self) -> None:
        time = self._session.time if self._session is not None else 0.0
        self._keeper.put(Titled(time, datetime.now(UTC), self.settings.title))

    async def stop(self, drain: float = 2.0) -> None:
        """End the session; what was captured gets up to `drain` seconds to be heard. Called once or more."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop(drain))
        await asyncio.shield(self._stopping)

    async def _stop(self, drain: float) -> None:
        await self._adding.cancel()
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)
        if self._session is not None:
            await self._session.stop(drain)
        if self._recording is not None and not await asyncio.to_thread(self._recording.finish, RECORDING_SECONDS):
            self._not_recorded(
                StorageError(f"The end of {self._recording.path} was not written: the disk is too slow.")
            )
        await self._keeper.finish()
        if self._partials is not None:
            self._partials.close()
        self._tell_delays()
        self.error = self.error or self._keeper.error
        if self._recognizer is not None:
            await self._recognizer.aclose()
        self._stopped.set()

    # Parts

    async def _start(self, session: Session, recognizer: Recognizer) -> None:
        """Open the first input while the recogniser gets ready; its failure is told when a stream is opened."""
        preparing = asyncio.create_task(recognizer.prepare())
        try:
            session.use_input(await self._resolved_input())
            with contextlib.suppress(CaptionsError):
                await preparing
        finally:
            preparing.cancel()
            await asyncio.gather(preparing, return_exceptions=True)

    async def _offer_cut_off(self, now: datetime) -> None:
        """Tell of sessions that a crash cut off and in which something was said, and mend all of them.

        What can't be mended is told at the next start again.
        """
        for session in await asyncio.to_thread(cut_off_sessions, self._folder, now):
            if self._stopping is not None:  # the keeper may take no more
                return
            if session.captions:
                began, count = session.started.astimezone(), session.captions
                when = f"{began:%H:%M}" if began.date() == now.astimezone().date() else f"{began:%Y-%m-%d %H:%M}"
                kept = "its caption is kept" if count == 1 else f"all {count:,} captions are kept"
                message = f"The session of {when} was cut off; {kept}: `captions show '{session.name}'`."
                self._keeper.put(Notice(0.0, datetime.now(UTC), Severity.INFORMATION, message))
            with contextlib.suppress(StorageError):
                await asyncio.to_thread(lambda path: reopen_journal(path).close(), session.path)

    async def _resolved_input(self) -> str:
        """The input to open: for `auto` a microphone if one can be opened, else the sample, and the reason is told."""
        if self.settings.input != "auto":
            return self.settings.input
        try:
            microphone = await open_source("microphone", AudioFormat())
        except InputError as error:
            self._tell(
                Notice(0.0, datetime.now(UTC), Severity.INFORMATION, f"{error.message} Playing the sample.", error.hint)
            )
            return "sample"
        await microphone.aclose()
        return "microphone"

    def _listening(self, recognizer: Recognizer) -> Listening:
        settings = self.settings
        system_locale = locale.getlocale()[0] or ""
        return Listening(
            recognizer,
            lambda languages: recognition_options(settings, languages, system_locale),
            AudioFormat(
                rate=settings.sample_rate,
                block_ms=settings.block_ms,
                pcm_rate=settings.pcm_rate,
                pcm_channels=settings.pcm_channels,
                real_time=self._real_time,
            ),
            silence_seconds=settings.silence_seconds,
            kept_seconds=60.0 * settings.keep_minutes,
            limits=_limits(settings, recognizer.limits),
        )

    async def _check_parts(self, settings: Settings, made: Recognizer | None) -> None:
        """Raise what keeps these settings from being heard with, also by a recogniser `made` for them: it is closed."""
        recognizer = made or self._recognizer
        if isinstance(recognizer, InParts):
            options = recognition_options(settings, recognizer.languages, locale.getlocale()[0] or "")
            if (missing := await asyncio.to_thread(recognizer.lacks, options)) is not None:
                if made is not None:
                    await made.aclose()
                raise missing

    async def _prepare(self, recognizer: Recognizer) -> None:
        """Have a recogniser that takes over get ready while the one before it is heard out."""
        with contextlib.suppress(CaptionsError):  # told when a stream is opened
            await recognizer.prepare()

    async def _retire(self, session: Session, recognizer: Recognizer) -> None:
        try:
            await session.let_go(recognizer)
        finally:
            await recognizer.aclose()

    def _background(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    def _event(self, event: Event) -> None:
        if isinstance(event, Level | Progress):
            self._on_event(event)
        else:
            self._keeper.put(event)
        if isinstance(event, Level) and time.monotonic() - self._delays_told >= DELAYS_EVERY:
            self._tell_delays()
        speaking = self._session is not None and self._session.speaking
        if (hint := self._silence_hints.hear(event, datetime.now(UTC), speaking=speaking)) is not None:
            self._keeper.put(hint)

    def _captured(self, block: AudioBlock) -> None:
        """Record the sound where that is wanted, once there is a journal for it to lie beside."""
        if not self.settings.record or self.journal is None:
            return
        if self._recording is None:
            loop = asyncio.get_running_loop()

            def failed(error: StorageError) -> None:
                loop.call_soon_threadsafe(self._not_recorded, error)

            self._recording = Recording(recording_of(self.journal), failed)
        self._recording.put(block)

    def _not_recorded(self, error: StorageError) -> None:
        self._keeper.put(Notice(0.0, datetime.now(UTC), Severity.ERROR, error.message, error.hint))

    def _tell(self, event: Event) -> None:
        if isinstance(event, SessionState) and self._session is not None:
            self.error = self._session.error
            if event.phase is Phase.FAILED and isinstance(wanted := self.error, ModelMissing):
                self._on_event(ModelWanted(wanted.model, wanted.size, wanted.language, wanted.message, wanted.hint))
        if isinstance(event, Partial) and self._partials is not None:
            self._partials.hear(event)
            return
        if isinstance(event, Final) and self._session is not None and self._partials is not None:
            self._partials.end(event)
            self._session.delays.told_final(self._session.end_of(event))
        self._on_event(event)

    def _tell_delays(self) -> None:
        self._delays_told = time.monotonic()
        if self._session is not None and self._session.delays.changed:
            self._on_event(self._session.delays.delays())


def _limits(settings: Settings, known: StreamLimits) -> StreamLimits:
    """What a stream may have: as the settings say, else as is known of the recogniser."""
    return dataclasses.replace(
        known, seconds=settings.stream_seconds or known.seconds, bytes=settings.stream_bytes or known.bytes
    )


def _live_file(settings: Settings) -> LiveFile:
    """Begin the file that a person wants beside the journal."""
    return LiveFile(Path(settings.output), About(datetime.now(UTC), title=settings.title, labels={"main": ""}))
