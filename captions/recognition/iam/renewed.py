"""Credentials that run out, renewed before they do."""

import asyncio
import time
from collections.abc import Callable

from captions.errors import CaptionsError
from captions.recognition.credentials import Credentials
from captions.recognition.iam.token import Source, Token

HOURLY = 3600.0
"""Seconds. The service recommends another token about every hour, though one lasts longer."""
AGAIN = 60.0
"""Seconds after which a token is asked for again when that failed while the old one is still good."""
MARGIN = 30.0
"""Seconds before its end at which a token is not used any more: a stream takes a while to be opened."""
LATELY = 15.0
"""Seconds for which what was renewed counts as new: a refusal meanwhile is still of the one before."""


class Renewed:
    """See Authorization: asks a source, and again when what it gave is about an hour old or half its life.

    That is done in the background when a stream asks for credentials: as long as the old ones are good, they are given
    at once. `clock` is monotonic, in seconds, so a wall clock that is wrong or is set does not matter.
    """

    def __init__(self, source: Source, clock: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._clock = clock
        self._token: Token | None = None
        self._got_at = 0.0
        self._ask_at = 0.0
        self._renewing = False
        self._renewed_at: float | None = None
        self._asking: asyncio.Task[None] | None = None

    async def current(self) -> Credentials:
        """See Authorization."""
        if self._token is None or self._left(self._token) <= MARGIN:
            await asyncio.shield(self._ask())
        elif self._clock() >= self._ask_at:
            self._ask()
        assert self._token is not None
        return self._token.credentials

    async def renew(self) -> bool:
        """See Authorization. Of several streams that were refused at once, the first renews for all."""
        if self._renewed_at is None or self._clock() - self._renewed_at >= LATELY:
            self._token, self._renewing = None, True
            await asyncio.shield(self._ask())
        return True

    def _left(self, token: Token) -> float:
        return float("inf") if token.lasts is None else self._got_at + token.lasts - self._clock()

    def _ask(self) -> "asyncio.Task[None]":
        """Begin to ask the source, unless that is being done already."""
        if self._asking is None:
            self._asking = asyncio.get_running_loop().create_task(self._fetch())
            self._asking.add_done_callback(self._asked)
        return self._asking

    def _asked(self, task: "asyncio.Task[None]") -> None:
        self._asking = None
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, CaptionsError):  # those are told to whoever waits, if any does
            task.get_loop().call_exception_handler({"message": "asking for a token", "exception": error, "task": task})

    async def _fetch(self) -> None:
        began = self._clock()
        self._ask_at = began + AGAIN
        token = await self._source.fetch()
        # It counts from when it was asked for, so a slow answer makes it only older.
        self._token, self._got_at = token, began
        if self._renewing:
            self._renewing, self._renewed_at = False, self._clock()
        self._ask_at = began + min(HOURLY, token.lasts / 2) if token.lasts is not None else float("inf")
