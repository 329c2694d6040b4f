"""The real engine behind v3: text as it is written and raw, times of words, and every format."""

import asyncio
import struct
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import grpc
import numpy as np
import pytest

from captions.audio.block import Samples
from captions.audio.ogg_opus import OggOpusEncoder
from captions.proto import stt_v3_pb2 as pb
from tests.server.clients import resampled, seconds, silence, words
from tests.server.clients_v3 import (
    EXTERNAL,
    NORMALIZED,
    StreamV3,
    chunk,
    chunks,
    contained,
    options,
    raw,
    recognize,
    silence_of,
)
from tests.server.conftest import Serving
from tests.tone_code import encode

TWO_CLAUSES = ["it", "was", "the", "best", "of", "times", "it", "was", "the", "worst", "of", "times"]
INVALID = grpc.StatusCode.INVALID_ARGUMENT
KINDS = {
    "WAV": pb.ContainerAudio.WAV,
    "OGG_OPUS": pb.ContainerAudio.OGG_OPUS,
    "MP3": pb.ContainerAudio.MP3,
}
PROJECT = Path(__file__).parents[2]


async def test_finals_are_raw_and_their_refinements_as_they_are_written(serving: Serving) -> None:
    client = await serving()
    told = await recognize(client, [options(text_normalization=NORMALIZED), *chunks(seconds(0, 4.5))])
    (final,), (refined,) = told.finals, told.refinements
    assert final.text.split() == TWO_CLAUSES
    assert refined.text.startswith("It was the best of times")
    assert refined.text.endswith(".")
    assert words(refined.text) == TWO_CLAUSES
    assert [word.text for word in refined.words] == refined.text.split()
    partials = [one.partial.alternatives[0].text for one in told.events("partial") if one.partial.alternatives]
    assert partials
    assert all(text == text.lower() and "," not in text for text in partials)
    assert [(one.language_code, one.probability) for one in final.languages] == [("en-US", 1.0)]


async def test_without_literature_text_a_refinement_is_raw_too(serving: Serving) -> None:
    client = await serving()
    enabled = pb.TextNormalizationOptions(text_normalization=pb.TextNormalizationOptions.TEXT_NORMALIZATION_ENABLED)
    told = await recognize(client, [options(text_normalization=enabled), *chunks(seconds(0, 4.5))])
    assert told.refinements[0].text.split() == TWO_CLAUSES


async def test_each_word_has_a_time_within_what_was_said(serving: Serving) -> None:
    client = await serving()
    told = await recognize(client, [options(), silence_of(5), *chunks(seconds(0, 4.5))])
    (final,) = told.finals
    assert [word.text for word in final.words] == TWO_CLAUSES
    assert 5_600 <= final.start_time_ms == final.words[0].start_time_ms <= 6_200
    assert 9_200 <= final.end_time_ms == final.words[-1].end_time_ms <= 9_500
    assert told.ends == [final.end_time_ms]
    for earlier, later in pairwise(final.words):
        assert earlier.start_time_ms < earlier.end_time_ms == later.start_time_ms < later.end_time_ms
    # "worst" is said from 3.5 s on: an estimate is not off by more than the half of a second.
    assert final.words[9].start_time_ms == pytest.approx(8_500, abs=500)


async def test_silence_that_is_told_ends_an_utterance_and_says_nothing(serving: Serving) -> None:
    client = await serving()
    stream = StreamV3(client)
    await stream.send(options(), *chunks(seconds(0, 2.9)), silence_of(1.5))
    (*_, ended) = await stream.until("eou_update")
    assert ended.eou_update.time_ms == pytest.approx(2_700, abs=400)
    await stream.send(silence_of(20))
    await stream.half_close()
    told = await stream.end()
    assert (told.code, told.finals) == (grpc.StatusCode.OK, [])


async def test_the_client_ends_the_utterance_at_once(serving: Serving) -> None:
    client = await serving()
    stream = StreamV3(client)
    await stream.send(options({"eou_classifier": EXTERNAL}), *chunks(np.concatenate([seconds(0, 4.3), silence(3)])))
    await stream.send(pb.StreamingRequest(eou=pb.Eou()))
    told = await stream.until("eou_update")
    assert "".join(one.WhichOneof("Event")[0] for one in told).count("f") == 1, "no silence ends it before"
    assert told[-1].eou_update.time_ms == 7_300
    await stream.send(*chunks(seconds(5, 8)))
    await stream.half_close()
    rest = await stream.end()
    assert "wisdom" in rest.text
    assert len(rest.ends) == 1


def wav(samples: Samples, rate: int, *, size: int | None = None, after: bytes = b"", channels: int = 1) -> bytes:
    """Return a WAV file, with a chunk of titles before the sound."""
    content = samples.tobytes()
    size = len(content) if size is None else size
    kind = struct.pack("<HHIIHH", 1, channels, rate, rate * 2 * channels, 2 * channels, 16)
    chunk_of_titles = b"LIST" + struct.pack("<I", 5) + b"INFOx\0"
    body = b"WAVEfmt " + struct.pack("<I", len(kind)) + kind + chunk_of_titles + b"data" + struct.pack("<I", size)
    return b"RIFF" + struct.pack("<I", min(4 + size, 0xFFFFFFFF)) + body + content + after


def mp3(samples: Samples, rate: int) -> bytes:
    import av

    class Written(bytearray):
        def write(self, data: bytes) -> int:
            self.extend(data)
            return len(data)

    written = Written()
    with av.open(written, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16p", layout="mono")
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return bytes(written)


def opus(samples: Samples, rate: int) -> bytes:
    encoder = OggOpusEncoder(rate)
    return encoder.encode(samples) + encoder.finish()


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
@pytest.mark.parametrize("kind", ["raw", "WAV", "OGG_OPUS", "MP3"])
async def test_every_rate_and_format_is_heard(serving: Serving, rate: int, kind: str) -> None:
    client = await serving()
    samples = resampled(seconds(0, 4.5), 16_000, rate)
    make = {"raw": lambda samples, _: samples.tobytes(), "WAV": wav, "OGG_OPUS": opus, "MP3": mp3}[kind]
    audio_format = raw(rate) if kind == "raw" else contained(KINDS[kind])
    told = await recognize(client, [options(audio_format=audio_format), *chunks(make(samples, rate))])
    assert told.text.split() == TWO_CLAUSES
    before = 140 if kind == "MP3" else 0  # of silence at most, which its encoder adds, and as much after
    assert told.ends == pytest.approx([4_350], abs=300 + before)
    assert told.events("eou_update")[-1].audio_cursors.received_data_ms == pytest.approx(4_500, abs=50 + 2 * before)


@pytest.mark.parametrize("piece", [1, 7, 4_000, 10**9])
@pytest.mark.parametrize(
    ("size", "after"),
    [(None, b""), (None, b"LIST\x0a\0\0\0" + b"\x7f\x7f" * 5), (0, b""), (0xFFFFFFFF, b"")],
    ids=["its length known", "titles after it", "its length not known", "its length not known otherwise"],
)
async def test_a_wav_file_is_heard_to_the_sample_however_it_is_cut(
    serving_tones: Serving, piece: int, size: int | None, after: bytes
) -> None:
    client = await serving_tones()
    spoken = encode(range(2), iter((0.1, 0.06, 0.06)), rate=16_000)
    content = wav(spoken.samples, 16_000, size=size, after=after)
    head, rest = content[:200], content[200:]
    settings = options(audio_format=contained(pb.ContainerAudio.WAV))
    told = await recognize(client, [settings, *chunks(head, piece), *chunks(rest, max(piece, 500))])
    assert told.code is grpc.StatusCode.OK
    assert [word.text for word in told.words] == [word.text for word in spoken.words]
    starts = [word.start * 1000 for word in spoken.words]
    assert [word.start_time_ms for word in told.words] == pytest.approx(starts, abs=3)
    (ended,) = told.events("eou_update")
    assert ended.audio_cursors.received_data_ms == round(spoken.seconds * 1000)


@pytest.mark.parametrize(
    ("kind", "content", "says"),
    [
        ("WAV", b"\0garbage" * 500, "WAV file"),
        ("WAV", b"RIFF\0\0\0\0AVI LIST", "WAV file"),
        ("WAV", b"RIFF\0\0", "WAV file"),
        ("WAV", b"RIFF\0\0\0\0WAVEdata\0\0\0\0" + bytes(99), "WAV file"),
        ("WAV", wav(silence(0.5), 16_000, channels=2), "WAV file"),
        ("WAV", wav(silence(0.5), 0), "WAV file"),
        ("OGG_OPUS", wav(silence(0.5), 16_000), "Ogg stream of Opus"),
        ("MP3", b"\0garbage" * 500, "MP3 stream"),
        ("MP3", b"ID3", "MP3 stream"),
    ],
)
async def test_what_is_not_what_the_settings_say_is_refused(
    serving_tones: Serving, kind: str, content: bytes, says: str
) -> None:
    client = await serving_tones()
    audio_format = contained(KINDS[kind])
    told = await recognize(client, [options(audio_format=audio_format), *chunks(content, 500)])
    assert told.code is INVALID
    assert told.details.startswith(f"The audio is not a valid {says}")


async def test_silence_may_be_told_between_parts_of_a_file(serving_tones: Serving) -> None:
    client = await serving_tones()
    spoken = encode(range(2), iter((0.1, 0.06, 0.06)))
    settings = options(audio_format=contained(pb.ContainerAudio.WAV))
    told = await recognize(
        client, [settings, silence_of(1), chunk(wav(spoken.samples, 16_000, size=0)), silence_of(1), chunk(b"")]
    )
    assert told.words[0].start_time_ms == pytest.approx(1_000 + spoken.words[0].start * 1000, abs=3)
    assert told.events("eou_update")[0].audio_cursors.received_data_ms == round(2_000 + spoken.seconds * 1000)


FOREIGN_CLIENT = """
import sys, wave
import grpc
from yandex.cloud.ai.stt.v3 import stt_pb2, stt_pb2_grpc

assert not any(name.startswith("captions") for name in sys.modules)
target, path = sys.argv[1:]


def requests():
    yield stt_pb2.StreamingRequest(
        session_options=stt_pb2.StreamingOptions(
            recognition_model=stt_pb2.RecognitionModelOptions(
                audio_format=stt_pb2.AudioFormatOptions(
                    raw_audio=stt_pb2.RawAudio(
                        audio_encoding=stt_pb2.RawAudio.LINEAR16_PCM, sample_rate_hertz=16000, audio_channel_count=1
                    )
                ),
                text_normalization=stt_pb2.TextNormalizationOptions(
                    text_normalization=stt_pb2.TextNormalizationOptions.TEXT_NORMALIZATION_ENABLED,
                    profanity_filter=True,
                    literature_text=True,
                ),
                language_restriction=stt_pb2.LanguageRestrictionOptions(
                    restriction_type=stt_pb2.LanguageRestrictionOptions.WHITELIST, language_code=["en-US"]
                ),
                audio_processing_type=stt_pb2.RecognitionModelOptions.REAL_TIME,
            )
        )
    )
    with wave.open(path, "rb") as file:
        while data := file.readframes(2000):
            yield stt_pb2.StreamingRequest(chunk=stt_pb2.AudioChunk(data=data))


stub = stt_pb2_grpc.RecognizerStub(grpc.insecure_channel(target))
for response in stub.RecognizeStreaming(requests(), metadata=(("authorization", "Api-Key any"),), timeout=30):
    event, alternatives = response.WhichOneof("Event"), None
    if event == "partial" and len(response.partial.alternatives) > 0:
        alternatives = [a.text for a in response.partial.alternatives]
    if event == "final":
        alternatives = [a.text for a in response.final.alternatives]
    if event == "final_refinement":
        alternatives = [a.text for a in response.final_refinement.normalized_text.alternatives]
    print(event, *(alternatives or []), sep="|")
"""


def _make_vendors_files(folder: Path) -> None:
    vendor = folder / "yandex" / "cloud" / "ai" / "stt" / "v3"
    vendor.mkdir(parents=True)
    (vendor / "stt.proto").write_text((PROJECT / "protos" / "stt_v3.proto").read_text())
    subprocess.run(
        [
            sys.executable, "-m", "grpc_tools.protoc", f"-I{folder}", f"--python_out={folder}",
            f"--grpc_python_out={folder}", str(vendor / "stt.proto"),
        ],
        check=True,
    )  # fmt: skip


async def test_a_client_made_of_the_vendors_files_hears_the_words(serving: Serving, tmp_path: Path) -> None:
    """Nothing of this program is in that process: protoc's own output, in the vendor's folders, as its examples do."""
    client = await serving()
    _make_vendors_files(tmp_path)
    (tmp_path / "client.py").write_text(FOREIGN_CLIENT)
    (tmp_path / "speech.wav").write_bytes(wav(seconds(0, 8.5), 16_000))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "client.py", client.target, "speech.wav"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
    )
    out, err = await process.communicate()
    assert (process.returncode, err.decode()) == (0, "")
    lines = [line.split("|") for line in out.decode().splitlines()]
    events = [event for event, *_ in lines]
    assert events[:2] == ["status_code", "partial"]
    assert events[-1] == "eou_update"
    assert "final_refinement" in events
    said = words(" ".join(text for event, *texts in lines if event == "final_refinement" for text in texts))
    assert said[:12] == TWO_CLAUSES
    assert "foolishness" in said
