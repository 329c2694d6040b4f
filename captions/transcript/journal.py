"""A session on disk: append-only JSON lines, written before a caption is shown.

One file a session, one record a line; every record has a `type`. The first is `session` (format version, the
program's version, when it began, the settings, which never hold a secret), the last of a session that ended well is
`end`. Between them stand the entries of the transcript under the names in `RECORD_TYPES`. Times are seconds on the
session's clock; `wall` is UTC in ISO 8601.

The file is private to the user (mode 0600 in a folder of mode 0700). Each record is one write of a whole line: a
process that is killed loses none of them. `sync` makes them survive a loss of power as well.
"""

import contextlib
import errno
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from captions import __version__
from captions.errors import StorageError
from captions.events import Entry, Final, Gap, InputChanged, Notice, Paused, Resumed, Severity, Word

FORMAT_VERSION = 1

RECORD_TYPES: Mapping[str, type[Entry]] = {
    "final": Final,
    "gap": Gap,
    "input": InputChanged,
    "paused": Paused,
    "resumed": Resumed,
    "notice": Notice,
}
_TYPE_NAMES = {kind: name for name, kind in RECORD_TYPES.items()}


class Journal:
    """The journal of one session, open for writing. Its methods do file work: call them off the event loop."""

    def __init__(self, folder: Path, settings: Mapping[str, object], now: datetime | None = None) -> None:
        """Begin a file in `folder`, which is made if it is missing. Raises StorageError."""
        started = now or datetime.now(UTC)
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.path, self._descriptor = _create(folder, started)
        except OSError as error:
            raise StorageError(
                f"No journal can be kept in {folder}: {error.strerror or error}.",
                "Captions go on, but are lost when the program ends.",
            ) from None
        self._size = 0
        self._unsynced = False
        self._unwritten: list[bytes] = []
        # A disk that is full from the start is told with the first entry, and the record is tried again then.
        with contextlib.suppress(StorageError):
            self._append(
                {
                    "type": "session",
                    "version": FORMAT_VERSION,
                    "program": __version__,
                    "started": started.isoformat(),
                    "settings": dict(settings),
                }
            )

    @property
    def behind(self) -> int:
        """How many records could not be written yet; each further `write` tries them again first."""
        return len(self._unwritten)

    def write(self, *entries: Entry) -> None:
        """Append entries. Raises StorageError when the disk takes none; they are kept and tried again."""
        for entry in entries:
            record: dict[str, Any] = {"type": _TYPE_NAMES[type(entry)], **asdict(entry)}
            record["wall"] = entry.wall.isoformat()
            self._unwritten.append(_line(record))
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
            self._append({"type": "end", "ended": datetime.now(UTC).isoformat()})
            self.sync()
        finally:
            os.close(self._descriptor)
            self._descriptor = -1

    def _append(self, record: Mapping[str, object]) -> None:
        self._unwritten.append(_line(record))
        self._flush()

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
            f"Captions go on; {self.behind} records wait in memory until there is room.",
        )


def read_journal(path: Path) -> Iterator[Entry]:
    """Yield the entries of a journal in order. A last line that was cut off is left out. Raises StorageError."""
    try:
        with path.open("rb") as file:
            for line in file:
                record = _parse(line)
                if record is not None and record.get("type") in RECORD_TYPES:
                    yield _entry(record)
    except OSError as error:
        raise StorageError(f"The journal {path} cannot be read: {error.strerror or error}.") from None


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


def _line(record: Mapping[str, object]) -> bytes:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


def _parse(line: bytes) -> dict[str, Any] | None:
    """Return the record of a whole line, or None for a line that a crash cut off."""
    if not line.endswith(b"\n"):
        return None
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _entry(record: dict[str, Any]) -> Entry:
    values = dict(record)
    kind = RECORD_TYPES[values.pop("type")]
    values["wall"] = datetime.fromisoformat(values["wall"])
    if kind is Final:
        values["words"] = tuple(Word(**word) for word in values["words"])
    if kind is Notice:
        values["severity"] = Severity(values["severity"])
    return kind(**values)
