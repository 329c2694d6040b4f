"""What the dashboard's screen costs in bytes, time and processor time, with an engine that only talks.

    python -m tests.benchmarks.screen [--seconds 20] [--only bytes,delay,flood,kinds]

The whole dashboard in a real terminal (a pty) of 120 columns and 30 lines that knows synchronized output, with a log
that is full; beside it, where it has the function, Textual's own widgets (naive_dashboard.py) told the same.
"""

import argparse
import json
import os
import pty
import re
import select
import signal
import struct
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fcntl import ioctl
from pathlib import Path

import psutil

COLUMNS, LINES = 120, 30
TALKING = Path(__file__).parents[1] / "dashboard" / "talking_dashboard.py"
NAIVE = Path(__file__).parent / "naive_dashboard.py"
QUERY, ANSWER = b"\x1b[?2026$p", b"\x1b[?2026;2$y"
CAPTIONS = 500
SETTLING_SECONDS = 4.0
NOT_TEXT = re.compile(r"\x1b(?:\[[0-9;?<>=]*(?:\$p|[a-zA-Z])|[=>78]|\].*?(?:\x07|\x1b\\))")


@dataclass
class Pty:
    """A terminal that notes when which bytes came and answers what it is asked, but draws nothing."""

    pid: int
    master: int
    count: int = 0
    came: list[tuple[float, bytes]] = field(default_factory=list)
    closed: bool = False

    def read(self) -> None:
        """Read until the other side is closed."""
        while not self.closed:
            if not select.select([self.master], [], [], 0.1)[0]:
                continue
            try:
                data = os.read(self.master, 1 << 16)
            except OSError:
                return
            self.came.append((time.monotonic(), data))
            self.count += len(data)
            for _ in range(data.count(QUERY)):
                os.write(self.master, ANSWER)

    def cost(self, seconds: float) -> tuple[float, float]:
        """Return bytes a second and the percentage of one core that the program takes, for some seconds."""
        process = psutil.Process(self.pid)
        began, written, before = time.monotonic(), self.count, process.cpu_times()
        time.sleep(seconds)
        took, after = time.monotonic() - began, process.cpu_times()
        used = after.user + after.system - before.user - before.system
        return (self.count - written) / took, 100 * used / took

    def bytes_until_quiet(self, keys: str, seconds: float = 1.5) -> int:
        """Return how many bytes come after some keys."""
        before = self.count
        os.write(self.master, keys.encode())
        time.sleep(seconds)
        return self.count - before

    def came_at(self, words: set[str]) -> dict[str, float]:
        """Return when each word was complete on the screen, of those that ever were."""
        came: dict[str, float] = {}
        shown = ""
        for moment, data in self.came:
            new = NOT_TEXT.sub("", data.decode("utf-8", "replace"))
            shown = shown[-20:] + new
            for word in words - came.keys():
                if word in shown:
                    came[word] = moment
        return came


@contextmanager
def program(file: Path, *arguments: str, captions: int = CAPTIONS) -> Iterator[tuple[Pty, dict[str, object]]]:
    """Run a program with a full log, and in the end have its report."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        said: dict[str, object] = {}
        pid, master = pty.fork()
        if pid == 0:
            os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", TZ="UTC", HOME=folder)
            os.environ.pop("SSH_CONNECTION", None)
            os.execv(sys.executable, [sys.executable, str(file), str(report), f"--captions={captions}", *arguments])
        ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        terminal = Pty(pid, master)
        thread = threading.Thread(target=terminal.read, daemon=True)
        thread.start()
        time.sleep(SETTLING_SECONDS + captions / 20_000)
        try:
            yield terminal, said
            os.write(master, b"q")
            until = time.monotonic() + 10
            while os.waitpid(pid, os.WNOHANG) == (0, 0):
                if time.monotonic() > until:
                    os.kill(pid, signal.SIGKILL)
                time.sleep(0.05)
            said.update(json.loads(report.read_text(encoding="utf-8")))
        finally:
            terminal.closed = True
            thread.join()
            os.close(master)


def told(what: str, figure: float, unit: str, target: str = "") -> None:
    """Print a figure."""
    print(f"{what:<78} {figure:>9.1f} {unit:<5}{f'(target {target})' if target else ''}".rstrip(), flush=True)


def bytes_and_processor(seconds: float) -> None:
    """Print what captioning and resting cost."""
    for what, arguments, target in (
        ("captioning", (), "6000"),
        ("captioning, settings closed", ("--no-sidebar",), "6000"),
        ("captioning, low bandwidth", ("--low-bandwidth",), "960"),
        ("idle", ("--quiet=idle",), "20"),
        ("paused", ("--quiet=paused",), "20"),
    ):
        with program(TALKING, *arguments) as (terminal, _):
            rate, processor = terminal.cost(seconds)
        told(what, rate, "B/s", target)
        told(f"    its processor time, {what}", processor, "%")
    with program(NAIVE) as (terminal, _):
        rate, processor = terminal.cost(seconds)
    told("RichLog and Static, captioning", rate, "B/s")
    told("    its processor time", processor, "%")


def words_late(terminal: Pty, said: dict[str, object], finals: bool) -> list[float]:
    """Return by how many milliseconds each word that is said once came after it was said, in order of size."""
    words = said["words"]
    assert isinstance(words, dict)
    times = {word: moment for word, moment in words.items() if word.startswith("END") is finals}
    came = terminal.came_at(set(times))
    print(f"    {len(came)} of {len(times)} words came")
    return sorted(1000 * (moment - times[word]) for word, moment in came.items())


def delay(seconds: float) -> None:
    """Print how soon a partial is on its way to the terminal when the log is long."""
    with program(TALKING, "--partials=10", captions=100_000) as (terminal, said):
        time.sleep(seconds)
    late = words_late(terminal, said, finals=False)
    told(f"event to bytes, 10 partials/s, 100,000 captions: p50 of {len(late)}", late[len(late) // 2], "ms")
    told("    p95", late[len(late) * 95 // 100], "ms", "30")
    told("    worst", late[-1], "ms")


def flood(seconds: float) -> None:
    """Print what a flood of partials does."""
    for what, arguments in (("10 partials/s", ("--partials=10",)), ("1,000 partials/s", ("--partials=1000",))):
        with program(TALKING, *arguments) as (terminal, said):
            rate, processor = terminal.cost(seconds)
        finals = words_late(terminal, said, finals=True)
        told(f"{what}: bytes", rate, "B/s")
        told("    processor time", processor, "%")
        told(f"    worst delay of {len(finals)} finals", finals[-1], "ms", "100")


def kinds() -> None:
    """Print what single changes of the screen cost."""
    with program(TALKING, "--quiet=paused") as (terminal, _):
        told("first paint", terminal.count, "B")
        told("settings closed", terminal.bytes_until_quiet("\x1bOQ"), "B")
        told("settings opened", terminal.bytes_until_quiet("\x1bOQ"), "B")
        terminal.bytes_until_quiet("\x1b")
        told("page up", terminal.bytes_until_quiet("\x1b[5~"), "B")
        told("line up", terminal.bytes_until_quiet("\x1b[A"), "B")
        told("back to the live end", terminal.bytes_until_quiet("\x1b[F"), "B")
        told("theme", terminal.bytes_until_quiet("t"), "B")
        ioctl(terminal.master, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS - 10, 0, 0))
        told("resize", terminal.bytes_until_quiet(""), "B")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    parser.add_argument("--only", default="bytes,delay,flood,kinds")
    arguments = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; the terminal is {COLUMNS}x{LINES}", flush=True)
    for what in arguments.only.split(","):
        match what:
            case "bytes":
                bytes_and_processor(arguments.seconds)
            case "delay":
                delay(arguments.seconds)
            case "flood":
                flood(arguments.seconds)
            case "kinds":
                kinds()


if __name__ == "__main__":
    main()
