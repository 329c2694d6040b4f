"""Recorded speech over a link that breaks again and again: how much worse are the words?

    python -m tests.benchmarks.broken_link [--minutes 30] [--faults 50] [--seed N] [--real-time]

Half an hour of read English, in one file, goes through the engine to a `captions serve` that ends streams after 20 s,
first undisturbed, then through a TCP proxy that breaks the link at random moments, in one of these ways: every
connection is reset; they are reset and new ones refused for a while; nothing passes for a while, and then what was held
back; the server is killed and started again. Prints the word error rate of both runs (target: within half a point),
what the session did about it, and where the runs differ by several words on end: words that were lost or said twice.

The file is sent as fast as the recogniser takes it, or, with --real-time, at the pace of sound. The first asks more of
the recogniser than it keeps up with, and so it also refuses streams (RESOURCE_EXHAUSTED), without any fault of the
link. A fault comes when the session has captured so much audio: the same seed breaks the link at the same places of
the file, but not to the millisecond at the same moments of time.
"""

import argparse
import asyncio
import itertools
import random
import re
import sys
import tempfile
import time
import wave
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import jiwer

from captions.events import Entry, Event, Final, Gap, Level, Phase, SessionState, StreamEnded
from captions.server.engines import RATE
from captions.settings import Settings
from tests.benchmarks.engine_word_error_rate import load, normal, word_error_rate
from tests.benchmarks.listening import listen
from tests.shared_speech import recordings
from tests.tcp_proxy import TcpProxy

SETS = ("en_librispeech", "en_pd", "en_misc", "en_long")
STREAM_SECONDS = 20
PAUSE_SECONDS = 0.8
"""Silence between two recordings."""
PASSAGE = 3
"""So many words on end that one run has and the other has not are a passage; fewer may be heard differently."""
MOST_WORSE = 0.5
"""Points of word error rate that faults may cost: the project's target."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to the link, after so many seconds of audio, and for how many seconds of time."""

    at: float
    kind: str
    lasts: float


def random_faults(number: int, seconds: float, chance: random.Random) -> list[Fault]:
    """Return faults in their order; those that are soon over are as many as those that last."""
    moments = sorted(chance.uniform(0, seconds) for _ in range(number))
    kinds = ("reset", "refuse", "black hole", "kill")
    return [Fault(at, chance.choice(kinds), 10 ** chance.uniform(-1, 1.3)) for at in moments]


def write_speech(path: Path, seconds: float, chance: random.Random) -> list[str]:
    """Write a file of recordings in random order, again and again until it is so long; return their texts."""
    some = list(recordings(*SETS))
    spoken: list[str] = []
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        while True:
            chance.shuffle(some)
            for recording in some:
                file.writeframes(load(recording.path).tobytes() + bytes(2 * int(PAUSE_SECONDS * RATE)))
                spoken.append(recording.text)
                if file.getnframes() >= seconds * RATE:
                    return spoken


class Server:
    """`captions serve`, which can be killed and started again at the same address."""

    def __init__(self) -> None:
        self.address = "127.0.0.1:0"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it and wait until it listens."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "captions", "serve", "--listen", self.address),
            *("--limit-duration", str(STREAM_SECONDS)),
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        line = (await asyncio.wait_for(self._process.stdout.readline(), 60)).decode()
        self.address = line.split()[2].rstrip(",")

    async def kill(self) -> None:
        """End it without a word."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()


class Saboteur:
    """Breaks the link as the faults say, while it is told how far the session is."""

    def __init__(self, faults: Sequence[Fault], server: Server, link: TcpProxy) -> None:
        self.done = 0
        self._faults = faults
        self._server = server
        self._link = link
        self._captured = 0.0
        self._moved = asyncio.Event()

    def hear(self, event: Event) -> None:
        """Take note of how much was captured."""
        if isinstance(event, Level):
            self._captured = event.time
            self._moved.set()

    async def run(self) -> None:
        """Break the link and mend it, fault by fault."""
        for fault in self._faults:
            while self._captured < fault.at:
                self._moved.clear()
                await self._moved.wait()
            match fault.kind:
                case "reset":
                    self._link.reset()
                case "refuse":
                    await self._link.refuse()
                    await asyncio.sleep(fault.lasts)
                    await self._link.accept()
                case "black hole":
                    self._link.black_hole()
                    await asyncio.sleep(fault.lasts)
                    self._link.heal()
                case "kill":
                    await self._server.kill()
                    await self._server.start()
            self.done += 1


@dataclass(frozen=True, slots=True)
class Run:
    """What one run over the file has heard and done."""

    entries: list[Entry]
    reasons: Counter[str]
    """Why it had to reconnect, and how often."""
    connections: int
    faults: int
    took: float

    @property
    def words(self) -> list[str]:
        """All words, as they are scored."""
        return normal(" ".join(entry.text for entry in self.entries if isinstance(entry, Final))).split()

    def told(self, name: str, spoken: str) -> float:
        """Print it; return the word error rate."""
        rate = word_error_rate([spoken], [" ".join(self.words)])
        streams = [entry for entry in self.entries if isinstance(entry, StreamEnded)]
        ends = {round(entry.time + entry.seconds, 3) for entry in streams if entry.seconds}
        rotations = len({round(entry.time, 3) for entry in streams} & ends)
        heard = sum(entry.seconds for entry in streams)
        gaps = [entry for entry in self.entries if isinstance(entry, Gap)]
        print(
            f"{name}: word error rate {rate:.2f} %, {len(self.words)} words, in {self.took:.0f} s\n"
            f"  {self.faults} faults, {self.connections} connections, {len(streams)} streams that heard {heard:.0f} s "
            f"of audio, {rotations} of them taking over where another ended, "
            f"{self.reasons.total()} times reconnecting:"
        )
        for reason, times in self.reasons.most_common():
            print(f"    {times} x {reason}")
        print(f"  {len(gaps)} gaps, {sum(gap.end - gap.start for gap in gaps):.1f} s")
        for gap in gaps:
            print(f"    {gap.start:.1f} to {gap.end:.1f} s: {gap.reason}")
        return rate


async def run(file: Path, folder: Path, faults: Sequence[Fault], *, real_time: bool) -> Run:
    """Hear the file over a link with these faults."""
    server = Server()
    await server.start()
    reasons: Counter[str] = Counter()
    async with TcpProxy(server.address) as link:
        saboteur = Saboteur(faults, server, link)

        def hear(event: Event) -> None:
            saboteur.hear(event)
            if isinstance(event, SessionState) and event.phase is Phase.RECONNECTING:
                reasons[re.sub(r"\d+", "N", event.detail.partition(" (x-request-id")[0])] += 1

        settings = Settings(
            recognizer="speechkit-v2",
            language="en-US",
            sample_rate=RATE,
            endpoint=link.target,
            tls=False,
            stream_seconds=STREAM_SECONDS,
        )
        began = time.monotonic()
        breaking = asyncio.create_task(saboteur.run())
        try:
            entries = await listen(settings, [str(file)], folder, real_time=real_time, on_event=hear)
        finally:
            breaking.cancel()
            await asyncio.wait({breaking})
            await server.kill()
        return Run(entries, reasons, link.connections, saboteur.done, time.monotonic() - began)


def passages(undisturbed: Sequence[str], disturbed: Sequence[str]) -> Iterator[str]:
    """Yield what of several words on end only one of the runs has."""
    alignment = jiwer.process_words(" ".join(undisturbed), " ".join(disturbed))
    for chunk in itertools.chain.from_iterable(alignment.alignments):
        lost = undisturbed[chunk.ref_start_idx : chunk.ref_end_idx]
        more = disturbed[chunk.hyp_start_idx : chunk.hyp_end_idx]
        if chunk.type == "delete" and len(lost) >= PASSAGE:
            yield f"lost at word {chunk.ref_start_idx}: {' '.join(lost)}"
        elif chunk.type == "insert" and len(more) >= PASSAGE:
            before = disturbed[max(0, chunk.hyp_start_idx - 2 * len(more)) : chunk.hyp_start_idx]
            yield f"added at word {chunk.ref_start_idx}: {' '.join(more)} (after: {' '.join(before)})"


def measure(seconds: float, number: int, seed: int, *, real_time: bool) -> None:
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        spoken = " ".join(write_speech(path, seconds, chance))
        faults = random_faults(number, seconds, chance)
        print(f"{seconds / 60:g} minutes of {', '.join(SETS)}; {STREAM_SECONDS} s a stream; --seed {seed}", flush=True)
        undisturbed = asyncio.run(run(path, Path(folder), [], real_time=real_time))
        calm = undisturbed.told("undisturbed", spoken)
        sys.stdout.flush()
        disturbed = asyncio.run(run(path, Path(folder), faults, real_time=real_time))
        rough = disturbed.told("disturbed", spoken)
    print(f"difference: {rough - calm:+.2f} points (target: at most {MOST_WORSE:+.2f})")
    alignment = jiwer.process_words(" ".join(undisturbed.words), " ".join(disturbed.words))
    print(
        f"against the undisturbed run: {alignment.substitutions} words heard differently, {alignment.deletions} not "
        f"there, {alignment.insertions} more; {PASSAGE} or more on end:"
    )
    for passage in list(passages(undisturbed.words, disturbed.words)) or ["none"]:
        print(f"  {passage}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=30.0, help="of speech")
    parser.add_argument("--faults", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000), help="replays a run")
    parser.add_argument("--real-time", action="store_true", help="play the file at the pace of sound")
    arguments = parser.parse_args()
    measure(60 * arguments.minutes, arguments.faults, arguments.seed, real_time=arguments.real_time)


if __name__ == "__main__":
    main()
