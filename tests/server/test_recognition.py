"""What a client of the service hears back: words, partials, utterances, times."""

import asyncio
import itertools
import time
from collections.abc import Iterator

import grpc
import pytest

from captions.audio.ogg_opus import OggOpusEncoder
from captions.proto import stt_service_v2_pb2 as pb
from captions.server.engines import Engine
from tests.server.clients import (
    METHOD,
    audio,
    config,
    messages,
    paced,
    resampled,
    seconds,
    silence,
    speech,
    words,
)
from tests.server.conftest import Serving

TWO_CLAUSES = ["it", "was", "the", "best", "of", "times", "it", "was", "the", "worst", "of", "times"]


async def test_the_services_own_example_client_gets_the_words(serving: Serving) -> None:
    client = await serving()

    def example() -> list[tuple[str, bool]]:
        """As the documentation's Python example: blocking gRPC, 4000-byte chunks without pace, chunks[0] only."""

        def requests() -> Iterator[pb.StreamingRecognitionRequest]:
            yield config()
            content = seconds(0, 8.5).tobytes()
            while content:
                chunk, content = content[:4000], content[4000:]
                yield pb.StreamingRecognitionRequest(audio_content=chunk)

        with grpc.insecure_channel(client.target) as channel:
            recognize = channel.stream_stream(
                METHOD,
                request_serializer=pb.StreamingRecognitionRequest.SerializeToString,
                response_deserializer=pb.StreamingRecognitionResponse.FromString,
            )
            it = recognize(requests(), metadata=(("authorization", "Bearer unasked-for"),), timeout=30)
            return [(r.chunks[0].alternatives[0].text, r.chunks[0].final) for r in it]

    results = await asyncio.to_thread(example)
    said = words(" ".join(text for text, final in results if final))
    assert said[:12] == TWO_CLAUSES
    assert "wisdom" in said
    assert "foolishness" in said


async def test_partials_come_twice_a_second_while_someone_speaks_and_the_final_soon_after(serving: Serving) -> None:
    client = await serving()
    stream = client.open()
    await stream.send(config())
    spoken = 4.65 - 0.9

    async def talk() -> None:
        async for message in paced(seconds(0.9, 4.65)):
            await stream.send(message)
        async for message in paced(silence(1.5)):
            await stream.send(message)
        await stream.half_close()

    began = time.monotonic()
    talking = asyncio.create_task(talk())
    arrivals = []
    while not (chunk := await stream.next()).final:
        arrivals.append(time.monotonic() - began)
    final_after_speech = time.monotonic() - began - spoken
    await talking

    assert chunk.end_of_utterance
    assert words(chunk.alternatives[0].text) == TWO_CLAUSES
    while_spoken = [moment for moment in arrivals if moment < spoken]
    assert while_spoken[0] < 1.5
    # 0.4 s of audio in steps of 0.1 s, and the reading itself on a busy machine.
    gaps = [later - earlier for earlier, later in itertools.pairwise(while_spoken)]
    assert sorted(gaps)[len(gaps) // 2] <= 0.5
    assert final_after_speech < 1.4


async def test_without_partial_results_only_finals_come(serving: Serving) -> None:
    client = await serving()
    answer = await client.recognize([config(partial_results=False), *messages(seconds(0, 9.5))])
    assert answer.partials == []
    assert words(answer.text)[:12] == TWO_CLAUSES


async def test_half_close_delivers_what_is_pending_without_waiting_for_a_pause(serving: Serving) -> None:
    client = await serving()
    stream = client.open()
    await stream.send(config(), *messages(seconds(0.9, 4.3)))
    await stream.next()
    await stream.half_close()
    began = time.monotonic()
    answer = await stream.end()
    assert time.monotonic() - began < 3
    assert answer.code is grpc.StatusCode.OK
    assert answer.finals[-1].end_of_utterance
    assert words(answer.text)[:10] == TWO_CLAUSES[:10]


async def test_single_utterance_hears_nothing_after_it_and_waits_for_the_client_to_end(serving: Serving) -> None:
    client = await serving(idle_seconds=1.0)
    stream = client.open()
    await stream.send(config(single_utterance=True), *messages(seconds(0, 4.5)), *messages(silence(1.5)))
    final = await stream.until_final()
    assert final.end_of_utterance
    assert words(final.alternatives[0].text) == TWO_CLAUSES
    await stream.send(*messages(seconds(5, 20)))
    done, _ = await asyncio.wait({asyncio.ensure_future(stream.call.code())}, timeout=1.5)
    assert not done, "the stream stays open, also when the client is idle"
    await stream.half_close()
    answer = await stream.end()
    assert (answer.code, answer.chunks) == (grpc.StatusCode.OK, [])


async def test_silence_says_nothing(serving: Serving) -> None:
    client = await serving()
    answer = await client.recognize([config(), *messages(silence(20))])
    assert (answer.code, answer.chunks) == (grpc.StatusCode.OK, [])


async def test_a_stream_without_audio_ends_well(serving: Serving) -> None:
    client = await serving()
    assert (await client.recognize([config()])).code is grpc.StatusCode.OK
    assert (await client.recognize([config(), audio(b""), audio(b"")])).code is grpc.StatusCode.OK


async def test_times_are_from_the_start_of_the_streams_audio(serving: Serving) -> None:
    client = await serving()
    lead = 7.0
    early = await client.recognize([config(), *messages(seconds(0, 4.5))])
    late = await client.recognize([config(), *messages(silence(lead)), *messages(seconds(0, 4.5))])
    (first,), (second,) = early.finals[0].alternatives[0].words, late.finals[0].alternatives[0].words
    assert first.word == early.finals[0].alternatives[0].text
    start = first.start_time.seconds + first.start_time.nanos / 1e9
    end = first.end_time.seconds + first.end_time.nanos / 1e9
    assert 0.6 <= start <= 1.2  # "It" begins at 1.2 s; the detector takes 0.4 s before
    assert 4.2 <= end <= 4.5
    later = second.start_time.seconds + second.start_time.nanos / 1e9
    assert later - start == pytest.approx(lead, abs=0.1)


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
@pytest.mark.parametrize("encoding", ["LINEAR16_PCM", "OGG_OPUS"])
async def test_every_rate_and_encoding_is_heard(serving: Serving, rate: int, encoding: str) -> None:
    client = await serving()
    samples = resampled(seconds(0, 8.7), 16_000, rate)
    if encoding == "OGG_OPUS":
        encoder = OggOpusEncoder(rate)
        content = encoder.encode(samples) + encoder.finish()
        settings = config(audio_encoding=pb.RecognitionSpec.OGG_OPUS, sample_rate_hertz=0)
    else:
        content = samples.tobytes()
        settings = config(sample_rate_hertz=rate)
    answer = await client.recognize([settings, *messages(content)])
    assert words(answer.text)[:12] == TWO_CLAUSES
    (word,) = answer.finals[-1].alternatives[0].words
    assert word.end_time.seconds + word.end_time.nanos / 1e9 == pytest.approx(8.4, abs=0.35)


async def test_ogg_opus_is_heard_while_it_is_spoken(serving: Serving) -> None:
    client = await serving()
    encoder = OggOpusEncoder(16_000)
    stream = client.open()
    await stream.send(config(audio_encoding=pb.RecognitionSpec.OGG_OPUS))
    await stream.send(audio(encoder.encode(seconds(0.9, 4.6))))
    assert words((await stream.next()).alternatives[0].text)[:2] == ["it", "was"]
    stream.call.cancel()


async def test_a_sample_may_be_split_over_two_messages(serving: Serving) -> None:
    client = await serving()
    whole = await client.recognize([config(), *messages(seconds(0, 4.5), 4_000)])
    split = await client.recognize([config(), *messages(seconds(0, 4.5), 3_999)])
    assert split.text == whole.text
    assert words(split.text) == TWO_CLAUSES


async def test_streams_side_by_side_each_get_their_own_words(serving: Serving, engine: Engine) -> None:
    client = await serving()
    parts = [seconds(0, 4.5), seconds(28.5, 34), seconds(20.8, 24.4)]
    alone = [(await client.recognize([config(partial_results=False), *messages(part)])).text for part in parts]
    number = min(len(parts), engine.capacity())
    together = await asyncio.gather(*(client.recognize([config(), *messages(part)]) for part in parts[:number]))
    assert [words(answer.text) for answer in together] == [words(text) for text in alone[:number]]


async def test_faster_than_real_time_the_client_is_made_to_wait_and_nothing_is_lost(serving: Serving) -> None:
    client = await serving(duration_seconds=0, audio_bytes=0)
    stream = client.open()
    await stream.send(config())
    # Nothing is lost however much is sent at once; what the server does not take, the client cannot send.
    content = messages(speech(), 32_000) * 12
    writing = asyncio.create_task(stream.send(*content))
    first = await stream.next()
    assert not writing.done(), "nine minutes are not taken in before the first result"
    assert first
    writing.cancel()
    stream.call.cancel()


async def test_a_client_that_goes_away_frees_its_place(serving: Serving) -> None:
    client = await serving(max_streams=1)
    stream = client.open()
    await stream.send(config(), *messages(seconds(0, 4.5)))
    await stream.next()
    stream.call.cancel()
    async with asyncio.timeout(10):
        # The server learns of it when the network tells it; each try is a round trip of its own.
        while (await client.recognize([config()])).code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            pass
