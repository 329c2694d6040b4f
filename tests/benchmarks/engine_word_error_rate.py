"""What a recogniser on this machine hears: its model fed directly with whole files, and through the gRPC server.

    python -m tests.benchmarks.engine_word_error_rate [--engine moonshine] [--sets en_librispeech en_pd]
    python -m tests.benchmarks.engine_word_error_rate --engine whisper [--whisper-model FOLDER] [--sets ru_asterisk]

Prints for each set of ../shared/speech the word error rate (jiwer, after lower-casing, without punctuation, apostrophes
folded, ё as е, numbers of one digit spelled out on both sides) of
- the model without us: moonshine's package with the whole file at once and with its stream, an update every 0.5 s;
  faster-whisper with the whole file, greedy, int8;
- the server, fed as fast as it takes, with settings, chunks and half-close as a client of the service sends them.
Then it plays some of the recordings at the pace of sound, with a second and a half of silence after each, to one stream
and to as many as the server says it keeps up with, and prints when finals come after the end of speech (by the
recording's own energy), how far apart partials are while someone speaks, when words are first shown after they were
said (where the engine knows the times of words), processor seconds per second of audio of the server's process, and its
memory. --paced-seconds 0 leaves that out. Exits with 1 when the server is worse than the model over all the sets by
more points than are allowed to it; a set alone may be a few dozen words.
"""

import argparse
import asyncio
import os
import re
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import av
import grpc.aio
import jiwer
import numpy as np
import psutil

from captions.audio.block import Samples
from captions.audio.mono import MonoResampler
from captions.proto import stt_service_v2_pb2 as pb
from captions.server.engines import RATE
from tests.server.clients import Client, config, messages, paced, silence
from tests.shared_speech import Recording, recordings
from tests.whisper_model import VARIABLE

MOST_WORSE = {"moonshine": 1.0, "whisper": 2.0}
"""Points of word error rate that the server may be worse than the model fed directly."""
SETS = {"moonshine": ["en_librispeech", "en_pd"], "whisper": ["ru_asterisk", "ru_asterisk_8k", "ru_misc"]}
PAUSE = 1.5
"""Seconds of silence after each recording that is played."""
DIGITS = {
    "ru": ("ноль", "один", "два", "три", "четыре", "пять", "шесть", "семь", "восемь", "девять"),
    "en": ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
}
CODES = {"ru": "ru-RU", "en": "en-US"}
Direct = Callable[[Samples, str], dict[str, str]]
"""Takes samples and the language's two letters; returns what was heard, by how."""


def load(path: Path) -> Samples:
    """Return a recording as the engine takes it."""
    resampler = MonoResampler(RATE)
    with av.open(str(path)) as container:
        pieces = [resampler.convert(frame) for frame in container.decode(audio=0)]
    return np.concatenate([*pieces, resampler.flush()])


def normal(text: str, language: str = "") -> str:
    """Return text as it is scored; with a language numbers of one digit are spelled out."""
    words = re.sub(r"[^\w\s]", " ", re.sub("['’]", "", text.lower().replace("ё", "е"))).split()
    digits = DIGITS.get(language, ())
    return " ".join(digits[int(word)] if digits and re.fullmatch("[0-9]", word) else word for word in words)


def word_error_rate(spoken: Sequence[str], heard: Sequence[str], language: str = "") -> float:
    """Return it in percent."""
    return 100 * float(
        jiwer.wer([normal(text, language) for text in spoken], [normal(text, language) for text in heard])
    )


def end_of_speech(samples: Samples) -> float:
    """Return where the last 20 ms are that are louder than a tenth of the loudest (above the room), in seconds."""
    frame = RATE // 50
    energy = [float(np.abs(samples[i : i + frame].astype(np.float32)).mean()) for i in range(0, len(samples), frame)]
    loud = [number for number, value in enumerate(energy) if value > max(energy) / 10]
    return (loud[-1] + 1) * frame / RATE


def make_transcriber() -> Any:
    """Return moonshine's package's recogniser with the English model that it carries."""
    from moonshine_voice.moonshine_api import ModelArch
    from moonshine_voice.transcriber import Transcriber

    package = find_spec("moonshine_voice")
    assert package is not None
    assert package.origin is not None
    model = Path(package.origin).parent / "assets" / "tiny-en"
    return Transcriber(model, ModelArch.TINY, options={"return_audio_data": "false"})


def directly(transcriber: Any, samples: Samples) -> tuple[str, str]:
    """Return what moonshine's package hears in the whole file, and in its stream."""
    audio = (samples.astype(np.float32) / 32768).tolist()
    whole = " ".join(line.text for line in transcriber.transcribe_without_streaming(audio, RATE).lines)
    stream = transcriber.create_stream(update_interval=0.5)
    stream.start()
    for start in range(0, len(audio), RATE // 10):
        stream.add_audio(audio[start : start + RATE // 10], RATE)
    streamed = " ".join(line.text for line in stream.stop().lines)
    stream.close()
    return whole, streamed


def moonshine_directly() -> Direct:
    """Return moonshine's package as `Direct`, with a new recogniser for each set: it remembers what it heard."""
    transcriber = make_transcriber()
    return lambda samples, _: dict(zip(("whole files", "streaming"), directly(transcriber, samples), strict=True))


def whisper_directly(folder: str) -> Direct:
    """Return faster-whisper as `Direct`."""
    from faster_whisper import WhisperModel

    model = WhisperModel(folder, device="cpu", compute_type="int8")

    def read(samples: Samples, language: str) -> dict[str, str]:
        audio = samples.astype(np.float32) / 32768
        segments, _ = model.transcribe(
            audio, language=language, beam_size=1, temperature=0, condition_on_previous_text=False
        )
        return {"whole files": " ".join(segment.text.strip() for segment in segments)}

    return read


class Played:
    """What came of recordings that were played in one stream: delays in seconds."""

    def __init__(self, some: Sequence[Samples]) -> None:
        self.finals: list[float] = []
        """Of finals, after the end of speech. One that ends within a recording has no known end, and does not count."""
        self.words: list[float] = []
        """Of words, from where they end to when they were first shown as the final has them, in their place."""
        self.gaps: list[float] = []
        """Between two partials of an utterance."""
        self._ends: list[float] = []
        self._partials: list[tuple[float, list[str]]] = []
        position = 0.0
        for samples in some:
            self._ends.append(position + end_of_speech(samples))
            position += len(samples) / RATE + PAUSE
        self._before = 0.0

    def came(self, chunk: pb.SpeechRecognitionChunk, now: float) -> None:
        """Take what came `now` seconds after the beginning."""
        if self._before and not chunk.end_of_utterance:
            self.gaps.append(now - self._before)
        self._before = 0.0 if chunk.end_of_utterance else now
        alternative = chunk.alternatives[0]
        if not chunk.final:
            self._partials.append((now, normal(alternative.text).split()))
            return
        ends = [word.end_time.seconds + word.end_time.nanos / 1e9 for word in alternative.words]
        if chunk.end_of_utterance and ends:
            self.finals += [now - end for end in self._ends if abs(end - ends[-1]) < 0.8]
        text = [normal(word.word) for word in alternative.words]
        if len(text) > 1:  # one word is a whole final, of an engine that does not know more
            for place, (word, end) in enumerate(zip(text, ends, strict=True)):
                shown = [time for time, words in self._partials if words[place : place + 1] == [word]]
                self.words.append(min([*shown, now]) - end)
        self._partials.clear()


async def play(client: Client, some: Sequence[Samples], language: str) -> Played:
    """Play recordings in one stream."""
    stream = client.open()
    await stream.send(config(language_code=language))
    played = Played(some)
    speech = np.concatenate([part for samples in some for part in (samples, silence(PAUSE))])
    began = time.monotonic()

    async def talk() -> None:
        async for message in paced(speech):
            await stream.send(message)
        await stream.half_close()

    talking = asyncio.create_task(talk())
    try:
        while isinstance(response := await stream.call.read(), pb.StreamingRecognitionResponse):
            (chunk,) = response.chunks
            played.came(chunk, time.monotonic() - began)
        await talking
    finally:
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)  # a stream that was refused is told by what is read
    return played


def percentiles(values: Sequence[float]) -> str:
    """Return median and 95th percentile."""
    if len(values) < 2:
        return "not known"
    return (
        f"{statistics.median(values):.2f} / {statistics.quantiles(values, n=20)[-1]:.2f} s (p50 / p95, n={len(values)})"
    )


def compared(
    spoken: Sequence[str], heard: Sequence[dict[str, str]], served: Sequence[str], language: str
) -> tuple[str, float]:
    """Return the word error rates of the model and the server in words, and by how many points the server is worse."""
    rates = {how: word_error_rate(spoken, [one[how] for one in heard], language) for how in heard[0]}
    through = word_error_rate(spoken, served, language)
    direct = ", ".join(f"{how} {rate:.2f} %" for how, rate in rates.items())
    text = f"word error rate of the model on {direct}; through the server {through:.2f} %"
    return text, through - min(rates.values())


async def serve(engine: str, whisper_model: str) -> tuple[asyncio.subprocess.Process, Client, float]:
    """Start `captions serve` without limits; return it, a client and how long the start took."""
    began = time.monotonic()
    model = ("--whisper-model", whisper_model) if engine == "whisper" else ()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "captions", "serve", "--listen", "127.0.0.1:0", "--unlimited"),
        *("--engine", engine, *model),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode()
    return process, Client(line.split()[2].rstrip(",")), time.monotonic() - began


async def measure(engine: str, whisper_model: str, sets: Sequence[str], paced_seconds: float) -> int:
    process, client, start = await serve(engine, whisper_model)
    server = psutil.Process(process.pid)
    print(f"captions serve --engine {engine}: ready after {start:.2f} s, {server.memory_info().rss / 1e6:.0f} MB")
    all_spoken: list[str] = []
    all_served: list[str] = []
    all_heard: list[dict[str, str]] = []
    chosen: list[Samples] = []
    for name in sets:
        some: list[Recording] = list(recordings(name))
        language = some[0].language
        audio = [load(recording.path) for recording in some]
        spoken = [recording.text for recording in some]
        total = sum(map(len, audio)) / RATE
        direct = whisper_directly(whisper_model) if engine == "whisper" else moonshine_directly()
        heard = [direct(samples, language) for samples in audio]
        before, began = sum(server.cpu_times()[:2]), time.monotonic()
        settings = config(language_code=CODES[language])
        served = [(await client.recognize([settings, *messages(samples)])).text for samples in audio]
        took, cpu = time.monotonic() - began, sum(server.cpu_times()[:2]) - before
        print(
            f"{name} ({total:.0f} s): {compared(spoken, heard, served, language)[0]} "
            f"({total / took:.1f} times as fast as speech, {cpu / total:.2f} processor seconds a second, "
            f"{server.memory_info().rss / 1e6:.0f} MB)",
            flush=True,
        )
        all_spoken += spoken
        all_heard += heard
        all_served += served
        chosen += audio
    text, worse = compared(all_spoken, all_heard, all_served, language)
    print(f"all: {text}, {worse:+.2f} points", flush=True)
    parts, length = [], 0.0
    for samples in chosen:
        if length < paced_seconds:
            parts.append(samples)
            length += len(samples) / RATE + PAUSE
    for streams in (1, 2, 3) if parts else ():
        before = sum(server.cpu_times()[:2])
        try:
            played = await asyncio.gather(
                *(play(client, parts[n:] + parts[:n], CODES[language]) for n in range(streams))
            )
        except grpc.aio.AioRpcError as error:
            print(f"{streams} streams: {error.details()}")
            break
        cpu = sum(server.cpu_times()[:2]) - before
        finals, words, gaps = (
            percentiles([seconds for one in played for seconds in getattr(one, name)])
            for name in ("finals", "words", "gaps")
        )
        print(
            f"{streams} paced, {length:.0f} s: finals after speech {finals}, "
            f"words shown after they were said {words}, partials apart {gaps}, "
            f"{cpu / length / streams:.2f} processor seconds a second, {server.memory_info().rss / 1e6:.0f} MB",
            flush=True,
        )
    await client.aclose()
    process.terminate()
    await process.wait()
    return 1 if worse > MOST_WORSE[engine] else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--engine", choices=tuple(SETS), default="moonshine")
    parser.add_argument("--whisper-model", default=os.environ.get(VARIABLE, "base"), help="a folder with a model")
    parser.add_argument("--sets", nargs="+", help="sets of one language")
    parser.add_argument("--paced-seconds", type=float, default=120.0, help="audio to play at the pace of sound")
    given = parser.parse_args()
    return asyncio.run(
        measure(given.engine, given.whisper_model, given.sets or SETS[given.engine], given.paced_seconds)
    )


if __name__ == "__main__":
    sys.exit(main())
