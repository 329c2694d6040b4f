"""A session read while it is being written, by as many as like to."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from captions.errors import StorageError
from captions.events import Entry
from captions.transcript import records
from captions.transcript.sessions import is_running

POLL_SECONDS = 0.2
"""How often the file is looked at; it may lie on a network file system, which tells nobody of changes."""
CHUNK_BYTES = 1 << 20


async def follow_journal(path: Path) -> AsyncIterator[Entry]:
    """Yield the entries that a journal has, and then those that come, until the session's end.

    A session that was cut off ends with its last whole line. Raises StorageError when the file cannot be read.
    """
    place, rest = 0, b""
    while True:
        # Asked before reading: what the writer wrote before it let go of the file is then read for certain.
        running = await asyncio.to_thread(is_running, path)
        text = await asyncio.to_thread(_read, path, place)
        place += len(text)
        *lines, rest = (rest + text).split(b"\n")
        for line in lines:
            fields = records.parse_line(line + b"\n") or {}
            if fields.get("type") == "end":
                return
            if fields.get("type") in records.ENTRY_TYPES:
                yield records.entry(fields)
        if not text and not running:
            return
        if not text:
            await asyncio.sleep(POLL_SECONDS)


def _read(path: Path, place: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(place)
            return file.read(CHUNK_BYTES)
    except OSError as error:
        raise StorageError(f"The journal {path} cannot be read: {error.strerror or error}.") from None
