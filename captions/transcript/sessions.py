"""The sessions on disk: which there are, what is known of each, and which one a person means."""

import contextlib
import os
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from captions.errors import StorageError
from captions.transcript import records
from captions.transcript.journal import END, FORMAT_VERSION, lock

LAST_BYTES = 4_096

_FINAL = b'\n{"type":"final"'
_TITLE = b'\n{"type":"title"'


@dataclass(frozen=True, slots=True)
class StoredSession:
    """What is known of a session without reading all of its captions."""

    path: Path
    started: datetime
    ended: datetime | None
    """None for a session that goes on, or that was cut off."""
    running: bool
    """Whether a process still writes it; never where files have no locks."""
    title: str
    captions: int

    @property
    def name(self) -> str:
        """What a session is called in commands: the local time at which it began."""
        return self.path.stem

    @property
    def cut_off(self) -> bool:
        """Whether it ended without an end: by a crash, a kill or a loss of power."""
        return self.ended is None and not self.running


def stored_sessions(folder: Path) -> list[StoredSession]:
    """Return all sessions in `folder`, the oldest first; files that are no journals are left out.

    Raises StorageError when the folder cannot be read; one that is not there holds none.
    """
    try:
        paths = list(folder.glob("*.jsonl"))
    except OSError as error:
        raise StorageError(f"The sessions in {folder} cannot be read: {error.strerror or error}.") from None
    found = [session for path in paths if (session := read_session(path)) is not None]
    return sorted(found, key=lambda session: (session.started, session.name))


def read_session(path: Path) -> StoredSession | None:
    """Return what is known of the session in a file, or None when it is none that can be read."""
    try:
        with path.open("rb") as file:
            text = file.read()
    except OSError:
        return None
    text = text[: text.rfind(b"\n") + 1]  # the rest was cut off, or is being written
    first = records.parse_line(text[: text.find(b"\n") + 1])
    if first is None or first.get("type") != "session" or first.get("version") != FORMAT_VERSION:
        return None
    with contextlib.suppress(KeyError, TypeError, ValueError):
        title = _newest(text, _TITLE).get("title", "")
        end = _newest(text, END)
        return StoredSession(
            path,
            datetime.fromisoformat(first["started"]),
            datetime.fromisoformat(end["ended"]) if end else None,
            not end and is_running(path),
            str(title),
            text.count(_FINAL),
        )
    return None


def find_session(folder: Path, wanted: str = "") -> StoredSession:
    """Return the session that a person means: by a file's path, by a part of its name or title, or the newest.

    Of several whose name or title has that part the newest is meant. Raises StorageError when there is none.
    """
    path = Path(wanted).expanduser()
    if wanted and path.is_file():
        session = read_session(path)
        if session is None:
            raise StorageError(f"{path} is not the journal of a session.", "`captions sessions` lists those there are.")
        return session
    sessions = stored_sessions(folder)
    if not sessions:
        raise StorageError(f"There is no session in {folder} yet.", "`captions` begins one.")
    part = wanted.casefold()
    fits = [session for session in sessions if part in session.name.casefold() or part in session.title.casefold()]
    if not fits:
        raise StorageError(f"There is no session {wanted!r}.", "`captions sessions` lists those there are.")
    return fits[-1]


def cut_off_sessions(folder: Path, before: datetime) -> list[StoredSession]:
    """Return the sessions that began before then and were cut off, the oldest first; none where files have no locks.

    Of a session that ended well only the end of its file is read. `reopen_journal` mends one, which then has an end.
    """
    if sys.platform == "win32":  # one that goes on could not be told from one that was cut off
        return []
    found = []
    with contextlib.suppress(OSError):
        for path in folder.glob("*.jsonl"):
            session = None if _ends_well(path) else read_session(path)
            if session is not None and session.cut_off and session.started < before:
                found.append(session)
    return sorted(found, key=lambda session: session.started)


def _ends_well(path: Path) -> bool:
    """Whether the session's end is told in the last lines; few marks and titles stand after it, if any do."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LAST_BYTES))
            return END in file.read()
    except OSError:
        return False


def is_running(path: Path) -> bool:
    """Whether a process holds the lock of the session's writer."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not lock(descriptor, shared=True)
    finally:
        os.close(descriptor)


def _newest(text: bytes, beginning: bytes) -> dict[str, Any]:
    """The last record that begins so; empty when there is none."""
    at = text.rfind(beginning) + 1
    return (records.parse_line(text[at : text.find(b"\n", at) + 1]) or {}) if at else {}
