"""Credentials at the moment at which a stream needs them."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from captions.recognition.credentials import Credentials


class Authorization(Protocol):
    """Where credentials come from. Belongs to one event loop, which is never blocked."""

    async def current(self) -> Credentials | None:
        """Return the credentials for a new stream, None where none are to be sent.

        Raises CredentialsError where there should be some and are none, and StreamError (UNAVAILABLE) where whoever
        gives them cannot be reached now, so that another attempt may succeed.
        """
        ...

    async def renew(self) -> bool:
        """Forget what was refused; whether `current` may give something better. Raises as `current`."""
        ...


class Found:
    """Credentials that `find` reads from where a person put them. It may read files."""

    def __init__(self, find: Callable[[], Credentials | None]) -> None:
        self._find = find
        self._credentials: Credentials | None = None
        self._is_found = False

    async def current(self) -> Credentials | None:
        """See Authorization."""
        if not self._is_found:
            self._credentials = await asyncio.to_thread(self._find)
            self._is_found = True
        return self._credentials

    async def renew(self) -> bool:
        """See Authorization."""
        if self._credentials is None:
            return False
        self._is_found = False
        return await self.current() is not None
