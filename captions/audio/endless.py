"""An input for as long as it is wanted: what is heard as it happens is taken up again when it broke off."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, replace

from captions.audio.block import AudioBlock
from captions.audio.source import AudioSource
from captions.errors import InputError

RETRY_SECONDS = 1.0
"""How often a device that went away is looked for, and how long is waited before the second try to reach a stream;
each try after that waits twice as long as the one before."""
LONGEST_RETRY_SECONDS = 15.0
"""The longest wait between two tries to reach a stream: somebody's server is not to be hammered."""
ASLEEP_SECONDS = 2.0
"""A machine that stood still for less was only busy."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The source from which the blocks come that follow; `again` after it had gone."""

    source: AudioSource
    again: bool


@dataclass(frozen=True, slots=True)
class Lost:
    """The source has gone, for this reason, and is waited for."""

    error: InputError


@dataclass(frozen=True, slots=True)
class Missed:
    """Time that passed without sound being captured, in seconds. The blocks that follow are as much later."""

    seconds: float
    reason: str


def asleep() -> float:
    """Seconds that this machine was suspended since it was started; what it does not tell counts as none."""
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)


async def endless(
    open_source: Callable[[int], Awaitable[AudioSource]],
    position: int,
    rate: int,
    *,
    asleep: Callable[[], float] = asleep,
    wall: Callable[[], float] = time.time,
) -> AsyncGenerator[AudioBlock | Opened | Lost | Missed, None]:
    """Yield the blocks of a source that `open_source` opens at a position, until it ends.

    A live source does not end: when its sound breaks off it is opened again as soon as it can be, and the time between
    is missed, as is the time for which the machine was suspended. Raises InputError when the source cannot be opened
    at first, or when another source breaks off.
    """
    source = await open_source(position)
    again, missed_samples, tries = False, 0, 0
    while True:
        slept = asleep()
        captured = wall()
        try:
            yield Opened(source, again)
            async for block in source.blocks():
                tries = 0
                missed = asleep() - slept
                slept += missed
                if missed > ASLEEP_SECONDS and source.live:
                    missed_samples += round(missed * rate)
                    yield Missed(missed, "the machine was asleep")
                yield replace(block, position=block.position + missed_samples) if missed_samples else block
                position = block.end
                captured = wall()
            return
        except InputError as error:
            if not source.live:
                raise
            yield Lost(error)
        finally:
            await source.aclose()
        kind = source.kind
        while True:
            await asyncio.sleep(_wait(kind, tries))
            tries += 1
            try:
                source = await open_source(position)
                break
            except InputError:
                pass
        missed = max(0.0, wall() - captured)
        missed_samples += round(missed * rate)
        again = True
        yield Missed(missed, "the stream was gone" if kind == "address" else f"the {kind} was gone")


def _wait(kind: str, tries: int) -> float:
    """Return how many seconds to wait after so many tries in a row that brought no sound."""
    if tries == 0:
        return 0.0
    return RETRY_SECONDS if kind != "address" else min(LONGEST_RETRY_SECONDS, RETRY_SECONDS * 2.0 ** (tries - 1))
