"""Links that are refused, reset, silent or lost, and servers that die, at any moment, cost no word.

Each random case prints its seed when it fails. `BAD_LINK_SEED=7 pytest -k random` plays one again, and
`BAD_LINK_DROPS=100` makes it as long as wanted. `EVERY_CASE=1` tries each drop with each kind of service.
"""

import asyncio
import math
import os
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from random import Random

import pytest

from captions.recognition import connection
from captions.recognition.limits import StreamLimits
from tests.recognition.disturbances import Fault, Manners, Stage
from tests.recognition.hurry import hurried
from tests.recognition.meeting import EVERY_CASE, Meeting
from tests.recognition.tongues import OTHERS, SERVICES, UNTIMED, Service

SPEED = 100.0
SHORTEST, LONGEST = 0.1, 30.0
"""Seconds that a link is broken."""
STREAM_SECONDS = 20.0
USUAL_SEED = 2
"""Of the drops that are tried each time: a failure is then of the change at hand. Other seeds look for new ones."""


@pytest.fixture(autouse=True)
def tests_of_the_link_are_hurried_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """gRPC's timers do not run on the loop's clock."""
    monkeypatch.setattr("captions.recognition.remote.KEEPALIVE_MS", round(connection.KEEPALIVE_MS / SPEED))
    monkeypatch.setattr(connection, "PING_MS", round(connection.PING_MS / SPEED))


async def refused(meeting: Meeting, seconds: float) -> None:
    """All connections are reset, and none is taken for a while."""
    await meeting.link.refuse()
    await asyncio.sleep(seconds)
    await meeting.link.accept()


async def reset(meeting: Meeting, seconds: float) -> None:
    """All connections are reset; new ones are taken, and hang for a while."""
    meeting.link.black_hole()
    meeting.link.reset()
    await asyncio.sleep(seconds)
    meeting.link.heal()


async def silent(meeting: Meeting, seconds: float) -> None:
    """Nothing arrives for a while, and then all of it does."""
    meeting.link.black_hole()
    await asyncio.sleep(seconds)
    meeting.link.heal()


async def lost(meeting: Meeting, seconds: float) -> None:
    """Nothing arrives for a while, and what was on its way never does."""
    meeting.link.black_hole()
    await asyncio.sleep(seconds)
    meeting.link.reset()
    meeting.link.heal()


async def killed(meeting: Meeting, seconds: float) -> None:
    """The server ends at once, and is there again after a while."""
    await meeting.kill()
    await asyncio.sleep(seconds)
    await meeting.serve()


Drop = Callable[[Meeting, float], Awaitable[None]]
DROPS: tuple[Drop, ...] = (refused, reset, silent, lost, killed)


USUAL = Manners(late=1.0)


@dataclass(frozen=True, slots=True)
class Kind:
    """What kind of service is at the other end."""

    service: Service
    final_every: int = 10**6
    manners: Manners = USUAL

    def __str__(self) -> str:
        return f"{self.service}{', late, in pairs, with empty responses' if self.manners.paired else ''}"


LATE = Kind(UNTIMED, 5, Manners(late=5.0, paired=True, empty=True))
KINDS = (*map(Kind, SERVICES), LATE)


def meeting_of(kind: Kind, seed: int) -> Meeting:
    return Meeting(
        seed=seed,
        tongue=kind.service.tongue,
        engine=kind.service.engine(final_every=kind.final_every),
        stream_limits=StreamLimits(seconds=STREAM_SECONDS),
        manners=kind.manners,
        kept_seconds=3_600.0,  # what becomes of more than is kept is not asked here
    )


@pytest.mark.parametrize("kind", KINDS if EVERY_CASE else list(map(Kind, [UNTIMED, *OTHERS])), ids=str)
@pytest.mark.parametrize("drop", DROPS, ids=lambda drop: drop.__name__)
def test_a_link_that_breaks_at_each_stage_and_again_while_it_recovers(drop: Drop, kind: Kind) -> None:
    async def endures() -> None:
        meeting = meeting_of(kind, 5)
        async with meeting:
            await meeting.endure(
                fault
                for stage in Stage
                for fault in (
                    Fault(stage, partial(drop, meeting, 2.0)),
                    Fault(Stage.REPLAYING, partial(drop, meeting, 0.5), after=0.0),
                )
            )
            await meeting.end()
        meeting.account().check()

    hurried(endures(), SPEED)


def random_drops(meeting: Meeting, chance: Random, count: int) -> Iterator[Fault]:
    """Drops of every kind and length at every stage; one in three follows at once upon the one before."""
    for _ in range(count):
        drop = chance.choice(DROPS)
        seconds = math.exp(chance.uniform(math.log(SHORTEST), math.log(LONGEST)))
        again = chance.random() < 1 / 3
        stage = chance.choice((Stage.OPENED, Stage.AUDIO, Stage.REPLAYING)) if again else chance.choice(list(Stage))
        yield Fault(stage, partial(drop, meeting, seconds), after=0.0 if again else chance.uniform(0.0, 8.0))


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_random_drops_lose_no_word(kind: Kind) -> None:
    seed = int(os.environ.get("BAD_LINK_SEED", USUAL_SEED))
    count = int(os.environ.get("BAD_LINK_DROPS", 10))
    print(f"BAD_LINK_SEED={seed} BAD_LINK_DROPS={count}")

    async def endures() -> None:
        meeting = meeting_of(kind, seed)
        async with meeting:
            await meeting.endure(random_drops(meeting, meeting.chance, count))
            await meeting.end()
        meeting.account().check()

    # Late results leave 3 s before they would be too late: at full speed a busy machine stands still for as long.
    hurried(endures(), SPEED / 2 if kind.manners.late else SPEED)
