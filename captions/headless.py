"""`captions transcribe` and `captions --plain`: the engine without a dashboard.

Captions go to standard output, what is happening to standard error, or plainly both to standard output. Printing is
done by a thread, so that a reader who stops reading holds up neither the audio nor the stream.
"""

import asyncio
import os
import queue
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TextIO

from captions import __version__
from captions.audio.names import shown_name
from captions.engine import Engine
from captions.errors import ExitCode
from captions.events import (
    Backlog,
    Delays,
    Event,
    Final,
    Gap,
    Level,
    ModelEnded,
    ModelProgress,
    ModelWanted,
    Notice,
    Partial,
    Phase,
    Progress,
    SessionState,
    Severity,
    StreamEnded,
)
from captions.plain import WORDS, Sentences, command, means_yes
from captions.plain_text import plain
from captions.progress_bar import DownloadBar, ProgressBar
from captions.settings import Settings
from captions.stats import Stats
from captions.transcript import records
from captions.transcript.data_formats import Ndjson
from captions.transcript.formats import About

TYPE_WHAT = f"Type one of these words, then Enter: {', '.join(WORDS)}."
MARK_WHAT = "There is no caption yet to mark."
GIVE_UP_SECONDS = 60.0
"""How long one stream after another may fail before the command ends with the error."""
OF_ONE_SOURCE = (ExitCode.OK, ExitCode.INPUT, ExitCode.STORAGE)
"""How the session of one source may end without that of the next being in vain."""


class Printer:
    """Writes to streams in order, in a thread of its own. What waits is bounded by what is said while nobody reads."""

    def __init__(self, name: str) -> None:
        self.broken = False
        self._texts: queue.SimpleQueue[tuple[TextIO, str] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name=f"print to {name}", daemon=True)
        self._thread.start()

    def print(self, stream: TextIO, text: str) -> None:
        self._texts.put((stream, text))

    def finish(self, timeout: float) -> None:
        """Wait until all is written, or `timeout` seconds."""
        self._texts.put(None)
        self._thread.join(timeout)

    def _write(self) -> None:
        try:
            while (item := self._texts.get()) is not None:
                stream, text = item
                stream.write(text)
                if self._texts.empty() or stream is not sys.stdout:
                    stream.flush()
        except (OSError, ValueError):
            self.broken = True


class Console:
    """Standard output and standard error, and how the command is ended from outside: by a signal, or by its reader.

    Where both are terminals, which are most likely the same one, what goes to them keeps its order, and the
    progress stays below the captions.
    """

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.shows_progress = sys.stderr.isatty()
        self._together = self.shows_progress and sys.stdout.isatty()
        self._signal = 0
        self._output = Printer("standard output")
        self._messages = self._output if self._together else Printer("standard error")
        self._progress = ""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
                asyncio.get_running_loop().add_signal_handler(number, self._on_signal, number)

    def print(self, text: str) -> None:
        """Print to standard output, where nothing else goes."""
        if self._together:
            self._above_progress(sys.stdout, text)
        else:
            self._output.print(sys.stdout, text)

    def message(self, text: str) -> None:
        """Print a line to standard error."""
        self._above_progress(sys.stderr, f"{plain(text)}\n")

    def ask(self, question: str) -> None:
        """Print a question to standard error; the answer is typed behind it."""
        self.show_progress("")
        self._messages.print(sys.stderr, f"{plain(question)} ")

    def show_progress(self, text: str) -> None:
        """Show this line, shorter than the terminal is wide, below all others until the next one; none for ""."""
        if text != self._progress:
            erased = f"\r{' ' * len(self._progress)}\r" if self._progress else ""
            self._messages.print(sys.stderr, erased + text)
            self._progress = text

    def _above_progress(self, stream: TextIO, text: str) -> None:
        progress = self._progress
        self.show_progress("")
        self._messages.print(stream, text)
        self.show_progress(progress)

    def notice_reader(self) -> None:
        """End if nobody reads standard output any more."""
        if self._output.broken:
            self.ended.set()

    def finish(self, code: int) -> int:
        """Wait until all is written. Returns the exit code: `code`, or what ended the command from outside."""
        self._output.finish(timeout=10.0)
        self._messages.finish(timeout=1.0)
        for stream, printer in ((sys.stdout, self._output), (sys.stderr, self._messages)):
            if printer.broken:  # what is left of it must not be tried again when the process ends
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if self._signal or self._output.broken:
            return 128 + (self._signal or signal.SIGPIPE)  # as a process that it would have ended
        return code

    def _on_signal(self, number: int) -> None:
        self._signal = number
        self.ended.set()


class Headless:
    """Prints what an engine says, and ends it when there is nothing more to hear.

    `plainly` is as for a dashboard: lines of `Sentences`, words that can be typed, and no giving up.
    """

    def __init__(
        self,
        settings: Settings,
        console: Console,
        *,
        ndjson: bool = False,
        partials: bool = False,
        real_time: bool = True,
        stats: bool = False,
        plainly: bool = False,
    ) -> None:
        self._settings = settings
        self._console = console
        self._ndjson = ndjson
        self._stats = Stats() if stats else None
        self._sentences = Sentences() if plainly else None
        self._last: Final | None = None
        self._partials = partials
        self._progress = ProgressBar()
        self._download = DownloadBar()
        self._asked = False
        """Whether the person was asked for a download; once is enough."""
        self._adding = False
        self._answering = ""
        """The model for which an answer is waited for."""
        self._ended = asyncio.Event()
        self._units = 0
        self._broken = False
        give_up_after = None if plainly else GIVE_UP_SECONDS
        self._engine = Engine(settings, self._on_event, real_time=real_time, give_up_after=give_up_after)

    async def run(self) -> int:
        """Listen until the input ends, an error stops it, or the console is ended. Returns the exit code."""
        if self._ndjson:
            about = About(datetime.now(UTC), title=self._settings.title, program=__version__, labels={"main": ""})
            self._console.print(Ndjson(about).begin())
        # Where standard input is sound, nobody can type into it.
        if self._sentences is not None and self._can_type:
            self._read_what_is_typed()
        running = asyncio.create_task(self._engine.run())
        ends = [asyncio.create_task(event.wait()) for event in (self._ended, self._console.ended)]
        try:
            await asyncio.wait({running, *ends}, return_when=asyncio.FIRST_COMPLETED)
            await self._engine.stop()
            await running
        finally:
            for end in ends:
                end.cancel()
            self._console.show_progress("")
            if self._units and self._sentences is not None:
                self._console.print(f"[Billed: {self._units} units.]\n")
            elif self._units:
                self._console.message(f"captions: billed: {self._units} units")
            for line in self._stats.lines() if self._stats is not None else ():
                self._console.message(f"captions: {line}")
        return self._engine.error.exit_code if self._engine.error is not None else ExitCode.OK

    @property
    def _can_type(self) -> bool:
        return self._settings.input != "-" and sys.stdin.isatty()

    def _read_what_is_typed(self) -> None:
        signal.signal(signal.SIGTTIN, signal.SIG_IGN)  # in a shell's background reading fails then, and stops nothing
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._on_typed)

    def _on_typed(self) -> None:
        """Do what was typed: lines, because a terminal gives them so."""
        try:
            typed = os.read(sys.stdin.fileno(), 4096)
        except OSError:  # the terminal belongs to another program now
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            return
        if not typed:  # Ctrl-D
            self._ended.set()
        for line in typed.decode("utf-8", "replace").splitlines():
            if self._answering:
                self._answered(line)
                continue
            match command(line):
                case "pause":
                    self._engine.pause()
                case "resume":
                    self._engine.resume()
                case "mark" if self._last is not None:
                    self._engine.mark(self._last.track, self._last.start)
                case "quit":
                    self._ended.set()
                case _ if self._sentences is not None:
                    self._console.print(f"[{MARK_WHAT if command(line) else TYPE_WHAT}]\n")

    def _on_event(self, event: Event) -> None:
        self._console.notice_reader()
        if self._stats is not None:
            self._stats.count(event)
        if isinstance(event, Final):
            self._last = event
        elif isinstance(event, StreamEnded):
            self._units = event.units_so_far
        if isinstance(event, ModelWanted | ModelProgress | ModelEnded):
            self._on_model(event)
        elif self._sentences is None:
            self._tell(event)
        elif not (isinstance(event, SessionState) and self._waits_for_model) and (line := self._sentences.line(event)):
            self._console.print(f"{line}\n")
        if (
            isinstance(event, SessionState)
            and not self._waits_for_model
            and (
                event.phase in (Phase.ENDED, Phase.FAILED, Phase.NO_INPUT)
                or (event.phase is Phase.PAUSED and self._settings.single_utterance)
            )
        ):
            self._ended.set()

    # A model that is wanted

    @property
    def _waits_for_model(self) -> bool:
        return bool(self._answering) or self._adding

    def _on_model(self, event: ModelWanted | ModelProgress | ModelEnded) -> None:
        if self._ndjson:
            self._console.print(records.line(records.record(event)).decode())
        match event:
            case ModelWanted():
                if self._asked or not (self._can_type and sys.stderr.isatty()):
                    self._say(f"{event.message} {event.hint}")
                    return
                self._asked, self._answering = True, event.model
                self._console.ask(f"captions: {event.message} Download it from the hub now? [y/N]")
                if self._sentences is None:
                    self._read_what_is_typed()
            case ModelProgress() if self._console.shows_progress:
                self._console.show_progress(self._download.line(event.done, event.total, self._width))
            case ModelEnded():
                self._adding = False
                self._console.show_progress("")
                self._say(f"{event.message} {event.hint}" if event.message else f"The model {event.model} is here.")
                if event.message:
                    self._ended.set()

    def _answered(self, line: str) -> None:
        model, self._answering = self._answering, ""
        if self._sentences is None:
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        if means_yes(line):
            self._adding = True
            self._engine.add_model(model)
        else:
            self._say(str(self._engine.error))
            self._ended.set()

    def _say(self, text: str) -> None:
        """Tell a sentence: plainly among the captions, else on standard error."""
        if self._sentences is None:
            self._console.message(f"captions: {text.rstrip()}")
        else:
            self._console.print(f"[{plain(text).rstrip()}]\n")

    def _tell(self, event: Event) -> None:
        if isinstance(event, Progress):
            self._show_progress(event)
        elif isinstance(event, Level | Backlog) or (isinstance(event, Delays) and self._stats is None):
            return
        elif self._ndjson:
            if not isinstance(event, Partial) or self._partials:
                self._console.print(records.line(records.record(event)).decode())
        elif isinstance(event, Final):
            self._console.print(f"{event.text}\n")
        elif isinstance(event, Partial) and self._partials and event.text:
            self._console.print(f"… {event.text}\n")
        if isinstance(event, SessionState):
            self._on_state(event)
        elif isinstance(event, Notice):
            name = "captions" if event.severity is Severity.INFORMATION else f"captions: {event.severity}"
            self._console.message(f"{name}: {event.message} {event.hint}".rstrip())
        elif isinstance(event, Gap):
            self._console.message(f"captions: nobody heard {event.start:.1f} s to {event.end:.1f} s: {event.reason}")

    def _on_state(self, state: SessionState) -> None:
        if state.phase is Phase.RECONNECTING:
            self._broken = True
            self._console.message(f"captions: trying again: {state.detail}")
        elif state.phase is Phase.WAITING:
            self._broken = True
            self._console.message("captions: waiting for the input to come back")
        elif state.phase is Phase.LISTENING and self._broken:
            self._broken = False
            self._console.message("captions: listening again")

    def _show_progress(self, progress: Progress) -> None:
        if not self._console.shows_progress:
            return
        if (text := self._progress.line(progress, self._width)) is not None:
            self._console.show_progress(text)

    @property
    def _width(self) -> int:
        """Of standard error, in cells."""
        try:
            return os.get_terminal_size(sys.stderr.fileno()).columns or 80
        except OSError:  # it was closed
            return 0


def transcribe(sources: Sequence[Settings], *, ndjson: bool, partials: bool, real_time: bool, stats: bool) -> int:
    """Caption one input after another, each in a session of its own, as settings that differ in it say.

    Returns the exit code of the first that failed. An input that cannot be had does not keep the others from being
    captioned; a recogniser that refuses or cannot be reached does.
    """

    async def run() -> int:
        console, code = Console(), int(ExitCode.OK)
        try:
            for settings in sources:
                if len(sources) > 1:
                    console.message(f"captions: {shown_name(settings.input)}:")
                headless = Headless(
                    settings, console, ndjson=ndjson, partials=partials, real_time=real_time, stats=stats
                )
                ended = await headless.run()
                code = code or ended
                if console.ended.is_set() or ended not in OF_ONE_SOURCE:
                    break
        finally:
            code = console.finish(code)
        return code

    return asyncio.run(run())


def print_plainly(settings: Settings) -> int:
    """Caption the settings' input in plain lines until the person or the input ends it. Returns the exit code."""

    async def run() -> int:
        console, code = Console(), int(ExitCode.OK)
        try:
            code = await Headless(settings, console, plainly=True).run()
        finally:
            code = console.finish(code)
        return code

    return asyncio.run(run())
