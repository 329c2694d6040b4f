"""Word error rate through the whole chain, beside the same engine fed directly with the same audio.

    python -m tests.benchmarks.chain [--sets en_librispeech en_pd] [--real-time]

The chain is all that the program does: the file on disk, the session and its segments, gRPC to the recogniser on this
machine (a child process), and the journal, from which the words are read back. All recordings are heard in one session,
at 16 kHz, as fast as the recogniser takes them or, with --real-time, at the pace of sound. The engine is fed directly
in the two ways of its package, a whole file at once and its stream; the better of them is compared.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from captions.events import Entry, Final, InputChanged
from captions.server.engines import RATE
from captions.settings import Settings
from tests.benchmarks.engine_word_error_rate import directly, load, make_transcriber, word_error_rate
from tests.benchmarks.listening import listen
from tests.shared_speech import Recording, recordings

MOST_WORSE = 1.0
"""Points of word error rate that the chain may be worse than the engine: the project's target."""


def texts(entries: Sequence[Entry]) -> list[str]:
    """Return what was heard of each input."""
    heard: list[str] = []
    for entry in entries:
        if isinstance(entry, InputChanged):
            heard.append("")
        elif isinstance(entry, Final):
            heard[-1] = f"{heard[-1]} {entry.text}"
    return heard


def through_the_chain(some: Sequence[Recording], *, real_time: bool) -> list[str]:
    """Return what is heard of each recording."""
    settings = Settings(recognizer="local", language="en-US", sample_rate=RATE)
    inputs = [str(recording.path) for recording in some]
    with tempfile.TemporaryDirectory() as folder:
        return texts(asyncio.run(listen(settings, inputs, Path(folder), real_time=real_time)))


def measure(name: str, *, real_time: bool) -> None:
    some = list(recordings(name))
    spoken = [recording.text for recording in some]
    seconds = sum(recording.seconds for recording in some)
    transcriber = make_transcriber()
    whole, streamed = zip(*(directly(transcriber, load(recording.path)) for recording in some), strict=True)
    transcriber.close()
    began = time.monotonic()
    chained = through_the_chain(some, real_time=real_time)
    took = time.monotonic() - began
    rates = [word_error_rate(spoken, heard) for heard in (whole, streamed, chained)]
    print(
        f"{name:<16} {len(some):>5} {seconds:>6.0f} s {rates[0]:>11.2f} % {rates[1]:>8.2f} % {rates[2]:>8.2f} % "
        f"{rates[2] - min(rates[:2]):>+8.2f} {seconds / took:>8.1f} x"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sets", nargs="+", default=["en_librispeech", "en_pd"], help="of ../shared/speech")
    parser.add_argument("--real-time", action="store_true", help="play the files at the pace of sound")
    arguments = parser.parse_args()
    print("Word error rate: the engine fed whole files, its stream, and the whole chain")
    print(f"{'set':<16} files {'audio':>8} {'whole file':>13} {'stream':>10} {'chain':>10} {'points':>8} {'speed':>10}")
    for name in arguments.sets:
        measure(name, real_time=arguments.real_time)
    print(f"Target: the chain at most {MOST_WORSE:g} points above the better of the other two.")


if __name__ == "__main__":
    main()
