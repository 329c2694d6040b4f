"""A program for tests in a real terminal: the whole dashboard, with an engine that talks at the pace of a person.

`python talking_dashboard.py REPORT`: level 10 times a second, a partial 5 times, a final every 3 s. It prints noise on
descriptor 2 as native libraries do, and in the end writes to REPORT how long the event loop stood still at most, the
processor time that it took, what was asked of the engine, and when which word was said.
"""

import argparse
import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Coroutine
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from textual.app import App

from captions.dashboard import terminal_writer
from captions.dashboard.app import CaptionsApp, run_dashboard
from captions.dashboard.worker import OnEvent
from captions.events import Delays, Final, Phase, Spread
from captions.settings import Settings
from captions.settings_sources import Loaded
from tests.dashboard.fake_engine import (
    START,
    FakeDevice,
    FakeEngine,
    final,
    level,
    microphone,
    partial,
    state,
)

SAID = "so the first thing that we should talk about today is how long it takes until it is read by somebody"
UTTERANCE_SECONDS = 3.0
DELAYS = Delays(Spread(0.05, 0.06), Spread(0.4, 0.7), Spread(0.2, 0.3), Spread(0.7, 1.1), Spread(1.4, 2.2))


def options() -> argparse.Namespace:
    """Return what was asked for on the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("report", type=Path)
    parser.add_argument("--buffer", type=int, default=terminal_writer.BUFFER_BYTES)
    parser.add_argument("--captions", type=int, default=0, help="that are in the log already")
    parser.add_argument("--partials", type=float, default=5.0, help="a second")
    parser.add_argument("--low-bandwidth", action="store_true")
    parser.add_argument("--sidebar", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--quiet", choices=("idle", "paused"), help="say nothing, and why")
    return parser.parse_args()


class TalkingEngine(FakeEngine):
    """Talks until it is stopped."""

    longest_pause = began = cpu = 0.0
    asked_for = argparse.Namespace(report=Path(os.devnull), partials=5.0, quiet=None)

    async def run(self) -> None:
        """Talk, and note how long the loop stood still."""
        self.words: dict[str, float] = {}
        self.say(state(Phase.PAUSED if self.asked_for.quiet == "paused" else Phase.LISTENING), microphone())
        self.say(DELAYS)
        parts: list[Callable[[], Coroutine[Any, Any, None]]] = [self._sound, self._talk]
        talking = [asyncio.create_task(part()) for part in ([] if self.asked_for.quiet else parts)]
        last = time.monotonic()
        self.began, self.cpu = last, _cpu()
        while not self.stopped.is_set():
            await asyncio.sleep(0.02)
            now = time.monotonic()
            self.longest_pause = max(self.longest_pause, now - last)
            last = now
        for task in talking:
            task.cancel()

    async def stop(self, drain: float = 2.0) -> None:
        """Stop, and report."""
        await super().stop(drain)
        share = (_cpu() - self.cpu) / (time.monotonic() - self.began)
        report = {"longest_pause": self.longest_pause, "asked": self.asked, "cpu": share, "words": self.words}
        await asyncio.to_thread(self.asked_for.report.write_text, json.dumps(report, default=str), encoding="utf-8")

    async def _sound(self) -> None:
        for tick in count():
            os.write(2, b"ALSA lib pcm.c: noise\n")
            self.say(level(rms=-30.0 + tick * 7 % 18, peak_hold=-10.0 - tick % 30 // 10, time=tick / 10))
            await asyncio.sleep(0.1)

    async def _talk(self) -> None:
        """Say words; each utterance ends with a word that is said only once."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        each = max(1, round(self.asked_for.partials * UTTERANCE_SECONDS))
        for number in count():
            start = number * UTTERANCE_SECONDS
            for said in range(each):
                words = f"{number} {_words(1 + said * 15 // each)}"
                if self.asked_for.partials > 5:
                    words += f" {self._once(said + number * each)}"
                self.say(partial(words, start))
                await asyncio.sleep(began + start + (said + 1) * UTTERANCE_SECONDS / each - loop.time())
            self.say(final(f"{number} {_words(15)} {self._once(number, 'END')}", start))

    def _once(self, number: int, kind: str = "") -> str:
        """A word of which no letter is that of the word before it, so that all of it has to be written."""
        letters = (number * 7, number * 11 + number // 26, number * 5 + number // 26 * 3, number * 3 + number // 676)
        word = kind + "".join(chr(ord("A") + letter % 26) for letter in letters)
        self.words[word] = time.monotonic()
        return word


def said_before(captions: int) -> list[Final]:
    """Return captions of a long evening."""
    return [
        Final("1", 3.0 * n, 3.0 * n + 2.0, START + timedelta(seconds=3 * n), f"{n} {_words(5 + n * 7 % 16)}", True)
        for n in range(-captions, 0)
    ]


def _words(count: int) -> str:
    return " ".join(SAID.split()[:count])


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def app_in_force() -> App[Any]:
    """Return the app that runs."""
    from textual._context import active_app

    return active_app.get()


def main() -> int:
    """Run the dashboard."""
    asked_for = TalkingEngine.asked_for = options()
    settings = Settings(low_bandwidth=asked_for.low_bandwidth)
    terminal_writer.BUFFER_BYTES = asked_for.buffer

    async def make_engine(on_event: OnEvent) -> TalkingEngine:
        app = app_in_force()
        assert isinstance(app, CaptionsApp)
        app.captions.add(said_before(asked_for.captions))
        if not asked_for.sidebar:
            app.sidebar.add_class("-closed")
        return TalkingEngine(on_event, settings)

    async def list_devices() -> list[FakeDevice]:
        return [FakeDevice("USB Audio", True)]

    return run_dashboard(Loaded(settings), make_engine, list_devices)


if __name__ == "__main__":
    sys.exit(main())
