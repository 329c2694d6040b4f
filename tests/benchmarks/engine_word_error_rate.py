"""What the recogniser on this machine hears: the engine's package fed directly, and through the gRPC server.

    python -m tests.benchmarks.engine_word_error_rate [--sets en_librispeech en_pd] [--paced-seconds 120]

Prints for each set of ../shared/speech the word error rate (jiwer, after lower-casing, without punctuation, apostrophes
folded) of
- the package as its documentation uses it: the whole file at once, and its stream with an update every 0.5 s;
- the server, fed as fast as it takes, with settings, chunks and half-close as a client of the service sends them.
Then it plays some of the recordings at the pace of sound, with a second and a half of silence after each, to one stream
and to as many as the server says it keeps up with, and prints when finals come after the end of speech (by the
recording's own energy), how far apart partials are while someone speaks, processor seconds per second of audio of the
server's process, and its memory. Exits with 1 when the server is more than a point worse than the package.
"""

import argparse
import asyncio
import re
import statistics
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import av
import grpc.aio
import jiwer
import numpy as np
import psutil
from moonshine_voice.moonshine_api import ModelArch
from moonshine_voice.transcriber import Transcriber

from captions.audio.block import Samples
from captions.audio.mono import MonoResampler
from captions.proto import stt_service_v2_pb2 as pb
from captions.server.engines import RATE
from tests.server.clients import Client, config, messages, paced, silence
from tests.shared_speech import Recording, recordings

MOST_WORSE = 1.0
"""Points of word error rate that the server may be worse than the package fed directly."""
PAUSE = 1.5
"""Seconds of silence after each recording that is played."""


def load(path: Path) -> Samples:
    """Return a recording as the engine takes it."""
    resampler = MonoResampler(RATE)
    with av.open(str(path)) as container:
        pieces = [resampler.convert(frame) for frame in container.decode(audio=0)]
    return np.concatenate([*pieces, resampler.flush()])


def normal(text: str) -> str:
    """Return text as it is scored."""
    return " ".join(re.sub(r"[^\w\s]", " ", re.sub("['’]", "", text.lower())).split())


def word_error_rate(spoken: Sequence[str], heard: Sequence[str]) -> float:
    """Return it in percent."""
    return 100 * float(jiwer.wer([normal(text) for text in spoken], [normal(text) for text in heard]))


def end_of_speech(samples: Samples) -> float:
    """Return where the last 20 ms are that are louder than a tenth of the loudest (above the room), in seconds."""
    frame = RATE // 50
    energy = [float(np.abs(samples[i : i + frame].astype(np.float32)).mean()) for i in range(0, len(samples), frame)]
    loud = [number for number, value in enumerate(energy) if value > max(energy) / 10]
    return (loud[-1] + 1) * frame / RATE


def make_transcriber() -> Transcriber:
    """Return the package's recogniser with the English model that it carries."""
    package = find_spec("moonshine_voice")
    assert package is not None
    assert package.origin is not None
    model = Path(package.origin).parent / "assets" / "tiny-en"
    return Transcriber(model, ModelArch.TINY, options={"return_audio_data": "false"})


def directly(transcriber: Transcriber, samples: Samples) -> tuple[str, str]:
    """Return what the package hears in the whole file, and in its stream."""
    audio = (samples.astype(np.float32) / 32768).tolist()
    whole = " ".join(line.text for line in transcriber.transcribe_without_streaming(audio, RATE).lines)
    stream = transcriber.create_stream(update_interval=0.5)
    stream.start()
    for start in range(0, len(audio), RATE // 10):
        stream.add_audio(audio[start : start + RATE // 10], RATE)
    streamed = " ".join(line.text for line in stream.stop().lines)
    stream.close()
    return whole, streamed


async def play(client: Client, some: Sequence[Samples]) -> tuple[list[float], list[float]]:
    """Play recordings in one stream; return the delays of finals after speech, and the gaps between partials."""
    stream = client.open()
    await stream.send(config())
    speech, ends, position = [], [], 0.0
    for samples in some:
        ends.append(position + end_of_speech(samples))
        speech += [samples, silence(PAUSE)]
        position += len(samples) / RATE + PAUSE
    began = time.monotonic()

    async def talk() -> None:
        async for message in paced(np.concatenate(speech)):
            await stream.send(message)
        await stream.half_close()

    talking = asyncio.create_task(talk())
    delays: list[float] = []
    gaps: list[float] = []
    before = 0.0
    while isinstance(response := await stream.call.read(), pb.StreamingRecognitionResponse):
        now = time.monotonic() - began
        (chunk,) = response.chunks
        if before and not chunk.end_of_utterance:
            gaps.append(now - before)
        before = 0.0 if chunk.end_of_utterance else now
        if chunk.end_of_utterance and chunk.alternatives[0].words:
            said_until = chunk.alternatives[0].words[-1].end_time
            until = said_until.seconds + said_until.nanos / 1e9
            # An utterance that ends within a recording has no known end; those at the end of one do.
            delays += [now - end for end in ends if abs(end - until) < 0.8]
    await talking
    return delays, gaps


def percentiles(values: Sequence[float]) -> str:
    """Return median and 95th percentile."""
    return (
        f"{statistics.median(values):.2f} / {statistics.quantiles(values, n=20)[-1]:.2f} s (p50 / p95, n={len(values)})"
    )


async def serve() -> tuple[asyncio.subprocess.Process, Client, float]:
    """Start `captions serve` without limits; return it, a client and how long the start took."""
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "captions", "serve", "--listen", "127.0.0.1:0", "--unlimited"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode()
    return process, Client(line.split()[2].rstrip(",")), time.monotonic() - began


async def measure(sets: Sequence[str], paced_seconds: float) -> int:
    process, client, start = await serve()
    server = psutil.Process(process.pid)
    print(f"captions serve: ready after {start:.2f} s, {server.memory_info().rss / 1e6:.0f} MB")
    worse = 0
    chosen: list[Samples] = []
    for name in sets:
        some: list[Recording] = list(recordings(name))
        audio = [load(recording.path) for recording in some]
        spoken = [recording.text for recording in some]
        total = sum(map(len, audio)) / RATE
        transcriber = make_transcriber()
        whole, streamed = zip(*(directly(transcriber, samples) for samples in audio), strict=True)
        transcriber.close()
        before, began = sum(server.cpu_times()[:2]), time.monotonic()
        served = [(await client.recognize([config(), *messages(samples)])).text for samples in audio]
        took, cpu = time.monotonic() - began, sum(server.cpu_times()[:2]) - before
        direct = min(word_error_rate(spoken, whole), word_error_rate(spoken, streamed))
        through = word_error_rate(spoken, served)
        print(
            f"{name} ({total:.0f} s): word error rate of the package on whole files "
            f"{word_error_rate(spoken, whole):.2f} %, streaming {word_error_rate(spoken, streamed):.2f} %; "
            f"through the server {through:.2f} % ({total / took:.1f} times as fast as speech, "
            f"{cpu / total:.2f} processor seconds a second)"
        )
        worse += through > direct + MOST_WORSE
        chosen += audio
    for streams in (1, 2, 3):
        parts, length = [], 0.0
        for samples in chosen:
            if length < paced_seconds:
                parts.append(samples)
                length += len(samples) / RATE + PAUSE
        before = sum(server.cpu_times()[:2])
        try:
            played = await asyncio.gather(*(play(client, parts[n:] + parts[:n]) for n in range(streams)))
        except grpc.aio.AioRpcError as error:
            print(f"{streams} streams: {error.details()}")
            break
        cpu = sum(server.cpu_times()[:2]) - before
        print(
            f"{streams} paced, {length:.0f} s: finals after speech {percentiles([d for ds, _ in played for d in ds])}, "
            f"partials apart {percentiles([g for _, gs in played for g in gs])}, "
            f"{cpu / length / streams:.2f} processor seconds a second, {server.memory_info().rss / 1e6:.0f} MB"
        )
    await client.aclose()
    process.terminate()
    await process.wait()
    return 1 if worse else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sets", nargs="+", default=["en_librispeech", "en_pd"])
    parser.add_argument("--paced-seconds", type=float, default=120.0, help="audio to play at the pace of sound")
    arguments = parser.parse_args()
    return asyncio.run(measure(arguments.sets, arguments.paced_seconds))


if __name__ == "__main__":
    sys.exit(main())
