"""What lasts is on disk before it is told to anybody."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from captions.errors import StorageError
from captions.events import Backlog, Delays, Event, Notice, Partial, SessionState, Severity
from captions.transcript.journal import begin_journal
from captions.transcript.live_file import LiveFile

Result = TypeVar("Result")

SYNC_SECONDS = 1.0
"""What was written survives a loss of power after this long."""


class Keeper:
    """Takes events, writes those that last to a journal off the event loop, and then tells all of them in order.

    What waits is bounded by what is said while the disk does not answer; of several partials in a row only the last
    is kept. A disk that fails is told once, and captions go on; so is its recovery.
    """

    def __init__(self, folder: Path, settings: Mapping[str, object], tell: Callable[[Event], None]) -> None:
        self.path: Path | None = None
        """The journal's file, once there is one."""
        self.error: StorageError | None = None
        """Why the journal, or the file beside it, is not whole, while it is not."""
        self.also: LiveFile | None = None
        """Is written beside the journal."""
        self._also_fails = False
        self._folder = folder
        self._settings = settings
        self._tell = tell
        self._waiting: deque[Event] = deque()
        self._filled = asyncio.Event()
        self._finished = asyncio.Event()
        self._ending = False

    def put(self, event: Event) -> None:
        """Keep and tell an event, after those before it."""
        if isinstance(event, Partial) and self._waiting and isinstance(self._waiting[-1], Partial):
            self._waiting.pop()
        self._waiting.append(event)
        self._filled.set()

    async def run(self) -> None:
        """Work until `finish`."""
        try:
            journal = await self._try(begin_journal, self._folder, self._settings)
            self.path = journal.path if journal is not None else None
            synced = time.monotonic()
            while self._waiting or not self._ending:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._filled.wait(), SYNC_SECONDS)
                self._filled.clear()
                events, self._waiting = self._waiting, deque()
                entries = [
                    event for event in events if not isinstance(event, Partial | SessionState | Backlog | Delays)
                ]
                if journal is not None and (entries or journal.behind):
                    await self._try(journal.write, *entries)
                    if self.error is not None and not journal.behind:
                        self.error = None
                        message = "The journal is written again; nothing is missing from it."
                        self._tell(Notice(0.0, datetime.now(UTC), Severity.INFORMATION, message))
                if self.also is not None and entries:
                    await self._write_also(self.also.write, *entries)
                for event in events:
                    self._tell(event)
                if journal is not None and time.monotonic() - synced >= SYNC_SECONDS:
                    await self._try(journal.sync)
                    synced = time.monotonic()
            if journal is not None:
                await self._try(journal.close)
            if self.also is not None:
                await self._write_also(self.also.close, datetime.now(UTC))
        finally:
            self._finished.set()

    async def finish(self) -> None:
        """Keep and tell what waits, and end the journal."""
        self._ending = True
        self._filled.set()
        await self._finished.wait()

    async def _write_also(self, work: Callable[..., None], *arguments: Any) -> None:
        """Write the file beside the journal, in a thread. A failure is told, once until it goes well again."""
        try:
            await asyncio.to_thread(work, *arguments)
        except StorageError as error:
            if not self._also_fails:
                self._tell(Notice(0.0, datetime.now(UTC), Severity.ERROR, error.message, error.hint))
            self._also_fails = True
        else:
            self._also_fails = False

    async def _try(self, work: Callable[..., Result], *arguments: Any) -> Result | None:
        """Do file work in a thread. A failure is told, once until the disk recovers; then there is no result."""
        try:
            return await asyncio.to_thread(work, *arguments)
        except StorageError as error:
            is_new, self.error = self.error is None, error
            if is_new:
                self._tell(Notice(0.0, datetime.now(UTC), Severity.ERROR, error.message, error.hint))
            return None
