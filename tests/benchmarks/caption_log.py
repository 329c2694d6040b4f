"""What the caption log costs with 10,000 to a million captions, and Textual's RichLog beside it.

    python -m tests.benchmarks.caption_log [--sizes 10000 100000 1000000] [--no-rich-log]

Each log runs in a process of its own, in a real terminal (a pty of 120x30) whose other side is read all the time.
RichLog is measured up to 100,000 captions, in what it can do: it neither wraps anew nor searches. Bytes are those given
to the terminal. "Longest block" is the longest time for which the event loop ran nothing else, painting included.
"""

import argparse
import asyncio
import fcntl
import json
import os
import pty
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import psutil
from rich.text import Text
from textual.app import App, ComposeResult
from textual.widgets import RichLog

from captions.dashboard.app import CaptionsApp
from captions.dashboard.worker import Device, OnEvent
from captions.events import Final, Partial
from captions.settings import Settings
from captions.settings_sources import Loaded
from captions.transcript.transcript import Transcript
from tests.dashboard.fake_engine import FakeEngine

COLUMNS, LINES, OTHER_COLUMNS = 120, 30, 100
START = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
SAID = {
    "Cyrillic": "съешь ещё этих мягких французских булок да выпей же чаю и расскажи нам всем о бюджете на год",
    "CJK": "来年度の予算についてもう少し詳しく話してもらえますか、それから次の会議の日程も決めましょう。",
}
SOUGHT = {"Cyrillic": "чаю и р", "CJK": "会議の日"}
PAGES, UPDATES = 20, 96
TARGETS = {
    "fill": "1,000 ms at 100k",
    "memory beyond the captions": "60 MB at 100k",
    "resize, all done": "300 ms at 100k",
    "page up": "30 ms",
    "search": "100 ms at 100k",
}


def captions(script: str, count: int) -> list[Final]:
    """Return captions of 40 to 100 characters."""
    said = SAID[script]
    made = []
    for number in range(count):
        text = f"{number} {said[: len(said) // 2 + number * 7 % (len(said) // 2)]}"
        start = 3.0 * number
        made.append(Final("1", start, start + 2.5, START + timedelta(seconds=start), text, True))
    return made


class Probe:
    """Counts what an app writes, and for how long its loop stands still, while `measure` puts it to work."""

    def __init__(self, app: App[None], measure: Callable[["Probe"], Awaitable[dict[str, float]]]) -> None:
        self.app = app
        self.written = 0
        self.longest_block = 0.0
        self.figures: dict[str, float] = {}
        self._measure = measure

    def start(self) -> None:
        """Begin, once the app is there."""
        driver = self.app._driver
        assert driver is not None
        write = driver.write

        def counted(data: str) -> None:
            self.written += len(data.encode())
            write(data)

        driver.write = counted  # type: ignore[method-assign]
        self.app.run_worker(self._run())
        self.app.run_worker(self._watch())

    async def _run(self) -> None:
        self.figures = await self._measure(self)
        self.app.exit()

    async def _watch(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            self.longest_block = max(self.longest_block, time.perf_counter() - began - 0.001)

    async def painted(self) -> None:
        """Wait until all that was asked for is painted."""
        done = asyncio.Event()
        self.app.call_after_refresh(done.set)
        await done.wait()

    def change_columns(self, columns: int) -> None:
        """Resize the terminal, as a person does."""
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, columns, 0, 0))


class OurApp(CaptionsApp):
    """The dashboard without its settings, and with an engine that says nothing."""

    def __init__(self, script: str, count: int) -> None:
        super().__init__(Loaded(Settings()), self._silent_engine, self._no_devices)
        self.probe = Probe(self, partial(ours, script, count))

    async def _silent_engine(self, on_event: OnEvent) -> FakeEngine:
        return FakeEngine(on_event, Settings())

    async def _no_devices(self) -> list[Device]:
        return []

    def on_ready(self) -> None:
        """Begin."""
        self.sidebar.add_class("-closed")
        self.probe.start()


class RichLogApp(App[None]):
    """Textual's log, and nothing else."""

    animation_level = "none"

    def __init__(self, script: str, count: int) -> None:
        super().__init__()
        self.probe = Probe(self, partial(rich_logs, script, count))

    def compose(self) -> ComposeResult:
        self.rich_log = RichLog(wrap=True, auto_scroll=True)
        yield self.rich_log

    def on_ready(self) -> None:
        """Begin."""
        self.probe.start()


async def until(holds: Callable[[], object]) -> None:
    while not holds():  # noqa: ASYNC110 - what is awaited tells nobody
        await asyncio.sleep(0.001)


class Timed:
    """How many milliseconds it took, and the longest block of the event loop meanwhile."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe

    def __enter__(self) -> "Timed":
        self._probe.longest_block = 0.0
        self._began = time.perf_counter()
        return self

    def so_far(self) -> float:
        return 1_000 * (time.perf_counter() - self._began)

    def __exit__(self, *_: object) -> None:
        self.took = self.so_far()

    async def block(self) -> float:
        await asyncio.sleep(0.01)
        return 1_000 * self._probe.longest_block


def resident() -> float:
    return float(psutil.Process().memory_info().rss) / 1e6


async def ours(script: str, count: int, probe: Probe) -> dict[str, float]:
    """Measure the caption log."""
    app = probe.app
    assert isinstance(app, OurApp)
    log, said, figures = app.captions, captions(script, count), {}
    before = resident()
    with Timed(probe) as fill:
        transcript = Transcript(said)
    made = fill.took
    with Timed(probe) as opened:
        log.open(transcript)
        await probe.painted()
    figures["fill"] = made + opened.took
    figures["  of it showing the transcript"] = opened.took
    await until(lambda: log.settled)
    figures["  longest block, transcript made elsewhere"] = await opened.block()
    figures["memory beyond the captions"] = resident() - before
    log.go_to(count // 2)
    await probe.painted()
    wide = log.size.width
    with Timed(probe) as resize:
        probe.change_columns(OTHER_COLUMNS)
        await until(lambda: log.size.width < wide)
        await probe.painted()
        figures["resize, in sight"] = resize.so_far()
        await until(lambda: log.settled)
    figures["resize, all done"] = resize.took
    figures["  longest block"] = await resize.block()
    log.focus()
    with Timed(probe) as pages:
        for _ in range(PAGES):
            app.pane.action_page(-1)
            await probe.painted()
    figures["page up"] = pages.took / PAGES
    with Timed(probe) as search:
        log.look_for(SOUGHT[script])
        await until(lambda: log.settled)
    figures["search"] = search.took
    figures["  longest block "] = await search.block()
    log.look_for("")
    probe.change_columns(COLUMNS)
    await until(lambda: log.size.width == wide)
    await until(lambda: log.settled)
    log.follow()
    await probe.painted()

    async def show(text: str) -> None:
        log.show_partial(Partial("1", 0.0, 1.0, text))
        await probe.painted()

    async def add(text: str) -> None:
        log.add([Final("1", 0.0, 1.0, START, text, True)])
        await probe.painted()

    figures.update(await tail(probe, script, show, add))
    return figures


async def rich_logs(script: str, count: int, probe: Probe) -> dict[str, float]:
    """Measure RichLog, with its last lines taken off and written anew for a partial: it has no way to replace them."""
    app = probe.app
    assert isinstance(app, RichLogApp)
    log, said, figures = app.rich_log, captions(script, count), {}
    before = resident()
    with Timed(probe) as fill:
        for caption in said:
            log.write(Text(caption.text))
        await probe.painted()
    figures["fill"] = fill.took
    figures["  longest block, transcript made elsewhere"] = await fill.block()
    figures["memory beyond the captions"] = resident() - before
    log.focus()
    with Timed(probe) as pages:
        for _ in range(PAGES):
            log.scroll_page_up(animate=False)
            await probe.painted()
    figures["page up"] = pages.took / PAGES
    log.scroll_end(animate=False)
    await probe.painted()
    settled = len(log.lines)

    async def show(text: str) -> None:
        del log.lines[settled:]
        log._line_cache.clear()
        log.write(Text(text))
        log.refresh()
        await probe.painted()

    async def add(text: str) -> None:
        nonlocal settled
        await show(text)
        settled = len(log.lines)

    figures.update(await tail(probe, script, show, add))
    return figures


async def tail(
    probe: Probe, script: str, show: Callable[[str], Awaitable[None]], add: Callable[[str], Awaitable[None]]
) -> dict[str, float]:
    """Measure utterances that grow by eight partials and become final."""
    said = SAID[script]
    written: dict[int, list[int]] = {step: [] for step in range(8)}
    busy = 0.0
    for number in range(UPDATES):
        step = number % 8
        before, began = probe.written, time.process_time()
        if step < 7:
            await show(said[: len(said) * (step + 1) // 8])
            busy += time.process_time() - began
        else:
            await add(said)
        written[step].append(probe.written - before)
    return {
        "processor time of a partial": 1_000 * busy / (UPDATES * 7 / 8),
        "bytes of a partial that begins a row (scrolls)": statistics.mean(written[0]),
        "bytes of a partial that goes on": statistics.mean(written[3] + written[4]),
        "bytes of the final in its place": statistics.mean(written[7]),
    }


def in_a_terminal(kind: str, script: str, count: int) -> dict[str, float]:
    """Run one measurement in a pty of its own."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "figures.json"
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        arguments = ["--child", kind, script, str(count), str(report)]
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.caption_log", *arguments],
            stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(slave)
        threading.Thread(target=drain, args=(master,), daemon=True).start()
        if process.wait(600) or not report.exists():
            raise SystemExit(f"{kind} with {count:,} captions ended with exit code {process.returncode}")
        figures: dict[str, float] = json.loads(report.read_text())
        return figures


def drain(descriptor: int) -> None:
    try:
        while os.read(descriptor, 1 << 16):
            pass
    except OSError:
        os.close(descriptor)


def child(kind: str, script: str, count: int, report: Path) -> None:
    """Measure in this process, and write the figures."""
    app = OurApp(script, count) if kind == "ours" else RichLogApp(script, count)
    app.run(mouse=False)
    if app.probe.figures:
        report.write_text(json.dumps(app.probe.figures))


def unit_of(name: str) -> str:
    return "MB" if "memory" in name else "B" if "bytes" in name else "ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--rich-log", action=argparse.BooleanOptionalAction, default=True, help="RichLog up to 100,000")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        kind, script, count, report = arguments.child
        child(kind, script, int(count), Path(report))
        return
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} when this began; the terminal is {COLUMNS}x{LINES}")
    for script in SAID:
        for count in arguments.sizes:
            figures = in_a_terminal("ours", script, count)
            compared = {}
            if arguments.rich_log and count <= 100_000 and script == "Cyrillic":
                compared = in_a_terminal("rich log", script, count)
            print(f"\n{count:,} captions, {script}")
            for name, value in figures.items():
                other = f"RichLog {compared[name]:>10,.1f}" if name in compared else ""
                target = f"(target {TARGETS[name]})" if name in TARGETS else ""
                print(f"  {name:<45} {value:>10,.1f} {unit_of(name):<2} {other:<20} {target}".rstrip(), flush=True)


if __name__ == "__main__":
    main()
