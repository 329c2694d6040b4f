"""A terminal driver that never waits for the terminal.

Textual's own driver writes through a short blocking queue, so a terminal that stops reading stops the event loop and
with it the audio. It also draws on standard error, where native libraries print. This one opens the controlling
terminal by itself, so descriptors 0, 1 and 2 are free, gives what it draws to a thread, and draws only what the
terminal does not show yet. While the terminal is behind, it makes no frames; when it has caught up, it gets what
changed meanwhile in one.

Leans on these names of Textual's LinuxDriver, which are not public: `_file`, `fileno`, `input_tty`, `_loop`, `_app`,
`_get_terminal_size`, `_in_band_window_resize`, `_run_input_thread`, `_request_terminal_sync_mode_support`; and for the
repaint on `Screen._compositor`, `App._display` and `App._background_screens`. Held by the pin on textual in
pyproject.toml and by tests/dashboard/test_driver.py.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.color import ColorSystem
from textual import events
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Offset, Size
from textual.message import Message
from textual.messages import TerminalSupportsSynchronizedOutput

from captions.dashboard.messages import TerminalGone
from captions.dashboard.picture import Picture
from captions.dashboard.terminal_writer import TerminalWriter
from captions.events import Spread

BEHIND_BYTES = 4_096
"""While more than this waits for the terminal, no frame is made."""
UNANSWERED_SECONDS = 1.5
"""Nor while the terminal has not answered for so long: what was written may wait on the way to it, as with SSH."""
ANSWER_LOST_SECONDS = 20.0
"""After that no answer is awaited any more."""
IN_PIECES_BYTES = 512
"""A frame that is longer may arrive in pieces; the terminal is told to show it at once, where it knows how."""
QUERY = "\x1b[?2026$p"
SYNC_START, SYNC_END = "\x1b[?2026h", "\x1b[?2026l"


def terminal_is_there() -> bool:
    """Whether this process has a controlling terminal that can be opened."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return sys.__stdin__ is not None


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
        self._picture = Picture()
        self._size = (0, 0)
        self._since: float | None = None
        self._skipped = False
        self._synchronizes = False
        self._asked: float | None = None
        self._answer_took: float | None = None

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

    def paint(
        self, update: ChopsUpdate | LayoutUpdate, colors: ColorSystem, cursor: Offset | None, since: float | None
    ) -> None:
        """Write what an update changes, or while the terminal is behind nothing; it gets all when it has caught up.

        `cursor` is where the terminal's cursor belongs, for who types through an input method. `since` is when, by
        time.monotonic, that came of which the update tells; None if it tells of nothing that somebody waits for.
        """
        if self._writer is None:
            return
        if since is not None:
            self._since = since if self._since is None else min(since, self._since)
        if self.behind:
            self._skipped = True
            self._writer.tell_when_read()
            return
        if colors is not self._picture.colors:
            self._picture.colors = colors
            self._picture.forget()
        if isinstance(update, LayoutUpdate) and update.region.size != self._size:
            # What a terminal does with its rows when its size changes is its own affair.
            self._size = update.region.size
            self._picture.forget()
        frame = self._picture.changes(update)
        if frame and cursor is not None:
            frame += f"\x1b[{cursor.y + 1};{cursor.x + 1}H"
        if self._synchronizes and len(frame) > IN_PIECES_BYTES:
            frame = SYNC_START + frame + SYNC_END
        if frame and not self._writer.write(frame, self._since):
            self._picture.forget()
        self._since = None

    # How the terminal keeps up

    @property
    def written(self) -> int:
        """Bytes that were written to the terminal so far."""
        return self._writer.written if self._writer is not None else 0

    @property
    def delays(self) -> Spread | None:
        """How long it took of late from `since` of an update until it was written, in seconds; None if not known."""
        return self._writer.delays if self._writer is not None else None

    @property
    def behind(self) -> bool:
        """Whether the terminal has not read what was written before."""
        if self._writer is None:
            return False
        late = self._answer_took is not None and self._unanswered() > UNANSWERED_SECONDS
        return late or self._writer.waiting > BEHIND_BYTES

    @property
    def link(self) -> float | None:
        """How far the terminal is behind, in seconds: how long its answer took, or takes. None if it never answers."""
        return None if self._answer_took is None else max(self._answer_took, self._unanswered())

    def ask(self) -> None:
        """Ask the terminal something, for it answers only after it has read all that was written before."""
        if self._asked is not None and self._unanswered() > ANSWER_LOST_SECONDS:
            self._asked = self._answer_took = None
            self._catch_up()
        if self._asked is None:
            self._asked = time.monotonic()
            self.write(QUERY)

    def _unanswered(self) -> float:
        return 0.0 if self._asked is None else time.monotonic() - self._asked

    def _request_terminal_sync_mode_support(self) -> None:
        if os.environ.get("TERM_PROGRAM") != "Apple_Terminal":  # it would print the last character of the query
            self.ask()

    def process_message(self, message: Message) -> None:
        """Take the terminal's answer (in the thread that reads keys)."""
        if isinstance(message, TerminalSupportsSynchronizedOutput):
            self._loop.call_soon_threadsafe(self._answered, time.monotonic())
        else:
            super().process_message(message)

    def _answered(self, moment: float) -> None:
        self._synchronizes = True
        if self._asked is not None:
            self._answer_took, self._asked = moment - self._asked, None
        self._catch_up()

    def start_application_mode(self) -> None:
        self._writer = TerminalWriter(self.fileno, self._read, self._hung_up)
        self._writer.start()
        self._picture.forget()
        super().start_application_mode()  # type: ignore[no-untyped-call]
        # Textual's own handler may be interrupted by the next signal between reading the size and telling it, so that
        # of two changes in a hurry the older one is told last. The loop handles one after the other.
        self._loop.add_signal_handler(signal.SIGWINCH, self._resized)

    def _resized(self) -> None:
        if not self._in_band_window_resize:  # else the terminal tells the size by itself
            size = Size(*self._get_terminal_size())
            self._app.post_message(events.Resize(size, size))

    def stop_application_mode(self) -> None:
        self.write("\x1b[m")
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

    def _read(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._catch_up)

    def _catch_up(self) -> None:
        if self._skipped and not self.behind:
            self._skipped = False
            self.repaint()

    def forget(self) -> None:
        """Take nothing for granted any more of what the terminal shows."""
        self._picture.forget()

    def repaint(self) -> None:
        """Paint the whole screen, which writes what the terminal does not show yet."""
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
