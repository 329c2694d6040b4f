"""How long it takes, and how much memory, to write out a long session in each format, from its journal.

    python -m tests.benchmarks.export [--hours 10] [--words]

Two people talk without end, 150 words a minute between them; with `--words` every word has its own time. Each format
is measured in a process of its own, from opening the journal to the last character; memory is the most that the
process ever had, the interpreter included.
"""

import argparse
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from captions.events import Entry, Final, Gap, Word
from captions.transcript.export import FORMATS, export
from captions.transcript.formats import About
from captions.transcript.journal import begin_journal, read_journal

BEGAN = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
WORDS_PER_SECOND = 2.5
TALK = (
    "well the release is nearly done, but we have to look at what the tests say about memory before anyone decides. "
    "and then there is the question of who writes to the people that asked for it in March, because nobody has yet."
)


def talk(hours: float, word_times: bool) -> list[Entry]:
    """Return what is said in so many hours: captions of 4 to 24 words, a gap now and then."""
    chance = random.Random(1)
    vocabulary = TALK.split()
    entries: list[Entry] = []
    time, turn = 0.0, 0
    while time < hours * 3600:
        count = chance.randint(4, 24)
        said = [chance.choice(vocabulary) for _ in range(count)]
        words = tuple(
            Word(word, time + number / WORDS_PER_SECOND, time + (number + 1) / WORDS_PER_SECOND)
            for number, word in enumerate(said)
        )
        end = words[-1].end
        wall = BEGAN + timedelta(seconds=time)
        track = ("you", "room")[turn % 5 == 0]
        entries.append(
            Final(track, time, end, wall, " ".join(said), chance.random() < 0.5, words if word_times else ())
        )
        turn += 1
        time = end
        if turn % 500 == 0:
            entries.append(Gap(track, time, time + 2, BEGAN + timedelta(seconds=time), "the network was away"))
            time += 2
    return entries


def measure(format: str, path: Path) -> None:
    """Write a journal out to nowhere, and print the figures."""
    began = time.perf_counter()
    entries = list(read_journal(path))
    read = time.perf_counter() - began
    size = 0
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        for text in export(format, About(BEGAN, title="A long day"), entries):
            size += nowhere.write(text)
    seconds = time.perf_counter() - began
    words = sum(len(entry.text.split()) for entry in entries if isinstance(entry, Final))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(
        f"{format:7} {words:7} words  {size / 1e6:5.1f} MB written  {seconds:5.2f} s (reading {read:4.2f} s)  "
        f"{memory / 1e6:4.0f} MB of memory",
        flush=True,
    )


def main() -> None:
    """Measure every format."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=10.0)
    parser.add_argument("--words", action="store_true", help="give every word its own time")
    parser.add_argument("--measure", nargs=2, metavar=("FORMAT", "JOURNAL"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure[0], Path(options.measure[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        journal = begin_journal(Path(folder), {}, BEGAN)
        journal.write(*talk(options.hours, options.words))
        journal.close()
        for suffix in FORMATS:
            command = [sys.executable, "-m", "tests.benchmarks.export", "--measure", suffix, str(journal.path)]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
