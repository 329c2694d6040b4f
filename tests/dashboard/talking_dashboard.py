"""A program for tests in a real terminal: the whole dashboard, with an engine that talks at the pace of a person.

`python talking_dashboard.py REPORT [BUFFER_BYTES]`: level 10 times a second, a partial 5 times, a final every 3 s. It
prints noise on descriptor 2 as native libraries do, and in the end writes to REPORT how long the event loop stood still
at most, the processor time that it took, and what was asked of the engine.
"""

import asyncio
import json
import os
import resource
import sys
import time
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from captions.dashboard import driver
from captions.dashboard.app import run_dashboard
from captions.dashboard.worker import OnEvent
from captions.settings import Settings
from tests.dashboard.fake_engine import (
    FakeDevice,
    FakeEngine,
    final,
    level,
    microphone,
    partial,
    state,
)

SAID = "so the first thing that we should talk about today is how long it takes until it is read by somebody"


class TalkingEngine(FakeEngine):
    """Talks until it is stopped."""

    longest_pause = began = cpu = 0.0

    async def run(self) -> None:
        """Talk, and note how long the loop stood still."""
        self.say(state(), microphone())
        talking = asyncio.create_task(self._talk())
        last = time.monotonic()
        self.began, self.cpu = last, _cpu()
        while not self.stopped.is_set():
            await asyncio.sleep(0.02)
            now = time.monotonic()
            self.longest_pause = max(self.longest_pause, now - last)
            last = now
        talking.cancel()

    async def stop(self, drain: float = 2.0) -> None:
        """Stop, and report."""
        await super().stop(drain)
        share = (_cpu() - self.cpu) / (time.monotonic() - self.began)
        report = {"longest_pause": self.longest_pause, "asked": self.asked, "cpu": share}
        await asyncio.to_thread(Path(sys.argv[1]).write_text, json.dumps(report, default=str), encoding="utf-8")

    async def _talk(self) -> None:
        for tick in count():
            os.write(2, b"ALSA lib pcm.c: noise\n")
            self.say(level(rms=-30.0 + tick * 7 % 18, peak_hold=-10.0 - tick % 30 // 10, time=tick / 10))
            said = tick % 30
            if said == 29:
                self.say(final(f"{tick // 30} " + _words(15), tick / 10))
            elif said % 2 == 0:
                self.say(partial(f"{tick // 30} " + _words(said // 2 + 1), tick / 10))
            await asyncio.sleep(0.1)


def _words(count: int) -> str:
    return " ".join(SAID.split()[:count])


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> int:
    """Run the dashboard."""
    settings = Settings()
    if len(sys.argv) > 2:
        driver.BUFFER_BYTES = int(sys.argv[2])

    async def make_engine(on_event: OnEvent) -> TalkingEngine:
        return TalkingEngine(on_event, settings)

    async def list_devices() -> list[FakeDevice]:
        return [FakeDevice("USB Audio", True)]

    return run_dashboard(settings, make_engine, list_devices)


if __name__ == "__main__":
    sys.exit(main())
