"""What the engine says reaches the dashboard: finals one by one and at once, the rest as often as an eye can follow."""

import asyncio

import pytest
from textual.message import Message

from captions.dashboard.messages import EngineFailed, EngineTick, EntryAdded, StateChanged
from captions.dashboard.worker import Bridge, Controls, OnEvent, run_engine
from captions.errors import ExitCode, InputError
from captions.events import Backlog, Phase, Progress
from captions.settings import Settings
from tests.dashboard.fake_engine import FakeEngine, final, level, microphone, partial, state


class Posted(list[Message]):
    """Messages in the order in which they were posted; `ticked` is set with each tick."""

    def __init__(self) -> None:
        super().__init__()
        self.ticked = asyncio.Event()

    def post(self, message: Message) -> None:
        self.append(message)
        if isinstance(message, EngineTick):
            self.ticked.set()

    def of(self, kind: type[Message]) -> list[Message]:
        return [message for message in self if isinstance(message, kind)]


async def test_a_flood_of_partials_becomes_one_tick_with_the_newest() -> None:
    posted = Posted()
    bridge = Bridge(posted.post)
    for number in range(1_000):
        bridge.on_event(partial(f"word {number}"))
        bridge.on_event(level(rms=-float(number % 60)))
    bridge.on_event(Progress(1.0, 2.0))
    bridge.on_event(Backlog(9.0, 0))
    bridge.on_event(Backlog(3.0, 0))
    assert not posted
    await asyncio.wait_for(posted.ticked.wait(), 2)
    assert posted == [EngineTick(level(rms=-39.0), Progress(1.0, 2.0), Backlog(3.0, 0), {"1": partial("word 999")})]


async def test_ticks_come_at_most_ten_times_a_second() -> None:
    posted = Posted()
    bridge = Bridge(posted.post)
    loop = asyncio.get_running_loop()
    began = loop.time()
    while len(posted) < 4:
        bridge.on_event(level())
        await asyncio.sleep(0)
    assert loop.time() - began >= 0.29


async def test_finals_are_neither_merged_nor_delayed_and_cover_the_partial_before_them() -> None:
    posted = Posted()
    bridge = Bridge(posted.post)
    bridge.on_event(partial("one tw"))
    bridge.on_event(final("One two."))
    bridge.on_event(final("Three."))
    assert posted == [EntryAdded(final("One two.")), EntryAdded(final("Three."))]
    bridge.on_event(partial("fo"))
    await asyncio.wait_for(posted.ticked.wait(), 2)
    assert posted[-1] == EngineTick(partials={"1": partial("fo")})


async def test_order_is_kept_where_it_matters() -> None:
    posted = Posted()
    bridge = Bridge(posted.post)
    bridge.on_event(level())
    bridge.on_event(state(Phase.PAUSED))
    bridge.on_event(level())
    bridge.on_event(microphone())
    assert [type(message) for message in posted] == [EngineTick, StateChanged, EngineTick, EntryAdded]


@pytest.mark.parametrize(
    ("error", "words", "code"),
    [
        (InputError("The file is gone.", "Choose another."), "The file is gone.", ExitCode.INPUT),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero", ExitCode.INTERNAL),
    ],
)
async def test_an_engine_that_breaks_says_so_in_words(error: Exception, words: str, code: ExitCode) -> None:
    class Broken(FakeEngine):
        async def run(self) -> None:
            raise error

    async def make_engine(on_event: OnEvent) -> Controls:
        return Broken(on_event, Settings())

    posted = Posted()
    await run_engine(make_engine, posted.post, lambda engine: None)
    (failed,) = posted
    assert isinstance(failed, EngineFailed)
    assert words in failed.message
    assert failed.exit_code == code
