"""A microphone that goes away is waited for; time without sound is told and the clock goes on over it."""

import asyncio
from collections.abc import Iterator

import pytest

from captions.audio import endless as endless_module
from captions.audio.block import AudioBlock
from captions.audio.endless import Lost, Missed, Opened, endless
from captions.audio.source import AudioFormat
from captions.errors import InputError
from tests.pushed_source import PushedSource

RATE = 16_000


class Openings:
    """Opens what it was given, one after another; an error is raised."""

    def __init__(self, *results: PushedSource | InputError) -> None:
        self._results: Iterator[PushedSource | InputError] = iter(results)
        self.positions: list[int] = []

    async def __call__(self, position: int) -> PushedSource:
        self.positions.append(position)
        result = next(self._results)
        if isinstance(result, InputError):
            raise result
        result._position = position
        return result


def source(kind: str, seconds: float, error: InputError | None = None) -> PushedSource:
    made = PushedSource(kind, AudioFormat(rate=RATE), 0)
    made.kind = kind
    made.live = kind not in ("file", "pipe")
    made.push_seconds(seconds)
    made.end(error)
    return made


async def collected(openings: Openings, **more: object) -> list[AudioBlock | Opened | Lost | Missed]:
    return [item async for item in endless(openings, 0, RATE, **more)]  # type: ignore[arg-type]


def blocks(items: list[AudioBlock | Opened | Lost | Missed]) -> list[int]:
    return [item.position for item in items if isinstance(item, AudioBlock)]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endless_module, "RETRY_SECONDS", 0.0)


async def test_a_microphone_that_goes_away_is_taken_up_again_and_the_time_between_is_missed() -> None:
    gone = InputError("The microphone was unplugged.")
    first = source("microphone", 0.2, gone)
    again = source("microphone", 0.2)
    openings = Openings(first, InputError("still gone"), InputError("still gone"), again)
    clock = iter([100.0, 100.1, 100.2, 105.2, 105.2, 105.3, 105.4])
    items = await collected(openings, wall=lambda: next(clock))
    assert [type(item) for item in items if not isinstance(item, AudioBlock)] == [Opened, Lost, Missed, Opened]
    (missed,) = [item for item in items if isinstance(item, Missed)]
    assert missed.seconds == pytest.approx(5.0)
    assert blocks(items) == [0, 1_600, 3_200 + 5 * RATE, 4_800 + 5 * RATE]
    assert openings.positions == [0, 3_200, 3_200, 3_200]
    assert first.closed
    assert again.closed


async def test_a_file_that_breaks_off_is_not_waited_for() -> None:
    with pytest.raises(InputError, match="broken"):
        await collected(Openings(source("file", 0.2, InputError("broken"))))


async def test_a_microphone_that_cannot_be_opened_at_first_is_told() -> None:
    with pytest.raises(InputError, match="no such"):
        await collected(Openings(InputError("no such microphone")))


async def test_sleep_of_the_machine_is_missed_by_a_microphone_and_not_by_a_file() -> None:
    for kind, expected in (("microphone", [0, 1_600 + 60 * RATE]), ("file", [0, 1_600])):
        slept = iter([0.0, 0.0, 60.0, 60.0])
        items = await collected(Openings(source(kind, 0.2)), asleep=lambda slept=slept: next(slept))
        assert blocks(items) == expected, kind
        missed = [item.seconds for item in items if isinstance(item, Missed)]
        assert missed == ([60.0] if kind == "microphone" else [])


async def test_leaving_it_closes_the_source() -> None:
    made = source("microphone", 10.0)
    sound = endless(Openings(made), 0, RATE)
    async for item in sound:
        if isinstance(item, AudioBlock):
            break
    await sound.aclose()
    assert made.closed


async def test_waiting_for_a_microphone_can_be_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endless_module, "RETRY_SECONDS", 0.01)
    gone = InputError("gone")
    openings = Openings(source("microphone", 0.1, gone), *[gone] * 1_000)
    collecting = asyncio.create_task(collected(openings))
    while len(openings.positions) < 5:
        await asyncio.sleep(0)
        await asyncio.sleep(0.01)
    collecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await collecting
