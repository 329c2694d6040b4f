"""`captions transcribe`: the engine without a dashboard.

Captions go to standard output, what is happening to standard error. Printing is done by a thread, so that a reader
who stops reading holds up neither the audio nor the stream.
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
from captions.settings import Settings
from captions.transcript import records

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
    """Prints what an engine says, and ends it when there is nothing more to hear."""

    def __init__(self, settings: Settings, *, ndjson: bool, partials: bool, real_time: bool) -> None:
        self._ndjson = ndjson
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
        self._engine = Engine(settings, self._on_event, real_time=real_time, give_up_after=GIVE_UP_SECONDS)

    async def run(self) -> int:
        """Listen until the input ends, an error stops it, or a signal does. Returns the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._on_signal, number)
        running = asyncio.create_task(self._engine.run())
        ended = asyncio.create_task(self._ended.wait())
        try:
            await asyncio.wait({running, ended}, return_when=asyncio.FIRST_COMPLETED)
            await self._engine.stop()
            await running
        finally:
            ended.cancel()
            self._message(f"captions: billed: {self._units} units" if self._units else "")
            self._output.finish(timeout=10.0)
            self._messages.finish(timeout=1.0)
        if self._output.broken:
            # Nobody reads any more: as a process would be ended by the signal for it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 128 + signal.SIGPIPE
        if self._signal:
            return 128 + self._signal
        return self._engine.error.exit_code if self._engine.error is not None else ExitCode.OK

    def _on_signal(self, number: int) -> None:
        self._signal = number
        self._ended.set()

    def _on_event(self, event: Event) -> None:
        if self._output.broken:
            self._ended.set()
        if isinstance(event, Progress):
            self._show_progress(event)
        elif isinstance(event, Level | Backlog | Delays):
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
        elif isinstance(event, StreamEnded):
            self._units = event.units_so_far
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
        if state.phase in (Phase.ENDED, Phase.FAILED, Phase.NO_INPUT) or (
            state.phase is Phase.PAUSED and self._one_utterance
        ):
            self._ended.set()

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
            self._messages.print(f"{text}\n")


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    return f"{minutes}:{seconds:02d}"


def transcribe(settings: Settings, *, ndjson: bool, partials: bool, real_time: bool) -> int:
    """Run the command. Returns the exit code."""

    async def run() -> int:
        return await Headless(settings, ndjson=ndjson, partials=partials, real_time=real_time).run()

    return asyncio.run(run())
