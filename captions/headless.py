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
from typing import TextIO

from captions.engine import Engine
from captions.errors import ExitCode
from captions.events import (
    Backlog,
    Delays,
    Event,
    Final,
    Gap,
    Level,
    Notice,
    Partial,
    Phase,
    Progress,
    SessionState,
    Severity,
    StreamEnded,
)
from captions.plain import WORDS, Sentences, command
from captions.plain_text import plain
from captions.settings import Settings
from captions.stats import Stats
from captions.transcript import records

TYPE_WHAT = f"Type one of these words, then Enter: {', '.join(WORDS)}."
MARK_WHAT = "There is no caption yet to mark."
GIVE_UP_SECONDS = 60.0
"""How long one stream after another may fail before the command ends with the error."""


class Printer:
    """Writes lines in order, in a thread of its own. What waits is bounded by what is said while nobody reads."""

    def __init__(self, stream: TextIO) -> None:
        self.broken = False
        self._stream = stream
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name=f"print to {stream.name}", daemon=True)
        self._thread.start()

    def print(self, text: str) -> None:
        self._lines.put(text)

    def finish(self, timeout: float) -> None:
        """Wait until all is written, or `timeout` seconds."""
        self._lines.put(None)
        self._thread.join(timeout)

    def _write(self) -> None:
        try:
            while (text := self._lines.get()) is not None:
                self._stream.write(text)
                if self._lines.empty():
                    self._stream.flush()
            self._stream.flush()
        except (OSError, ValueError):
            self.broken = True


class Headless:
    """Prints what an engine says, and ends it when there is nothing more to hear.

    `plainly` is as for a dashboard: lines of `Sentences`, words that can be typed, and no giving up.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        ndjson: bool = False,
        partials: bool = False,
        real_time: bool = True,
        stats: bool = False,
        plainly: bool = False,
    ) -> None:
        self._ndjson = ndjson
        self._stats = Stats() if stats else None
        self._sentences = Sentences() if plainly else None
        self._last: Final | None = None
        self._partials = partials
        self._one_utterance = settings.single_utterance
        self._output = Printer(sys.stdout)
        self._messages = Printer(sys.stderr)
        self._shows_progress = sys.stderr.isatty()
        self._progress = ""
        self._ended = asyncio.Event()
        self._signal = 0
        self._units = 0
        self._broken = False
        give_up_after = None if plainly else GIVE_UP_SECONDS
        self._engine = Engine(settings, self._on_event, real_time=real_time, give_up_after=give_up_after)

    async def run(self) -> int:
        """Listen until the input ends, an error stops it, or a signal does. Returns the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
                loop.add_signal_handler(number, self._on_signal, number)
        if self._sentences is not None and sys.stdin.isatty():
            signal.signal(
                signal.SIGTTIN, signal.SIG_IGN
            )  # in a shell's background reading fails then, and stops nothing
            loop.add_reader(sys.stdin.fileno(), self._on_typed)
        running = asyncio.create_task(self._engine.run())
        ended = asyncio.create_task(self._ended.wait())
        try:
            await asyncio.wait({running, ended}, return_when=asyncio.FIRST_COMPLETED)
            await self._engine.stop()
            await running
        finally:
            ended.cancel()
            if self._sentences is None:
                self._message(f"captions: billed: {self._units} units" if self._units else "")
                for line in self._stats.lines() if self._stats is not None else ():
                    self._message(f"captions: {line}")
            elif self._units:
                self._output.print(f"[Billed: {self._units} units.]\n")
            self._output.finish(timeout=10.0)
            self._messages.finish(timeout=1.0)
        if self._output.broken:
            # Nobody reads any more: as a process would be ended by the signal for it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 128 + (self._signal or signal.SIGPIPE)
        if self._signal:
            return 128 + self._signal
        return self._engine.error.exit_code if self._engine.error is not None else ExitCode.OK

    def _on_signal(self, number: int) -> None:
        self._signal = number
        self._ended.set()

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
            match command(line):
                case "pause":
                    self._engine.pause()
                case "resume":
                    self._engine.resume()
                case "mark" if self._last is not None:
                    self._engine.mark(self._last.track, self._last.start)
                case "quit":
                    self._ended.set()
                case _:
                    self._output.print(f"[{MARK_WHAT if command(line) else TYPE_WHAT}]\n")

    def _on_event(self, event: Event) -> None:
        if self._output.broken:
            self._ended.set()
        if self._stats is not None:
            self._stats.count(event)
        if isinstance(event, Final):
            self._last = event
        elif isinstance(event, StreamEnded):
            self._units = event.units_so_far
        if self._sentences is None:
            self._tell(event)
        elif line := self._sentences.line(event):
            self._output.print(f"{line}\n")
        if isinstance(event, SessionState) and (
            event.phase in (Phase.ENDED, Phase.FAILED, Phase.NO_INPUT)
            or (event.phase is Phase.PAUSED and self._one_utterance)
        ):
            self._ended.set()

    def _tell(self, event: Event) -> None:
        if isinstance(event, Progress):
            self._show_progress(event)
        elif isinstance(event, Level | Backlog) or (isinstance(event, Delays) and self._stats is None):
            return
        elif self._ndjson:
            if not isinstance(event, Partial) or self._partials:
                self._output.print(records.line(records.record(event)).decode())
        elif isinstance(event, Final):
            self._output.print(f"{event.text}\n")
        elif isinstance(event, Partial) and self._partials and event.text:
            self._output.print(f"… {event.text}\n")
        if isinstance(event, SessionState):
            self._on_state(event)
        elif isinstance(event, Notice):
            name = "captions" if event.severity is Severity.INFORMATION else f"captions: {event.severity}"
            self._message(f"{name}: {event.message} {event.hint}".rstrip())
        elif isinstance(event, Gap):
            self._message(f"captions: nobody heard {event.start:.1f} s to {event.end:.1f} s: {event.reason}")

    def _on_state(self, state: SessionState) -> None:
        if state.phase is Phase.RECONNECTING:
            self._broken = True
            self._message(f"captions: trying again: {state.detail}")
        elif state.phase is Phase.WAITING:
            self._broken = True
            self._message("captions: waiting for the microphone to come back")
        elif state.phase is Phase.LISTENING and self._broken:
            self._broken = False
            self._message("captions: listening again")

    def _show_progress(self, progress: Progress) -> None:
        """One line that is written over, on a terminal only."""
        total = f" of {_clock(progress.total)}" if progress.total is not None else ""
        text = f"{_clock(progress.elapsed)}{total}"
        if self._shows_progress and text != self._progress:
            self._progress = text
            self._messages.print(f"\r{text} ")

    def _message(self, text: str) -> None:
        """A line of its own, in the place of the progress."""
        if self._progress:
            self._messages.print("\r" + " " * (len(self._progress) + 1) + "\r")
            self._progress = ""
        if text:
            self._messages.print(f"{plain(text)}\n")


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    return f"{minutes}:{seconds:02d}"


def transcribe(settings: Settings, *, ndjson: bool, partials: bool, real_time: bool, stats: bool) -> int:
    """Run the command. Returns the exit code."""

    async def run() -> int:
        return await Headless(settings, ndjson=ndjson, partials=partials, real_time=real_time, stats=stats).run()

    return asyncio.run(run())


def print_plainly(settings: Settings) -> int:
    """Caption the settings' input in plain lines until the person or the input ends it. Returns the exit code."""

    async def run() -> int:
        return await Headless(settings, plainly=True).run()

    return asyncio.run(run())
