"""Sound that is truly lost is a gap, exactly there, and nowhere else."""

import asyncio
from functools import partial

import pytest

from captions.events import Gap
from captions.recognition.hearing import LATE_SECONDS
from captions.recognition.limits import StreamLimits
from tests.recognition.disturbances import Fault, Stage
from tests.recognition.hurry import hurried
from tests.recognition.meeting import Meeting
from tests.recognition.tongues import SERVICES, Service

SPEED = 100.0
KEPT = 20.0


@pytest.mark.parametrize("service", SERVICES, ids=str)
def test_what_waited_longer_than_sound_is_kept_is_a_gap_and_all_else_is_heard(service: Service) -> None:
    async def endures() -> None:
        meeting = Meeting(seed=31, tongue=service.tongue, engine=service.engine(), kept_seconds=KEPT)

        async def refused() -> None:
            await meeting.link.refuse()
            await asyncio.sleep(3 * KEPT)
            await meeting.link.accept()

        async with meeting:
            await asyncio.sleep(15.0)
            await meeting.endure([Fault(Stage.FINAL, refused)])
            await meeting.end()
        # Without word times, what a final covers is known to a few seconds only: the gap begins early, never late.
        meeting.account().check(gaps=None, unlost=not service.times)
        missing = sum(event.end - event.start for event in meeting.events if isinstance(event, Gap))
        assert missing == pytest.approx(2 * KEPT, abs=5.0 if service.times else 5.0 + LATE_SECONDS)

    hurried(endures(), SPEED)


@pytest.mark.parametrize("service", SERVICES, ids=str)
def test_sound_that_a_microphone_lost_is_a_gap_and_nothing_beside_it_is_missing(service: Service) -> None:
    async def endures() -> None:
        meeting = Meeting(seed=32, tongue=service.tongue, engine=service.engine())
        async with meeting:
            for _ in range(5):
                await asyncio.sleep(6.0)
                meeting.talk.miss(1.5)
            await asyncio.sleep(6.0)
            await meeting.end()
        meeting.account().check(gaps=meeting.talk.holes)

    hurried(endures(), SPEED)


@pytest.mark.parametrize("service", SERVICES, ids=str)
def test_sound_that_a_microphone_lost_while_the_link_was_broken(service: Service) -> None:
    async def endures() -> None:
        meeting = Meeting(
            seed=33, tongue=service.tongue, engine=service.engine(), stream_limits=StreamLimits(seconds=20.0)
        )

        async def refused(seconds: float) -> None:
            await meeting.link.refuse()
            await asyncio.sleep(seconds / 2)
            meeting.talk.miss(1.0)
            await asyncio.sleep(seconds / 2)
            await meeting.link.accept()

        async with meeting:
            for _ in range(2):
                await meeting.endure(
                    [
                        Fault(Stage.IN_WORD, partial(refused, 12.0), after=5.0),
                        Fault(Stage.REPLAYING, partial(refused, 4.0), after=0.0),
                        Fault(Stage.REPLAYING, partial(refused, 1.0), after=0.0),
                    ]
                )
            await meeting.end()
        meeting.account().check(gaps=meeting.talk.holes)

    hurried(endures(), SPEED)
