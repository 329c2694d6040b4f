"""A terminal driver that never waits for the terminal.

Textual's own driver writes through a short blocking queue, so a terminal that stops reading stops the event loop and
with it the audio. It also draws on standard error, where native libraries print. This one opens the controlling
terminal by itself, so descriptors 0, 1 and 2 are free, and gives what it draws to a thread with a bounded buffer.

Leans on these names of Textual's LinuxDriver, which are not public: `_file`, `fileno`, `input_tty`, `_loop`, `_app`,
`_get_terminal_size`, `_run_input_thread`; and for the repaint on `Screen._compositor`, `App._display` and
`App._background_screens`. Held by the pin on textual in pyproject.toml and by tests/dashboard/test_driver.py.
"""

import contextlib
import os
import select
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver

from captions.dashboard.messages import TerminalGone

BUFFER_BYTES = 1 << 20
"""How much may wait for the terminal: a few full screens. When more would, frames are dropped, and the whole screen
is drawn once when the terminal reads again."""
HANG_UP_CHECK_SECONDS = 0.5
CLOSE_SECONDS = 1.0


def terminal_is_there() -> bool:
    """Whether this process has a controlling terminal that can be opened."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return sys.__stdin__ is not None


class TerminalWriter(threading.Thread):
    """Writes to a non-blocking descriptor from a thread; `write` returns at once."""

    def __init__(self, fileno: int, on_lost: Callable[[], None], on_hang_up: Callable[[], None]) -> None:
        super().__init__(daemon=True, name="terminal-writer")
        self._fileno = fileno
        self._on_lost = on_lost
        self._on_hang_up = on_hang_up
        self._changed = threading.Condition()
        self._frames: deque[bytes | None] = deque()
        self._waiting = 0
        self._lost = False
        self._closing = False
        self._gone = False

    def write(self, text: str) -> None:
        """Queue `text`, or drop it with all that waits when the terminal is too far behind."""
        frame = text.encode("utf-8", "replace")
        with self._changed:
            if self._gone or (self._lost and not self._closing):
                return
            if self._waiting + len(frame) > BUFFER_BYTES:
                self._frames.clear()
                self._waiting = 0
                self._lost = True
                return
            self._frames.append(frame)
            self._waiting += len(frame)
            self._changed.notify()

    def finish(self) -> None:
        """From now on write what is needed to leave the terminal tidy, and drop the frames before it."""
        with self._changed:
            self._closing = True
            if self._lost:
                self._frames.clear()
                self._waiting = 0

    def close(self) -> None:
        """Wait for a moment until all is written, then leave the rest."""
        with self._changed:
            self._closing = True
            self._frames.append(None)
            self._changed.notify()
        self.join(CLOSE_SECONDS)

    def run(self) -> None:
        """Write until `close`, or until the terminal hangs up."""
        try:
            while (frame := self._next_frame()) is not None:
                self._write(frame)
        except OSError:
            self._gone = True
            self._on_hang_up()

    def _next_frame(self) -> bytes | None:
        with self._changed:
            if not self._frames:
                self._changed.wait(HANG_UP_CHECK_SECONDS)
            if not self._frames:
                os.get_terminal_size(self._fileno)  # raises OSError after a hang-up
                return b""
            frame = self._frames.popleft()
            self._waiting -= len(frame or b"")
            return frame

    def _write(self, frame: bytes) -> None:
        while frame:
            _, ready, _ = select.select([], [self._fileno], [], HANG_UP_CHECK_SECONDS)
            if ready:
                with contextlib.suppress(BlockingIOError):
                    frame = frame[os.write(self._fileno, frame) :]
        if self._lost and not self._closing:
            self._lost = False
            self._on_lost()


class TerminalDriver(LinuxDriver):
    """LinuxDriver on /dev/tty with a `TerminalWriter`."""

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self.fileno = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC | os.O_NONBLOCK)
        self.input_tty = True
        self._nothing = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - closed by close
        self._file = self._nothing  # the base class starts a writer of its own, which gets nothing to write
        self._writer: TerminalWriter | None = None

    def _get_terminal_size(self) -> tuple[int, int]:
        try:
            width, height = os.get_terminal_size(self.fileno)
        except OSError:
            return 80, 24
        return width or 80, height or 24

    def write(self, data: str) -> None:
        """Hand `data` to the writer; never waits."""
        if self._writer is not None:
            self._writer.write(data)

    def start_application_mode(self) -> None:
        self._writer = TerminalWriter(self.fileno, self._lost, self._hung_up)
        self._writer.start()
        super().start_application_mode()  # type: ignore[no-untyped-call]

    def stop_application_mode(self) -> None:
        if self._writer is not None:
            self._writer.finish()
        super().stop_application_mode()

    def close(self) -> None:
        super().close()
        self._nothing.close()
        if self._writer is not None:
            self._writer.close()
            if not self._writer.is_alive():
                os.close(self.fileno)

    def _run_input_thread(self) -> None:
        try:
            self.run_input_thread()
        except OSError:
            self._hung_up()

    def _hung_up(self) -> None:
        self._app.post_message(TerminalGone())

    def _lost(self) -> None:
        self._loop.call_soon_threadsafe(self._repaint)

    def _repaint(self) -> None:
        screen = self._app.screen
        self._app._display(
            screen, screen._compositor.render_update(full=True, screen_stack=self._app._background_screens)
        )


@contextlib.contextmanager
def standard_error_to(path: Path) -> Iterator[None]:
    """Point descriptor 2 at the file `path` (made anew, private to the user), and back in the end.

    ALSA, PortAudio and gRPC print there, past Python. Where the file cannot be made, it goes nowhere.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except OSError:
        target = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    before = os.dup(2)
    try:
        os.dup2(target, 2)
        os.close(target)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
