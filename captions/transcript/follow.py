"""A session read while it is being written, by as many as like to."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

from captions.errors import StorageError
from captions.events import Entry
from captions.transcript import records
from captions.transcript.sessions import is_running

POLL_SECONDS = 0.2
"""How often the file is looked at; it may lie on a network file system, which tells nobody of changes."""
CHUNK_BYTES = 1 << 20


async def follow_journal(path: Path) -> AsyncIterator[Entry]:
    """Yield the entries that a journal has, and then those that come, until nobody writes it any more.

    A session that was cut off ends with its last whole line. Raises StorageError when the file cannot be read.
    """
    async for entries in follow_in_batches(path):
        for entry in entries:
            yield entry


async def follow_in_batches(path: Path) -> AsyncGenerator[list[Entry], None]:
    """Yield as `follow_journal` does, many at a time, and an empty batch whenever there are no more for now."""
    place, rest = 0, b""
    while True:
        # Asked before reading: what the writer wrote before it let go of the file is then read for certain.
        running = await asyncio.to_thread(is_running, path)
        text = await asyncio.to_thread(_read, path, place)
        place += len(text)
        if text:
            whole, newline, rest = (rest + text).rpartition(b"\n")
            if entries := await asyncio.to_thread(_entries, whole + newline):
                yield entries
        elif running:
            yield []
            await asyncio.sleep(POLL_SECONDS)
        else:
            return


def _entries(lines: bytes) -> list[Entry]:
    found = (records.parse_line(line) or {} for line in lines.splitlines(keepends=True))
    return [records.entry(fields) for fields in found if fields.get("type") in records.ENTRY_TYPES]


def _read(path: Path, place: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(place)
            return file.read(CHUNK_BYTES)
    except OSError as error:
        raise StorageError(f"The journal {path} cannot be read: {error.strerror or error}.") from None
