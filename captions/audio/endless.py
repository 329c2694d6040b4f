"""An input for as long as it is wanted: a microphone that goes away is waited for and taken up again."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, replace

from captions.audio.block import AudioBlock
from captions.audio.source import AudioSource
from captions.errors import InputError

RETRY_SECONDS = 1.0
"""How often a microphone that went away is looked for."""
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

    A microphone does not end: when its sound breaks off it is opened again as soon as it can be, and the time between
    is missed, as is the time for which the machine was suspended. Raises InputError when the source cannot be opened
    at first, or when a file breaks off.
    """
    source = await open_source(position)
    again, missed_samples = False, 0
    while True:
        slept = asleep()
        captured = wall()
        try:
            yield Opened(source, again)
            async for block in source.blocks():
                missed = asleep() - slept
                slept += missed
                if missed > ASLEEP_SECONDS and source.kind == "microphone":
                    missed_samples += round(missed * rate)
                    yield Missed(missed, "the machine was asleep")
                yield replace(block, position=block.position + missed_samples) if missed_samples else block
                position = block.end
                captured = wall()
            return
        except InputError as error:
            if source.kind != "microphone":
                raise
            yield Lost(error)
        finally:
            await source.aclose()
        source = await _when_it_is_back(open_source, position)
        missed = max(0.0, wall() - captured)
        missed_samples += round(missed * rate)
        again = True
        yield Missed(missed, "the microphone was gone")


async def _when_it_is_back(open_source: Callable[[int], Awaitable[AudioSource]], position: int) -> AudioSource:
    while True:
        try:
            return await open_source(position)
        except InputError:
            await asyncio.sleep(RETRY_SECONDS)
