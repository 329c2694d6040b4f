"""A process that keeps captions as fast as it can and notes each that was told, until somebody kills it."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

from captions.events import Event, Final, Partial
from captions.transcript.keeper import Keeper


def caption_until_killed(folder: Path, told: Path) -> None:
    """Keep captions in `folder`; the number of each that was told is a line of `told`."""
    descriptor = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def tell(event: Event) -> None:
        if isinstance(event, Final):
            os.write(descriptor, f"{event.text}\n".encode())

    asyncio.run(_caption(Keeper(folder, {}, tell)))


async def _caption(keeper: Keeper) -> None:
    working = asyncio.create_task(keeper.run())
    number = 0
    while not working.done():
        for _ in range(number % 7 + 1):
            keeper.put(Partial("main", number, number + 1, f"{number} …"))
            keeper.put(Final("main", number, number + 1, datetime.now(UTC), str(number), number % 3 == 0))
            number += 1
        await asyncio.sleep(0)
