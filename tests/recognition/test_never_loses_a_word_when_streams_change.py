"""Streams that take over from one another, by plan or because the service ends them, cost no word."""

import asyncio
from functools import partial
from random import Random

import pytest

from captions.recognition.limits import StreamLimits
from captions.recognition.recognizer import Encoding, RecognitionOptions
from captions.server.limits import IDLE_STATUSES, Limits
from tests.recognition.disturbances import Fault, Manners, Stage
from tests.recognition.hurry import hurried
from tests.recognition.meeting import EVERY_CASE, Meeting
from tests.recognition.tongues import LIMITED, SERVICES, Service
from tests.tone_code import ToneEngine, speech_like, without_pause

SPEED = 400.0


async def until_streams(meeting: Meeting, streams: int) -> None:
    async with meeting:
        await meeting.until(lambda: meeting.disturbed.opened > streams, None)
        await meeting.end()
    meeting.account().check()


def limited(seconds: float) -> Limits:
    """A server that holds to a limit, so that a session which goes beyond it is told."""
    return Limits(duration_seconds=seconds, audio_bytes=0, idle_seconds=5.0, opens_per_second=0)


@pytest.mark.parametrize("service", SERVICES, ids=str)
def test_two_hundred_rotations_before_a_limit_of_the_service(service: Service) -> None:
    meeting = Meeting(
        seed=11,
        paced=False,
        tongue=service.tongue,
        engine=service.engine(),
        limits=limited(12.0),
        stream_limits=StreamLimits(seconds=12.0),
        through_link=False,
    )
    hurried(until_streams(meeting, 200 if EVERY_CASE or not service.times else 50), 1.0)
    assert "stream ended early" not in meeting.account().about


@pytest.mark.parametrize("service", SERVICES, ids=str)
def test_rotations_while_somebody_talks_without_a_pause(service: Service) -> None:
    meeting = Meeting(
        seed=12,
        paced=False,
        tongue=service.tongue,
        engine=service.engine(),
        limits=limited(12.0),
        stream_limits=StreamLimits(seconds=12.0),
        gaps=without_pause(Random(12)),
        through_link=False,
    )
    hurried(until_streams(meeting, 40), 1.0)


@pytest.mark.parametrize("service", SERVICES, ids=str)
def test_rotations_while_results_come_late_in_pairs_and_empty(service: Service) -> None:
    meeting = Meeting(
        seed=13,
        tongue=service.tongue,
        engine=service.engine(final_every=4),
        limits=limited(12.0),
        stream_limits=StreamLimits(seconds=12.0),
        manners=Manners(late=5.0, paired=True, empty=True),
    )
    hurried(until_streams(meeting, 12), SPEED)


@pytest.mark.parametrize("deliver_pending", [False, True], ids=["without its last words", "with its last words"])
@pytest.mark.parametrize("service", LIMITED, ids=str)
def test_a_limit_on_duration_that_the_session_does_not_know(service: Service, deliver_pending: bool) -> None:
    meeting = Meeting(
        seed=14,
        tongue=service.tongue,
        engine=service.engine(final_every=6),
        limits=Limits(60.0, 0, 5.0, deliver_pending=deliver_pending, opens_per_second=0),
        manners=Manners(late=0.5),
    )
    hurried(until_streams(meeting, 3), SPEED)


def test_the_ten_megabytes_of_the_service_at_its_highest_rate() -> None:
    meeting = Meeting(
        seed=15,
        engine=ToneEngine(times=False),
        limits=Limits(0.0, 10_000_000, 5.0, opens_per_second=0),
        options=RecognitionOptions(language_code="en-US", sample_rate_hertz=48_000),
        block_ms=200,
        through_link=False,
    )
    hurried(until_streams(meeting, 2), SPEED)


@pytest.mark.parametrize("status", IDLE_STATUSES)
def test_a_service_that_ends_a_stream_of_which_nothing_arrives(status: str) -> None:
    async def endures() -> None:
        meeting = Meeting(
            seed=16,
            engine=ToneEngine(times=False),
            limits=Limits(0.0, 0, 5.0, idle_status=status, opens_per_second=0),
            stream_limits=StreamLimits(seconds=60.0),
        )

        async def nothing_arrives(seconds: float) -> None:
            meeting.link.black_hole()
            await asyncio.sleep(seconds)
            meeting.link.heal()

        async with meeting:
            # Streams are so long that but the last of these comes well before the end of one. When a stream ends well,
            # up to `UNANSWERED_SECONDS` of its last speech can be missing, and nobody can know.
            stages = Stage.SETTINGS, Stage.IN_WORD, Stage.FINAL, Stage.HALF_CLOSED
            await meeting.endure(Fault(stage, partial(nothing_arrives, 7.0)) for stage in stages)
            await meeting.end()
        meeting.account().check()

    hurried(endures(), SPEED)


def test_a_service_that_opens_one_stream_at_a_time() -> None:
    meeting = Meeting(
        seed=17,
        engine=ToneEngine(times=False),
        limits=Limits(0.0, 0, 5.0, opens_per_second=0, max_streams=1),
        stream_limits=StreamLimits(seconds=10.0),
        manners=Manners(late=2.0),
    )
    hurried(until_streams(meeting, 20), SPEED)


def test_a_service_that_opens_few_streams_a_second() -> None:
    meeting = Meeting(
        seed=18,
        engine=ToneEngine(times=False),
        limits=Limits(0.0, 0, 5.0, opens_per_second=2),
        stream_limits=StreamLimits(seconds=10.0),
    )
    hurried(until_streams(meeting, 6), SPEED)


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
def test_rotations_in_every_encoding(encoding: Encoding, rate: int) -> None:
    meeting = Meeting(
        seed=19,
        engine=ToneEngine(times=True),
        limits=limited(12.0),
        stream_limits=StreamLimits(seconds=12.0),
        options=RecognitionOptions(language_code="en-US", audio_encoding=encoding, sample_rate_hertz=rate),
        through_link=False,
        paced=False,
    )
    hurried(until_streams(meeting, 6), 1.0)


@pytest.mark.parametrize("service", SERVICES, ids=str)
def test_a_stream_that_is_ended_in_a_long_silence_is_back_before_the_next_word(service: Service) -> None:
    meeting = Meeting(
        seed=20,
        tongue=service.tongue,
        engine=service.engine(),
        stream_limits=StreamLimits(seconds=60.0, billed_seconds=15.0),
        gaps=speech_like(Random(20), longest=12.0),
        silence_seconds=3.0,
    )
    hurried(until_streams(meeting, 12), SPEED)
