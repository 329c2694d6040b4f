"""What a source of credentials gives, and what a source is."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from captions.recognition.credentials import Credentials

LONGEST_LIFE = 24 * 3600.0
"""Seconds. A token lasts 12 hours at most, so whoever reckons with more has a clock that is wrong."""
DOUBTFUL_LIFE = 3600.0
"""Seconds for which a token counts as valid of which nothing better is known."""


@dataclass(frozen=True, slots=True)
class Token:
    """Credentials, and for how many seconds from now they last; None where that has no end, or none is known."""

    credentials: Credentials
    lasts: float | None = None


class Source(Protocol):
    """A place that credentials come from."""

    name: str
    """For programs: credentials_file, environment, keyring, metadata or yc."""
    where: str
    """For people: after "from", e.g. "the environment". Plain text."""

    async def fetch(self) -> Token:
        """Get what is there now.

        Raises CredentialsError where there is nothing, or nothing that can be used; StreamError (UNAVAILABLE) where
        whoever gives it cannot be reached now.
        """
        ...


def life(expires_at: str, now: datetime | None, here: Callable[[], float]) -> float:
    """Return for how many seconds a token lasts, of which it is told when it runs out.

    `expires_at` is as in "2026-03-04T12:04:31.123456789Z", and `now` is the time by the clock of who said it. Without
    it the clock of this machine must do, `here` in seconds since 1970; it is not believed when that comes to nothing,
    or to more than any token lasts. What is no time is taken for an hour.
    """
    try:
        end = datetime.fromisoformat(expires_at)
    except ValueError:
        return DOUBTFUL_LIFE
    if end.tzinfo is None:
        end = end.replace(tzinfo=UTC)
    if now is not None:
        return (end - now).total_seconds()
    seconds = end.timestamp() - here()
    return seconds if 0 < seconds <= LONGEST_LIFE else DOUBTFUL_LIFE
