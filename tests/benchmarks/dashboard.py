"""How fast the dashboard is there, how soon words are on the screen, and what it costs meanwhile.

    python -m tests.benchmarks.dashboard [--seconds 25]

Everything is measured on the real program in a real terminal (a pty), with the recogniser on this machine and folders
of its own. A machine that does something else meanwhile makes all figures worse: its load is printed first.
"""

import argparse
import os
import pty
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from captions.dashboard.log_rows import EMPTY
from captions.events import InputChanged
from captions.transcript.journal import read_journal
from tests.dashboard.terminal import Terminal

SAMPLE = ("-m", "captions", "sample")
COLUMNS, LINES = 120, 30
STATUS = b"STARTING"
"""The first word that the status line says."""
FIRST_WORD = "It was"
FIRST_WORD_BEGINS = 1.20
"""Where the sample's first word begins, in seconds, by its energy: 20 dB above the noise before."""
FIRST_CLAUSE = "best of times"
FIRST_CLAUSE_ENDS = 2.82
"""Where the last of these words ends, likewise."""

FORWARD = "\x1b[C"
"""The key that goes 10 s on in the file."""


def told(what: str, values: Sequence[float], unit: str, target: str) -> None:
    """Print a figure."""
    some = f"median of {len(values)}, best {min(values):.2f}, worst {max(values):.2f}" if len(values) > 1 else ""
    print(f"{what:<66} {statistics.median(values):>8.2f} {unit:<4} (target {target}) {some}".rstrip(), flush=True)


def program() -> list[str]:
    """Return how the installed program is started, or else the module."""
    script = shutil.which("captions", path=str(Path(sys.executable).parent))
    return [script] if script else [sys.executable, "-m", "captions"]


def version() -> float:
    """Return how long `captions --version` takes, in seconds."""
    began = time.monotonic()
    subprocess.run([*program(), "--version"], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def first_frame() -> float:
    """Return how long it takes from starting the program to the first frame with a status line, in seconds.

    The bytes are not interpreted, since that would take time of its own.
    """
    began = time.monotonic()
    pid, master = pty.fork()
    if pid == 0:
        os.environ.update(COLUMNS=str(COLUMNS), LINES=str(LINES), TERM="xterm-256color", COLORTERM="truecolor")
        os.execv(sys.executable, [sys.executable, *SAMPLE])
    written = b""
    while STATUS not in written:
        written += os.read(master, 1 << 16)
    took = time.monotonic() - began
    os.close(master)
    os.waitpid(pid, 0)
    return took


def terminal() -> Terminal:
    """Start the dashboard with the sample."""
    return Terminal(*SAMPLE, columns=COLUMNS, lines=LINES)


def inputs(data: Path) -> list[InputChanged]:
    """Return when inputs began in the newest journal."""
    newest = max(data.rglob("*.jsonl"), key=lambda path: path.stat().st_mtime)
    return [entry for entry in read_journal(newest) if isinstance(entry, InputChanged)]


def words_on_the_screen(data: Path, screen: Terminal, number: int) -> tuple[float, float]:
    """Wait for the first words of the input of this number, and return how late they were, in seconds.

    The first word against its beginning, the first clause against its end. The sample is played from the moment that
    the journal has for it on.
    """
    screen.wait_for(FIRST_WORD)
    first_word = time.time()
    screen.wait_for(FIRST_CLAUSE)
    first_clause = time.time()
    playing = inputs(data)[number].wall.timestamp()
    return first_word - playing - FIRST_WORD_BEGINS, first_clause - playing - FIRST_CLAUSE_ENDS


def delays(data: Path) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return them when the program has just been started, and when its recogniser is at work already."""
    with terminal() as screen:
        started = words_on_the_screen(data, screen, 0)
        screen.type(5 * FORWARD)
        screen.wait_for("END OF FILE")
        screen.type("c")
        screen.wait_for(EMPTY)
        screen.type("s")
        running = words_on_the_screen(data, screen, 1)
        screen.type("q")
        screen.wait_for_end()
    return started, running


def cost(seconds: float) -> tuple[float, float, float, float]:
    """Return the dashboard's use of one core in percent, its memory and its recogniser's in MB, and bytes a second."""
    with terminal() as screen:
        screen.wait_for(FIRST_WORD)
        process = psutil.Process(screen.pid)
        began, before, written = time.monotonic(), process.cpu_times(), screen.bytes_read
        time.sleep(seconds)
        took, after = time.monotonic() - began, process.cpu_times()
        percent = 100 * (after.user + after.system - before.user - before.system) / took
        (recogniser,) = process.children()
        memory = process.memory_info().rss / 1e6, recogniser.memory_info().rss / 1e6
        written = screen.bytes_read - written
        screen.type("q")
        screen.wait_for_end()
    return percent, *memory, written / took


def measure(seconds: float, data: Path) -> None:
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load {load:.1f} when this began; the terminal is {COLUMNS}x{LINES}")
    told("captions --version", [version() for _ in range(9)], "s", "0.15 s")
    told("start to the first frame", [first_frame() for _ in range(5)], "s", "0.7 s")
    started, running = zip(*(delays(data) for _ in range(3)), strict=True)
    for when, late in (("first start", started), ("recogniser at work", running)):
        told(f"first word on the screen after it began, {when}", [word for word, _ in late], "s", "2.5 s")
        told(f"“{FIRST_CLAUSE}” on the screen after it ended, {when}", [clause for _, clause in late], "s", "2.5 s")
    percent, memory, recogniser, written = zip(*(cost(seconds) for _ in range(3)), strict=True)
    told(f"the dashboard's own process, {seconds:g} s of captions", percent, "%", "6 % of a core")
    told("its memory", memory, "MB", "150 MB")
    told("memory of the recogniser's process", recogniser, "MB", "none")
    told("bytes a second to the terminal", written, "B", "6,000 B")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=25.0, help="captioning while its cost is measured, 40 at most")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for name in ("CONFIG", "DATA", "STATE", "CACHE"):
            os.environ[f"XDG_{name}_HOME"] = str(home / name.lower())
        for name in ("API_KEY", "IAM_TOKEN"):
            os.environ.pop(name, None)
        measure(arguments.seconds, home)


if __name__ == "__main__":
    main()
