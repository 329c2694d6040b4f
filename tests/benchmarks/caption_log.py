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
from pathlib import Path
from typing import Any

import psutil
from rich.console import RenderableType
from rich.text import Text
from textual._compositor import ChopsUpdate
from textual.app import App, ComposeResult
from textual.screen import Screen
from textual.widgets import RichLog

from captions.dashboard.app import CaptionsApp
from captions.dashboard.log_pane import LogPane
from captions.dashboard.painting import TightUpdate
from captions.dashboard.themes import DARK
from captions.events import Final, Partial
from captions.transcript.transcript import Transcript

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


class BareApp(App[None]):
    """A log and nothing else, painted as the dashboard paints."""

    CSS_PATH = CaptionsApp.CSS_PATH

    def __init__(self, measure: Callable[["BareApp"], Awaitable[dict[str, float]]]) -> None:
        super().__init__()
        self.register_theme(DARK)
        self.theme = DARK.name
        self.animation_level = "none"
        self.written = 0
        self.longest_block = 0.0
        self.figures: dict[str, float] = {}
        self._measure = measure

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        if isinstance(renderable, ChopsUpdate):
            renderable = TightUpdate(renderable.chops, renderable.spans, renderable.chop_ends)
        super()._display(screen, renderable)

    def on_ready(self) -> None:
        """Count what is written, and begin."""
        assert self._driver is not None
        write = self._driver.write

        def counted(data: str) -> None:
            self.written += len(data.encode())
            write(data)

        self._driver.write = counted  # type: ignore[method-assign]
        self.run_worker(self._run())
        self.run_worker(self._watch())

    async def _run(self) -> None:
        self.figures = await self._measure(self)
        self.exit()

    async def _watch(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            self.longest_block = max(self.longest_block, time.perf_counter() - began - 0.001)

    async def painted(self) -> None:
        """Wait until all that was asked for is painted."""
        done = asyncio.Event()
        self.call_after_refresh(done.set)
        await done.wait()

    def change_columns(self, columns: int) -> None:
        """Resize the terminal, as a person does."""
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, columns, 0, 0))


class OurApp(BareApp):
    """The caption log."""

    def compose(self) -> ComposeResult:
        self.pane = LogPane()
        yield self.pane


class RichLogApp(BareApp):
    """Textual's log."""

    def compose(self) -> ComposeResult:
        self.rich_log = RichLog(wrap=True, auto_scroll=True)
        yield self.rich_log


async def until(holds: Callable[[], object]) -> None:
    while not holds():  # noqa: ASYNC110 - what is awaited tells nobody
        await asyncio.sleep(0.001)


class Timed:
    """How many milliseconds it took, and the longest block of the event loop meanwhile."""

    def __init__(self, app: BareApp) -> None:
        self._app = app

    def __enter__(self) -> "Timed":
        self._app.longest_block = 0.0
        self._began = time.perf_counter()
        return self

    def so_far(self) -> float:
        return 1_000 * (time.perf_counter() - self._began)

    def __exit__(self, *_: object) -> None:
        self.took = self.so_far()

    async def block(self) -> float:
        await asyncio.sleep(0.01)
        return 1_000 * self._app.longest_block


def resident() -> float:
    return float(psutil.Process().memory_info().rss) / 1e6


async def ours(app: BareApp, script: str, count: int) -> dict[str, float]:
    """Measure the caption log."""
    assert isinstance(app, OurApp)
    log, said, figures = app.pane.log_view, captions(script, count), {}
    before = resident()
    with Timed(app) as fill:
        transcript = Transcript(said)
    made = fill.took
    with Timed(app) as opened:
        log.open(transcript)
        await app.painted()
    figures["fill"] = made + opened.took
    figures["  of it showing the transcript"] = opened.took
    await until(lambda: log.settled)
    figures["  longest block, transcript made elsewhere"] = await opened.block()
    figures["memory beyond the captions"] = resident() - before
    log.go_to(count // 2)
    await app.painted()
    with Timed(app) as resize:
        app.change_columns(OTHER_COLUMNS)
        await until(lambda: log.size.width == OTHER_COLUMNS)
        await app.painted()
        figures["resize, in sight"] = resize.so_far()
        await until(lambda: log.settled)
    figures["resize, all done"] = resize.took
    figures["  longest block"] = await resize.block()
    log.focus()
    with Timed(app) as pages:
        for _ in range(PAGES):
            app.pane.action_page(-1)
            await app.painted()
    figures["page up"] = pages.took / PAGES
    with Timed(app) as search:
        log.look_for(SOUGHT[script])
        await until(lambda: log.settled)
    figures["search"] = search.took
    figures["  longest block "] = await search.block()
    log.look_for("")
    app.change_columns(COLUMNS)
    await until(lambda: log.size.width == COLUMNS)
    await until(lambda: log.settled)
    log.follow()
    await app.painted()

    async def show(partial: str) -> None:
        log.show_partial(Partial("1", 0.0, 1.0, partial))
        await app.painted()

    async def add(text: str) -> None:
        log.add([Final("1", 0.0, 1.0, START, text, True)])
        await app.painted()

    figures.update(await tail(app, script, show, add))
    return figures


async def rich_logs(app: BareApp, script: str, count: int) -> dict[str, float]:
    """Measure RichLog, with its last lines taken off and written anew for a partial: it has no way to replace them."""
    assert isinstance(app, RichLogApp)
    log, said, figures = app.rich_log, captions(script, count), {}
    before = resident()
    with Timed(app) as fill:
        for caption in said:
            log.write(Text(caption.text))
        await app.painted()
    figures["fill"] = fill.took
    figures["  longest block, transcript made elsewhere"] = await fill.block()
    figures["memory beyond the captions"] = resident() - before
    log.focus()
    with Timed(app) as pages:
        for _ in range(PAGES):
            log.scroll_page_up(animate=False)
            await app.painted()
    figures["page up"] = pages.took / PAGES
    log.scroll_end(animate=False)
    await app.painted()
    settled = len(log.lines)

    async def show(partial: str) -> None:
        del log.lines[settled:]
        log._line_cache.clear()
        log.write(Text(partial))
        await app.painted()

    async def add(text: str) -> None:
        nonlocal settled
        await show(text)
        settled = len(log.lines)

    figures.update(await tail(app, script, show, add))
    return figures


async def tail(
    app: BareApp, script: str, show: Callable[[str], Awaitable[None]], add: Callable[[str], Awaitable[None]]
) -> dict[str, float]:
    """Measure utterances that grow by eight partials and become final."""
    said = SAID[script]
    written: dict[int, list[int]] = {step: [] for step in range(8)}
    busy = 0.0
    for number in range(UPDATES):
        step = number % 8
        before, began = app.written, time.process_time()
        if step < 7:
            await show(said[: len(said) * (step + 1) // 8])
            busy += time.process_time() - began
        else:
            await add(said)
        written[step].append(app.written - before)
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
    measure = ours if kind == "ours" else rich_logs
    app_type = OurApp if kind == "ours" else RichLogApp
    app = app_type(lambda app: measure(app, script, count))
    app.run(mouse=False)
    if app.figures:
        report.write_text(json.dumps(app.figures))


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
