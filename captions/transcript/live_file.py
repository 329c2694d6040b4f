"""A transcript in a format of a person's choice, written while the session goes on and whole at any time."""

import contextlib
import errno
import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from captions.errors import SettingError, StorageError
from captions.events import Entry, Final, Titled
from captions.settings import nearest
from captions.settings_file import write_whole
from captions.transcript.export import FORMATS, export
from captions.transcript.formats import About
from captions.transcript.transcript import Transcript


def format_of(path: Path) -> str:
    """Return the format that a file's suffix names. Raises SettingError."""
    name = path.suffix.lstrip(".").lower()
    if name not in FORMATS:
        raise SettingError(f"The format of {path} is not known by its suffix.", nearest(name, FORMATS))
    return name


class LiveFile:
    """Writes what comes to the end of a file, in place of what made it whole before. Its methods do file work.

    A mark or a title that comes after its caption was written is in the file from `close` on, which writes it anew.
    """

    def __init__(self, path: Path, about: About) -> None:
        """Begin the file; one that is there is replaced. Raises SettingError and StorageError."""
        self.path = path.expanduser()
        self._about = about
        self._name = format_of(self.path)
        self._format = FORMATS[self._name](about)
        self._entries: list[Entry] = []
        self._transcript = Transcript()
        self._unwritten = self._format.begin()
        self._size = 0
        """Of what will not be written over, in bytes."""
        self._end = b""
        """What stands after that in the file, and makes it whole."""
        try:
            self._descriptor = os.open(
                self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600
            )
        except OSError as error:
            raise self._error(error) from None
        self._flush()

    def write(self, *entries: Entry) -> None:
        """Add entries. Raises StorageError when the disk takes none; they are kept and tried again."""
        for entry in entries:
            if isinstance(entry, Titled):
                self._about = replace(self._about, title=entry.title)
            marked = isinstance(entry, Final) and self._transcript.mark_is_coming(entry.track)
            self._transcript.append(entry)
            self._entries.append(entry)
            self._unwritten += self._format.add(entry, marked)
        self._flush()

    def close(self, ended: datetime) -> None:
        """End the file, with all marks and the title in it. Raises StorageError; then it is as it was."""
        os.close(self._descriptor)
        about = replace(self._about, ended=ended)
        try:
            write_whole(self.path, "".join(export(self._name, about, self._entries)).encode("utf-8", "replace"))
        except OSError as error:
            raise self._error(error) from None

    def _flush(self) -> None:
        body = self._unwritten.encode("utf-8", "replace")
        end = self._format.end().encode("utf-8", "replace")
        try:
            self._put(body + end)
        except OSError as error:
            # What stood there before has its room still.
            with contextlib.suppress(OSError):
                self._put(self._end)
            raise self._error(error) from None
        self._size += len(body)
        self._end = end
        self._unwritten = ""

    def _put(self, text: bytes) -> None:
        os.lseek(self._descriptor, self._size, os.SEEK_SET)
        written = os.write(self._descriptor, text)
        os.ftruncate(self._descriptor, self._size + written)
        if written < len(text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _error(self, error: OSError) -> StorageError:
        return StorageError(
            f"{self.path} cannot be written: {error.strerror or error}.",
            "Captions go on, and the journal has them: `captions export` makes the file from it.",
        )
