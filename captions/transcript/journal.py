"""A session on disk: append-only JSON lines, written before a caption is shown.

One file a session, one record a line (`records`). The first has the type `session` (format version, the program's
version, when it began, the settings, which never hold a secret), the last of a session that ended well `end`. Between
them stand the entries of the transcript.

The file is private to the user (mode 0600 in a folder of mode 0700). Each record is one write of a whole line: a
process that is killed loses none of them. `sync` makes them survive a loss of power as well. While a process has the
file open for writing it holds a lock on it, by which others know that the session goes on.
"""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from captions import __version__
from captions.errors import StorageError
from captions.events import Entry
from captions.transcript import records

if sys.platform != "win32":
    import fcntl
else:
    fcntl = None

FORMAT_VERSION = 1
END = b'\n{"type":"end"'
"""How the record of the end begins in the file, after the line before it."""


def begin_journal(folder: Path, settings: Mapping[str, object], now: datetime | None = None) -> "Journal":
    """Begin a file in `folder`, which is made if it is missing. Raises StorageError."""
    started = now or datetime.now(UTC)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path, descriptor = _create(folder, started)
    except OSError as error:
        raise StorageError(
            f"No journal can be kept in {folder}: {error.strerror or error}.",
            "Captions go on, but are lost when the program ends.",
        ) from None
    lock(descriptor, wait=True)  # for whoever looks at this very moment whether the session goes on
    journal = Journal(path, descriptor, size=0)
    # A disk that is full from the start is told with the first entry, and this record is tried again then.
    with contextlib.suppress(StorageError):
        journal.write_record(
            {
                "type": "session",
                "version": FORMAT_VERSION,
                "program": __version__,
                "started": started.isoformat(),
                "settings": dict(settings),
            }
        )
    return journal


def reopen_journal(path: Path) -> "Journal":
    """Open the file of a session that has ended, to add to it.

    What a crash left is mended: a line that was cut off is taken away, and an end is written, with the time of the
    last record. Raises StorageError, also when another process still writes the session.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND)
    except OSError as error:
        raise StorageError(f"The journal {path} cannot be opened: {error.strerror or error}.") from None
    try:
        if not lock(descriptor):
            raise StorageError(f"The session {path.stem} is still being recorded.", "Do that where it is.")
        last_written = datetime.fromtimestamp(os.fstat(descriptor).st_mtime, UTC)
        size = _cut_torn_line(descriptor)
        journal = Journal(path, descriptor, size, ended=True)
        if END not in path.read_bytes():
            journal.write_record({"type": "end", "ended": last_written.isoformat()})
    except OSError as error:
        os.close(descriptor)
        raise StorageError(f"The journal {path} cannot be mended: {error.strerror or error}.") from None
    except StorageError:
        os.close(descriptor)
        raise
    return journal


class Journal:
    """The journal of one session, open for writing. Its methods do file work: call them off the event loop."""

    def __init__(self, path: Path, descriptor: int, size: int, *, ended: bool = False) -> None:
        """Write to `descriptor`, in which `size` bytes stand, of a session that goes on or has ended already."""
        self.path = path
        self._ended = ended
        self._descriptor = descriptor
        self._size = size
        self._unsynced = False
        self._unwritten: list[bytes] = []

    @property
    def behind(self) -> int:
        """How many records could not be written yet; each further `write` tries them again first."""
        return len(self._unwritten)

    def write(self, *entries: Entry) -> None:
        """Append entries. Raises StorageError when the disk takes none; they are kept and tried again."""
        self._unwritten += [records.line(records.record(entry)) for entry in entries]
        self._flush()

    def write_record(self, fields: Mapping[str, object]) -> None:
        """Append a record that is no entry. Raises StorageError as `write` does."""
        self._unwritten.append(records.line(fields))
        self._flush()

    def sync(self) -> None:
        """Force what was written to the disk, if anything was since the last time. Raises StorageError."""
        if self._unsynced:
            try:
                os.fsync(self._descriptor)
            except OSError as error:
                raise self._storage_error(error) from None
            self._unsynced = False

    def close(self) -> None:
        """End the session and the file. Idempotent. Raises StorageError if records remain unwritten."""
        if self._descriptor < 0:
            return
        try:
            if not self._ended:
                self.write_record({"type": "end", "ended": datetime.now(UTC).isoformat()})
            self._flush()
            self.sync()
        finally:
            os.close(self._descriptor)
            self._descriptor = -1

    def _flush(self) -> None:
        while self._unwritten:
            line = self._unwritten[0]
            try:
                written = os.write(self._descriptor, line)
                if written < len(line):
                    # A nearly full disk takes a part of the line: taken back, so that the file stays whole lines.
                    os.ftruncate(self._descriptor, self._size)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError as error:
                raise self._storage_error(error) from None
            self._size += written
            self._unsynced = True
            del self._unwritten[0]

    def _storage_error(self, error: OSError) -> StorageError:
        return StorageError(
            f"The journal {self.path} cannot be written: {error.strerror or error}.",
            "Captions go on; what is not written yet waits in memory until it can be.",
        )


def read_journal(path: Path) -> Iterator[Entry]:
    """Yield the entries of a journal in order. A line that was cut off is left out. Raises StorageError."""
    try:
        with path.open("rb") as file:
            for line in file:
                fields = records.parse_line(line)
                if fields is not None and fields.get("type") in records.ENTRY_TYPES:
                    yield records.entry(fields)
    except OSError as error:
        raise StorageError(f"The journal {path} cannot be read: {error.strerror or error}.") from None


def lock(descriptor: int, *, shared: bool = False, wait: bool = False) -> bool:
    """Take the lock of the session's writer, which ends with the descriptor; whether it could be had.

    `shared` is for readers, who only ask whether there is a writer. With `wait` it is waited for.

    Where files have no such locks (Windows, some network file systems) it can always be had.
    """
    if fcntl is None:
        return True
    try:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _cut_torn_line(descriptor: int) -> int:
    """Cut off what stands after the last whole line, and return the size in bytes that is left."""
    size = os.fstat(descriptor).st_size
    end = size
    while end > 0:
        start = os.lseek(descriptor, max(0, end - 65_536), os.SEEK_SET)
        if (newline := os.read(descriptor, end - start).rfind(b"\n")) >= 0:
            end = start + newline + 1
            break
        end = start
    if end < size:
        os.ftruncate(descriptor, end)
    return end


def _create(folder: Path, started: datetime) -> tuple[Path, int]:
    """Make a file that was not there, named after the local time; two sessions begun in one second get two files."""
    stem = started.astimezone().strftime("%Y-%m-%d %H.%M.%S")
    number = 1
    while True:
        path = folder / f"{stem}{f' ({number})' if number > 1 else ''}.jsonl"
        try:
            return path, os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            number += 1
