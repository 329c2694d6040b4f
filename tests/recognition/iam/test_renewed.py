"""A token is followed by the next before it runs out, and nobody waits for that who need not."""

import asyncio

import pytest

from captions.errors import CaptionsError, CredentialsError, StreamError
from captions.recognition.credentials import Credentials, Kind
from captions.recognition.iam.renewed import AGAIN, HOURLY, LATELY, MARGIN, Renewed
from captions.recognition.iam.token import Token

HOURS = 3600.0


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Giver:
    """A source whose answers wait for `let`, if `held`."""

    name = "test"
    where = "a test"

    def __init__(self, lasts: float | None = 12 * HOURS) -> None:
        self.lasts = lasts
        self.asked = 0
        self.failure: CaptionsError | None = None
        self.let = asyncio.Event()
        self.let.set()

    async def fetch(self) -> Token:
        self.asked += 1
        number = self.asked
        await self.let.wait()
        if self.failure is not None:
            raise self.failure
        return Token(Credentials(Kind.IAM_TOKEN, f"t1.{number}"), self.lasts)


async def secret(renewed: Renewed) -> str:
    return (await renewed.current()).secret


async def settle() -> None:
    """Let all that can go on do so: nothing here waits for anything but the loop."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_a_token_is_used_for_an_hour_and_then_renewed_while_it_goes_on_being_given(clock: Clock) -> None:
    giver = Giver()
    renewed = Renewed(giver, clock)
    assert [await secret(renewed) for _ in range(3)] == ["t1.1"] * 3
    clock.now += HOURLY - 1
    assert await secret(renewed) == "t1.1"
    await settle()
    assert giver.asked == 1
    clock.now += 1
    giver.let.clear()
    assert [await secret(renewed) for _ in range(3)] == ["t1.1"] * 3  # nobody waits for the exchange
    await settle()
    assert giver.asked == 2  # and it is asked once
    giver.let.set()
    await settle()
    assert await secret(renewed) == "t1.2"


async def test_a_short_token_is_renewed_at_half_its_life(clock: Clock) -> None:
    giver = Giver(600)
    renewed = Renewed(giver, clock)
    await secret(renewed)
    clock.now += 300
    assert await secret(renewed) == "t1.1"
    await settle()
    assert await secret(renewed) == "t1.2"


async def test_a_token_about_to_run_out_is_not_given_any_more(clock: Clock) -> None:
    giver = Giver(2 * HOURS)
    renewed = Renewed(giver, clock)
    await secret(renewed)
    clock.now += 2 * HOURS - MARGIN
    assert await secret(renewed) == "t1.2"


async def test_a_slow_answer_makes_a_token_only_older(clock: Clock) -> None:
    giver = Giver(600)
    giver.let.clear()
    renewed = Renewed(giver, clock)
    first = asyncio.create_task(secret(renewed))
    await settle()
    clock.now += 580
    giver.let.set()
    assert await first == "t1.1"
    assert await secret(renewed) == "t1.2"


async def test_two_streams_at_once_ask_once(clock: Clock) -> None:
    giver = Giver()
    giver.let.clear()
    renewed = Renewed(giver, clock)
    streams = [asyncio.create_task(secret(renewed)) for _ in range(5)]
    await settle()
    giver.let.set()
    assert [await stream for stream in streams] == ["t1.1"] * 5
    assert giver.asked == 1


async def test_a_stream_that_is_given_up_does_not_take_the_token_from_the_others(clock: Clock) -> None:
    giver = Giver()
    giver.let.clear()
    renewed = Renewed(giver, clock)
    given_up, other = (asyncio.create_task(secret(renewed)) for _ in range(2))
    await settle()
    given_up.cancel()
    await settle()
    giver.let.set()
    assert await other == "t1.1"


async def test_a_refusal_brings_another_token_for_all_streams_that_were_refused(clock: Clock) -> None:
    giver = Giver()
    renewed = Renewed(giver, clock)
    await secret(renewed)
    giver.let.clear()
    refused = [asyncio.create_task(renewed.renew()) for _ in range(3)]
    await settle()
    giver.let.set()
    assert [await each for each in refused] == [True] * 3
    clock.now += LATELY / 2
    assert await renewed.renew()  # a stream that had been opened before it, and was refused only now
    assert await secret(renewed) == "t1.2"
    assert giver.asked == 2
    clock.now += LATELY
    assert await renewed.renew()
    assert await secret(renewed) == "t1.3"


@pytest.mark.parametrize(
    "failure", [StreamError("UNAVAILABLE", "nobody there"), CredentialsError("The key was deleted.")]
)
async def test_while_the_old_token_is_good_a_failure_is_tried_again_later(clock: Clock, failure: CaptionsError) -> None:
    giver = Giver(3 * HOURS)
    renewed = Renewed(giver, clock)
    await secret(renewed)
    giver.failure = failure
    clock.now += HOURLY
    for _ in range(3):
        assert await secret(renewed) == "t1.1"
        await settle()
    assert giver.asked == 2
    clock.now += AGAIN
    assert await secret(renewed) == "t1.1"
    await settle()
    assert giver.asked == 3
    clock.now += 2 * HOURS
    with pytest.raises(type(failure)):
        await renewed.current()
    giver.failure = None
    assert await secret(renewed) == "t1.5"


async def test_what_was_refused_is_not_given_again_when_no_other_can_be_had(clock: Clock) -> None:
    giver = Giver()
    renewed = Renewed(giver, clock)
    await secret(renewed)
    giver.failure = StreamError("UNAVAILABLE", "nobody there")
    for ask in (renewed.renew, renewed.current, renewed.current):
        with pytest.raises(StreamError):
            await ask()
    giver.failure = None
    assert await secret(renewed) == "t1.5"


async def test_what_has_no_end_is_asked_for_again_only_after_a_refusal(clock: Clock) -> None:
    giver = Giver(None)
    renewed = Renewed(giver, clock)
    await secret(renewed)
    clock.now += 1_000 * HOURS
    assert await secret(renewed) == "t1.1"
    assert await renewed.renew()
    assert await secret(renewed) == "t1.2"


async def test_nothing_secret_is_in_what_can_be_shown(clock: Clock) -> None:
    renewed = Renewed(Giver(), clock)
    token = await renewed.current()
    assert "t1.1" not in f"{renewed!r} {vars(renewed)!r} {token!r} {Token(token)!r}"
