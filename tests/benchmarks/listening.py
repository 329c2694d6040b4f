"""Runs the engine over inputs without a dashboard, and returns what its journal kept."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from captions.engine import Engine
from captions.events import Entry, Event, Phase, SessionState
from captions.settings import Settings
from captions.transcript.journal import read_journal


async def listen(
    settings: Settings,
    inputs: Sequence[str],
    folder: Path,
    *,
    real_time: bool,
    on_event: Callable[[Event], None] = lambda event: None,
) -> list[Entry]:
    """Hear the inputs one after another, each to its end, in one session.

    The journal is kept in `folder`. Raises RuntimeError when the session stops before the inputs end.
    """
    phases: asyncio.Queue[SessionState | None] = asyncio.Queue()

    def hear(event: Event) -> None:
        if isinstance(event, SessionState):
            phases.put_nowait(event)
        on_event(event)

    first = replace(settings, input=inputs[0])
    engine = Engine(first, hear, environment={}, folder=folder, real_time=real_time)
    running = asyncio.create_task(engine.run())
    running.add_done_callback(lambda _: phases.put_nowait(None))
    for name in inputs:
        if name != inputs[0]:
            engine.use_input(name)
        while (state := await phases.get()) is None or state.phase is not Phase.ENDED:
            if state is None:
                running.result()
            if state is None or state.phase in (Phase.FAILED, Phase.NO_INPUT):
                raise RuntimeError(f"The session stopped: {engine.error}")
    await engine.stop()
    await running
    assert engine.journal is not None
    return list(read_journal(engine.journal))
