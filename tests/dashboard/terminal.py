"""A real terminal for tests: a pty that a thread reads, and a screen in memory that shows what a person would see."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import threading
import time
from pathlib import Path

import pyte

WAIT_LIMIT = 40.0
"""Seconds until what does not come on the screen is taken to be missing: a machine may be busy with other tests."""
QUERY, ANSWER = b"\x1b[?2026$p", b"\x1b[?2026;2$y"
_NOT_FOR_PYTE = re.compile(rb"\x1b\[[<>][0-9;]*u|\x1b\[\?\d+\$p")


class Terminal:
    """Runs `program` (a Python file and its arguments) in a pty. Use as a context manager.

    `stdin` and `stdout` are descriptors that the program gets in place of the terminal's, as by a shell's pipe.
    """

    def __init__(
        self,
        *program: str,
        columns: int = 120,
        lines: int = 30,
        home: Path | None = None,
        answers_after: float | None = None,
        stdin: int = 0,
        stdout: int = 1,
        **variables: str,
    ) -> None:
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self._changed = threading.Condition()
        self.bytes_read = 0
        self.received = bytearray()
        """All that the program wrote."""
        self.reading = True
        self.answers_after = answers_after
        """So many seconds after it is asked for synchronized output (which it has) it answers, and so tells how far it
        has read; None if it never does."""
        self._asked: list[float] = []
        self.exit_code: int | None = None
        self.pid, self._master = pty.fork()
        if self.pid == 0:
            environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "TZ": "UTC"}
            if home is not None:
                environment.update(HOME=str(home), XDG_STATE_HOME=str(home / "state"))
            environment.update(variables)
            try:
                if stdin != 0:
                    os.dup2(stdin, 0)
                if stdout != 1:
                    os.dup2(stdout, 1)
                os.execve(sys.executable, [sys.executable, *program], environment)
            finally:
                os._exit(127)
        self.resize(columns, lines)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()
        if self.exit_code is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait_for_end(5)

    def _read(self) -> None:
        while not self._closed.is_set():
            self._answer()
            if not self.reading:
                self._closed.wait(0.02)
                continue
            if not select.select([self._master], [], [], 0.05)[0]:
                continue
            try:
                data = os.read(self._master, 1 << 16)
            except OSError:
                return
            with self._changed:
                self.bytes_read += len(data)
                self.received += data
                self._asked += [time.monotonic()] * data.count(QUERY)
                self._stream.feed(_NOT_FOR_PYTE.sub(b"", data))
                self._changed.notify_all()

    def _answer(self) -> None:
        while self.answers_after is not None and self._asked and self._asked[0] + self.answers_after < time.monotonic():
            del self._asked[0]
            os.write(self._master, ANSWER)

    def resize(self, columns: int, lines: int) -> None:
        """Change the terminal's size."""
        with self._changed:
            self.screen.resize(lines, columns)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def type(self, keys: str) -> None:
        """Type keys."""
        os.write(self._master, keys.encode())

    def text(self) -> str:
        """All that is on the screen."""
        rows = (self.screen.buffer[y] for y in range(self.screen.lines))  # its `display` fails on half a wide character
        return "\n".join("".join(row[x].data for x in range(self.screen.columns)) for row in rows)

    def wait_for(self, text: str, seconds: float = WAIT_LIMIT, times: int = 1) -> None:
        """Wait until `text` is on the screen, so many times."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.text().count(text) >= times, seconds):
                raise AssertionError(f"{text!r} did not come on the screen:\n{self.text()}")

    def wait_for_end_of(self, text: str, seconds: float = WAIT_LIMIT) -> None:
        """Wait until `text` is on the screen no more."""
        with self._changed:
            if not self._changed.wait_for(lambda: text not in self.text(), seconds):
                raise AssertionError(f"{text!r} stayed on the screen:\n{self.text()}")

    def wait_for_stop(self, quiet: float = 1.0, seconds: float = WAIT_LIMIT) -> None:
        """Wait until nothing has been written for so long."""
        until = time.monotonic() + seconds
        with self._changed:
            while self._changed.wait(quiet):
                if time.monotonic() > until:
                    raise AssertionError(f"the program goes on writing:\n{self.text()}")

    def hang_up(self) -> None:
        """Close the terminal's side, as when a window is closed or a connection breaks."""
        if not self._closed.is_set():
            self._closed.set()
            self._thread.join(5)
            os.close(self._master)

    def wait_for_end(self, seconds: float = 10.0) -> int:
        """Wait until the program has ended, and return its exit code (negative: the signal that killed it)."""
        until = time.monotonic() + seconds
        while self.exit_code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.exit_code = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > until:
                raise AssertionError(f"the program did not end within {seconds} s:\n{self.text()}")
            else:
                time.sleep(0.01)
        return self.exit_code
