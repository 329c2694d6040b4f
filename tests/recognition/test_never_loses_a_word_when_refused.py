"""Every status with which a service can end a stream, at every stage of a stream, costs no word."""

from collections.abc import Iterator
from random import Random

import grpc
import pytest

from captions.recognition.limits import StreamLimits
from captions.recognition.session import RETRIED
from tests.recognition.disturbances import Fault, Manners, Stage, Status
from tests.recognition.hurry import hurried
from tests.recognition.meeting import EVERY_CASE, Meeting
from tests.recognition.tongues import OTHERS, SERVICES, UNTIMED, Service
from tests.tone_code import SHORTEST_GAP

SPEED = 400.0
TEN_MEGABYTES = Status(grpc.StatusCode.INVALID_ARGUMENT, "audio should be less than 10MB")
MENDED = [Status(grpc.StatusCode[name]) for name in sorted(RETRIED)] + [TEN_MEGABYTES]
STOPPING = [Status(code) for code in grpc.StatusCode if code is not grpc.StatusCode.OK and code.name not in RETRIED]


def sentences(chance: Random) -> Iterator[float]:
    """Gaps of short sentences, so that a stream soon comes to each of its stages."""
    while True:
        yield chance.uniform(0.6, 1.2)
        for _ in range(chance.randint(1, 5)):
            yield chance.uniform(SHORTEST_GAP, 0.15)


def at_every_stage(status: Status) -> list[Fault]:
    """A status at each stage, and each time again while the stream that follows is being sent what it missed."""
    return [fault for stage in Stage for fault in (Fault(stage, status), Fault(Stage.REPLAYING, status, after=0.0))]


def name_of(status: Status) -> str:
    return status.code.name + (" 10 MB" if status is TEN_MEGABYTES else "")


async def endures(faults: list[Fault], service: Service, *, final_every: int, corrected: bool = False) -> Meeting:
    meeting = Meeting(
        seed=3,
        tongue=service.tongue,
        engine=service.engine(final_every=final_every),
        stream_limits=StreamLimits(seconds=8.0),
        manners=Manners(late=0.5),
        gaps=sentences(Random(3)),
        corrected=corrected,
    )
    async with meeting:
        await meeting.endure(faults)
        await meeting.end()
    meeting.account().check()
    return meeting


@pytest.mark.parametrize("status", MENDED, ids=name_of)
@pytest.mark.parametrize("service", SERVICES if EVERY_CASE else [UNTIMED, *OTHERS], ids=str)
def test_a_stream_that_is_ended_with_an_error_is_followed_by_another(status: Status, service: Service) -> None:
    hurried(endures(at_every_stage(status), service, final_every=3 if service.times else 10**6), SPEED)


@pytest.mark.parametrize("service", SERVICES, ids=str)
def test_a_stream_that_ends_well_before_its_audio_does_is_followed_by_another(service: Service) -> None:
    ended = Status(grpc.StatusCode.OK)
    # What a service leaves out that ends well after the half-close, nobody can know.
    known = set(Stage) - {Stage.HALF_CLOSED, Stage.LAST_WORDS}
    faults = [fault for fault in at_every_stage(ended) if fault.stage in known]
    hurried(endures(faults, service, final_every=10**6), SPEED)


@pytest.mark.parametrize("service", SERVICES if EVERY_CASE else [UNTIMED, *OTHERS], ids=str)
@pytest.mark.parametrize("status", STOPPING, ids=name_of)
def test_an_error_that_stops_the_session_loses_nothing_until_somebody_has_corrected_it(
    status: Status, service: Service
) -> None:
    faults = at_every_stage(status)
    meeting = hurried(endures(faults, service, final_every=4, corrected=True), SPEED)
    assert meeting.stops >= len(faults) / 2
