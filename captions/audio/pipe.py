"""Sound through a pipe: standard input, or a named pipe.

What comes is read when it is there, by a thread that a closing source wakes. Nothing is lost while the program is
slow: the pipe fills up, and the writer waits.
"""

import os
import select
import stat
import sys
import threading
from pathlib import Path

from captions.audio.live import Live, Reader, Reading
from captions.audio.media import Clock
from captions.audio.source import AudioFormat
from captions.audio.stream import headerless, open_reader
from captions.errors import InputError
from captions.plain_text import plain

STANDARD_INPUT = 0
"""Its descriptor. The dashboard reads its keys from the controlling terminal, and leaves this one alone."""

NO_WRITER_SECONDS = 0.1
"""How often a named pipe is looked at again where the system does not tell that somebody opened it for writing."""

_kept: Reading | None = None
"""What reads standard input, once for the whole program: its bytes come once, whoever listens in between."""


def open_standard_input(audio_format: AudioFormat, position: int, *, clock: Clock | None = None) -> Live:
    """Hear standard input, from where it was last heard: while another input is heard, its writer waits.

    It may be a pipe, a socket or a redirected file. Raises InputError when it is the terminal.
    """
    global _kept
    if _kept is None:
        if os.isatty(STANDARD_INPUT):
            raise InputError(
                "Standard input is the keyboard, which makes no sound.",
                "Pipe some in, as in: arecord -f S16_LE -r 16000 | captions - --pcm-rate 16000",
            )
        _kept = _reading(Pipe(os.dup(STANDARD_INPUT), "Standard input"), audio_format, samples_only=False)
    return Live("pipe", "standard input", _kept, audio_format, position, live=False, keep=True, clock=clock)


def open_named_pipe(path: str, audio_format: AudioFormat, position: int) -> Live:
    """Hear a named pipe: whoever writes next, until all that write have closed it, as any program does.

    Without a writer it is open all the same, and waits for one; opened again after its end, for the next. Raises
    InputError when it must not be read.
    """
    try:
        descriptor = os.open(Path(path).expanduser(), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise InputError(
            f"{plain(path)} cannot be opened: {plain(error.strerror or str(error))}.", "Check its permissions."
        ) from None
    pipe = Pipe(descriptor, plain(path), waits=True)
    reading = _reading(pipe, audio_format, samples_only=headerless(path))
    return Live("pipe", plain(Path(path).name), reading, audio_format, position, live=False)


def is_named_pipe(path: str) -> bool:
    """Whether a path leads to a named pipe; `/dev/fd/63`, which a shell makes of `<(...)`, is one too."""
    try:
        return stat.S_ISFIFO(Path(path).expanduser().stat().st_mode)
    except (OSError, ValueError, RuntimeError):
        return False  # it is told when it is opened as a file


def _reading(pipe: "Pipe", audio_format: AudioFormat, *, samples_only: bool) -> Reading:
    def opened() -> Reader:
        return open_reader(pipe, audio_format, samples_only=samples_only)

    return Reading(opened, pipe.interrupt, audio_format.rate, audio_format.block_samples)


class Pipe:
    """Bytes out of a descriptor, which this closes in the end."""

    def __init__(self, descriptor: int, shown: str, *, waits: bool = False) -> None:
        """`waits`: that nobody writes is the end only after somebody did."""
        self.shown = shown
        self._descriptor = descriptor
        self._waits = waits
        self._woken, self._wake = os.pipe()
        self._interrupted = False
        self._closing = threading.Lock()
        """Held so that nothing is written to a descriptor that has come to mean something else."""

    def read(self, size: int) -> bytes:
        """See Bytes."""
        while True:
            self._until_there_is_something()
            if self._interrupted or self._descriptor < 0:
                return b""
            try:
                data = os.read(self._descriptor, size)
            except BlockingIOError:
                continue  # somebody else who reads from it was faster
            except OSError as error:
                raise InputError(f"{self.shown} cannot be read: {plain(error.strerror or str(error))}.") from None
            if data or not self._waits:
                self._waits = False
                return data
            select.select([self._woken], [], [], NO_WRITER_SECONDS)

    def interrupt(self) -> None:
        """See Bytes."""
        self._interrupted = True
        with self._closing:
            if self._wake >= 0:
                os.write(self._wake, b"\0")

    def close(self) -> None:
        """See Bytes."""
        with self._closing:
            for descriptor in (self._descriptor, self._woken, self._wake):
                if descriptor >= 0:
                    os.close(descriptor)
            self._descriptor = self._woken = self._wake = -1

    def _until_there_is_something(self) -> None:
        if (
            sys.platform != "win32" and self._descriptor >= 0
        ):  # there, only sockets can be waited for; a read that waits ends with the program
            poll = select.poll()
            poll.register(self._descriptor, select.POLLIN)
            poll.register(self._woken, select.POLLIN)
            poll.poll()
