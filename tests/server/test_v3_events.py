"""What a client of v3 is told, in which order and with which times: in the code of tones, so to the millisecond."""

import asyncio
import itertools
import re
from collections.abc import Iterable

import grpc
import pytest

from captions.events import Word
from captions.proto import stt_v3_pb2 as pb
from captions.server.limits import Limits
from captions.server.serving import SttServer
from tests.server.clients import Client, config, messages
from tests.server.clients_v3 import (
    END_OF_UTTERANCE,
    EXTERNAL,
    NORMALIZED,
    StreamV3,
    Told,
    chunk,
    chunks,
    options,
    raw,
    recognize,
    silence_of,
)
from tests.server.conftest import Serving
from tests.tone_code import Spoken, ToneEngine, encode

TWO_UTTERANCES = (0.4, 0.1, 1.2, 0.1, 0.1, 0.9)
"""Gaps before, between and after five words, of which the third begins the second utterance."""


def counting(count: int, gaps: Iterable[float]) -> Spoken:
    """Count from 0, with these gaps around the words."""
    return encode(range(count), iter(gaps))


def pause_hint(milliseconds: int = 0, *, high: bool = False) -> dict[str, object]:
    kind = pb.DefaultEouClassifier.HIGH if high else pb.DefaultEouClassifier.DEFAULT
    classifier = pb.DefaultEouClassifier(type=kind, max_pause_between_words_hint_ms=milliseconds)
    return {"eou_classifier": pb.EouClassifierOptions(default_classifier=classifier)}


def at_their_times(told: Told, spoken: Iterable[Word], offset: float = 0.0) -> None:
    """Assert that these words were heard, each at its time."""
    heard = [(word.text, word.start_time_ms, word.end_time_ms) for word in told.words]
    true = [(word.text, (offset + word.start) * 1000, (offset + word.end) * 1000) for word in spoken]
    assert [word for word, *_ in heard] == [word for word, *_ in true]
    for (_, *found), (_, *expected) in zip(heard, true, strict=True):
        assert found == pytest.approx(expected, abs=4)


async def spoken_slowly(client: Client, spoken: Spoken, **metadata: str) -> Told:
    """Send it at its own pace, so that partials come."""
    stream = StreamV3(client, **metadata)
    await stream.send(options(text_normalization=NORMALIZED))
    receiving = asyncio.create_task(stream.end())
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number, message in enumerate(chunks(spoken.samples, 3_200), 1):
        await asyncio.sleep(began + number / 10 - loop.time())  # sound has its own time
        await stream.send(message)
    await stream.half_close()
    return await receiving


async def test_events_come_in_the_services_order_with_the_cursors_filled_in(serving_tones: Serving) -> None:
    client = await serving_tones()
    spoken = counting(5, TWO_UTTERANCES)
    told = await spoken_slowly(client, spoken, x_client_request_id="mine")
    assert told.code is grpc.StatusCode.OK
    # The sign of life after 2 s may come anywhere.
    assert told.order.startswith("sep")
    assert re.fullmatch(r"e(p+fru)e(p+fru)e", told.order.replace("s", "")), told.order
    at_their_times(told, spoken.words)

    ends = [round(spoken.words[1].end * 1000), round(spoken.words[4].end * 1000)]
    assert told.ends == pytest.approx(ends, abs=4)
    assert [response.audio_cursors.final_index for response in told.events("final")] == [0, 1]
    assert [response.final_refinement.final_index for response in told.events("final_refinement")] == [0, 1]
    for response in told.events("eou_update"):
        assert response.audio_cursors.eou_time_ms == response.eou_update.time_ms
        assert response.audio_cursors.final_time_ms == response.eou_update.time_ms
    for response in told.responses:
        assert response.session_uuid.uuid == told.responses[0].session_uuid.uuid != ""
        assert response.session_uuid.user_request_id == "mine"
        cursors = response.audio_cursors
        assert cursors.final_time_ms <= cursors.partial_time_ms <= cursors.received_data_ms <= spoken.seconds * 1000
        if response.WhichOneof("Event") != "eou_update":
            assert cursors.eou_time_ms == 0
    for earlier, later in itertools.pairwise(told.responses):
        assert earlier.response_wall_time_ms <= later.response_wall_time_ms
        assert earlier.audio_cursors.received_data_ms <= later.audio_cursors.received_data_ms
        assert earlier.audio_cursors.final_time_ms <= later.audio_cursors.final_time_ms
    assert 3_000 <= told.responses[-1].response_wall_time_ms < 30_000


async def test_a_partial_tells_what_was_said_since_the_last_final(serving_tones: Serving) -> None:
    client = await serving_tones()
    spoken = counting(3, (0.2, 0.1, 0.8, 0.3))
    told = await spoken_slowly(client, spoken)
    partials = [response for response in told.events("partial") if response.partial.alternatives]
    assert [response.partial.alternatives[0].text for response in partials] == ["0", "0 1", "2"]
    for response, word in zip(partials, spoken.words, strict=True):
        assert response.audio_cursors.partial_time_ms == pytest.approx(word.end * 1000, abs=4)
        (*_, last) = response.partial.alternatives[0].words
        assert last.end_time_ms == response.audio_cursors.partial_time_ms


async def test_without_normalisation_there_is_no_refinement(serving_tones: Serving) -> None:
    client = await serving_tones()
    told = await recognize(client, [options(), *chunks(counting(2, (0.2, 0.1, 0.9)).samples)])
    assert re.fullmatch(r"se?p*fu.*", told.order), told.order
    assert "r" not in told.order


async def test_several_finals_may_make_an_utterance_and_each_has_its_number(serving_tones: Serving) -> None:
    client = await serving_tones(engines=(ToneEngine(final_every=2),))
    spoken = counting(6, (0.2, 0.1, 0.1, 0.1, 0.9, 0.1, 0.9))
    told = await recognize(client, [options(text_normalization=NORMALIZED), *chunks(spoken.samples)])
    assert [final.text for final in told.finals] == ["0 1", "2 3", "", "4 5", ""]
    assert re.sub("[sep]", "", told.order) == "frfrfrufrfru"
    assert [response.audio_cursors.final_index for response in told.events("final")] == [0, 1, 2, 3, 4]
    assert told.ends == pytest.approx([spoken.words[3].end * 1000, spoken.words[5].end * 1000], abs=4)


async def test_an_engine_without_times_gives_its_finals_the_time_at_which_they_were_known(
    serving_tones: Serving,
) -> None:
    client = await serving_tones(engines=(ToneEngine(times=False),))
    spoken = counting(2, (0.2, 0.1, 0.9))
    told = await recognize(client, [options(), *chunks(spoken.samples, 3_200)])
    (final,) = told.finals
    assert (final.text, list(final.words), final.start_time_ms) == ("0 1", [], 0)
    assert final.end_time_ms == told.ends[0]
    assert spoken.words[1].end * 1000 + 500 <= final.end_time_ms <= spoken.seconds * 1000


async def test_silence_that_is_told_is_heard_as_silence(serving_tones: Serving) -> None:
    client = await serving_tones(audio_bytes=100_000)
    first, second = counting(2, (0.2, 0.1, 0.1)), counting(3, (0.1, 0.1, 0.1, 0.1))
    told = await recognize(
        client, [options(), *chunks(first.samples), silence_of(7.25), *chunks(second.samples), silence_of(0)]
    )
    assert told.code is grpc.StatusCode.OK
    offset = first.seconds + 7.25
    assert [final.text for final in told.finals] == ["0 1", "0 1 2"]
    assert [word.start_time_ms for word in told.words[2:]] == pytest.approx(
        [(offset + word.start) * 1000 for word in second.words], abs=4
    )
    assert told.ends[0] == pytest.approx(first.words[-1].end * 1000, abs=4)
    total = (offset + second.seconds) * 1000
    assert told.responses[-1].audio_cursors.received_data_ms == pytest.approx(total, abs=1)


async def test_silence_that_is_told_counts_as_audio_but_not_as_bytes(serving_tones: Serving) -> None:
    client = await serving_tones(duration_seconds=20, audio_bytes=32_000)
    told = await recognize(client, [options(), silence_of(19.5), chunk(bytes(16_000))])
    assert (told.code, told.responses[-1].audio_cursors.received_data_ms) == (grpc.StatusCode.OK, 20_000)
    told = await recognize(client, [options(), silence_of(19.5), chunk(bytes(16_002))])
    assert (told.code, told.details) == (
        grpc.StatusCode.OUT_OF_RANGE,
        "Exceeded maximum allowed stream duration",
    )
    assert (await recognize(client, [options(), silence_of(300)])).code is grpc.StatusCode.OUT_OF_RANGE


@pytest.mark.parametrize(
    ("session", "texts"),
    [
        ({}, ["0 1", "2"]),
        (pause_hint(), ["0 1", "2"]),
        (pause_hint(2_000), ["0 1 2"]),
        (pause_hint(high=True), ["0", "1", "2"]),
        (pause_hint(2_000, high=True), ["0 1 2"]),
    ],
)
async def test_the_client_says_how_long_a_pause_ends_an_utterance(
    serving_tones: Serving, session: dict[str, object], texts: list[str]
) -> None:
    client = await serving_tones()
    told = await recognize(client, [options(session), *chunks(counting(3, (0.2, 0.35, 1.2, 0.2)).samples)])
    assert [final.text for final in told.finals] == texts


async def test_where_the_client_ends_utterances_nothing_else_does(serving_tones: Serving) -> None:
    client = await serving_tones()
    spoken = counting(4, (0.2, 3.0, 0.1, 0.2, 0.5))
    middle = round((spoken.words[2].end + 0.15) * spoken.rate)
    told = await recognize(
        client,
        [
            options({"eou_classifier": EXTERNAL}, text_normalization=NORMALIZED),
            *chunks(spoken.samples[:middle]),
            END_OF_UTTERANCE,
            *chunks(spoken.samples[middle:]),
            silence_of(10),
            END_OF_UTTERANCE,
            silence_of(1),
            END_OF_UTTERANCE,
        ],
    )
    assert [final.text for final in told.finals] == ["0 1 2", "3", ""]
    at_their_times(told, spoken.words)
    total = spoken.seconds * 1000
    assert told.ends == pytest.approx([middle * 1000 / spoken.rate, total + 10_000, total + 11_000], abs=1)
    for response in told.events("eou_update"):
        cursors = response.audio_cursors
        assert cursors.received_data_ms == cursors.final_time_ms == cursors.eou_time_ms


async def test_a_status_comes_as_a_sign_of_life_with_the_audio(serving_tones: Serving) -> None:
    client = await serving_tones()
    told = await recognize(client, [options(), *[silence_of(0.5)] * 18])
    assert told.order == "sessss"
    received = [response.audio_cursors.received_data_ms for response in told.events("status_code")]
    assert received == [0, 2_000, 4_000, 6_000, 8_000]
    assert {response.status_code.code_type for response in told.events("status_code")} == {pb.WORKING}


async def test_who_sends_faster_than_he_speaks_is_warned_once(serving_tones: Serving) -> None:
    client = await serving_tones()
    told = await recognize(client, [options(), silence_of(60)])
    warnings = [one for one in told.events("status_code") if one.status_code.code_type == pb.WARNING]
    assert len(warnings) == 1
    assert "faster" in warnings[0].status_code.message
    assert 10_000 <= warnings[0].audio_cursors.received_data_ms <= 14_000
    assert told.code is grpc.StatusCode.OK


async def test_both_versions_are_spoken_at_once_at_one_address_and_share_the_places(serving_tones: Serving) -> None:
    client = await serving_tones(max_streams=2)
    spoken = counting(3, (0.2, 0.1, 0.1, 0.2))
    third, second = StreamV3(client), client.open()
    await third.send(options(), *chunks(spoken.samples))
    await second.send(config(), *messages(spoken.samples))
    await third.until("partial")
    await second.next()
    refused = await recognize(client, [options()])
    assert refused.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert (await client.recognize([config()])).code is grpc.StatusCode.RESOURCE_EXHAUSTED
    await third.half_close()
    await second.half_close()
    assert (await third.end()).text == (await second.end()).text == "0 1 2"


async def test_a_server_that_is_ended_says_what_it_heard(serving_tones: Serving) -> None:
    server = SttServer([ToneEngine()], Limits())
    client = Client(await server.start("127.0.0.1:0"))
    stream = StreamV3(client)
    await stream.send(options(), *chunks(counting(2, (0.2, 0.1, 0.1)).samples))
    await stream.until("partial")
    while "1" not in (await stream.until("partial"))[-1].partial.alternatives[0].text:
        pass
    stopping = asyncio.create_task(server.stop(5))
    told = await stream.end()
    assert [final.text for final in told.finals] == ["0 1"]
    assert told.order.endswith("fu")
    assert told.code is grpc.StatusCode.UNAVAILABLE
    await stopping
    await client.aclose()


class Polyglot(ToneEngine):
    """An engine of tones that says of what language they are."""

    def __init__(self, *languages: str, detects: bool = False) -> None:
        super().__init__()
        self.languages = languages
        self.detects_language = detects


@pytest.mark.parametrize(
    ("restriction", "label"),
    [
        ({"only": ["fi-FI"]}, "fi-FI"),
        ({"only": ["RU-ru"]}, "ru-RU"),
        ({"only": ["xx-XX", "de-DE"]}, "de-DE"),
        ({"only": ["de-DE", "ru-RU"]}, None),
        ({"only": ["en-US", "ru-RU"]}, "en-US"),
        ({"only": ["auto"]}, None),
        ({}, None),
        ({"but": ["ru-RU", "de-DE"]}, "en-US"),
        ({"but": ["en-US", "fi-FI"]}, None),
    ],
)
async def test_several_languages_go_to_an_engine_that_tells_them_apart(
    serving_tones: Serving, restriction: dict[str, list[str]], label: str | None
) -> None:
    engines = Polyglot("en-US", "fi-FI"), Polyglot("ru-RU", "de-DE", detects=True)
    client = await serving_tones(engines=engines)
    given = pb.LanguageRestrictionOptions()
    for kind, codes in restriction.items():
        lists = pb.LanguageRestrictionOptions
        given = lists(restriction_type=lists.WHITELIST if kind == "only" else lists.BLACKLIST, language_code=codes)
    spoken = counting(1, (0.2, 0.1))
    told = await recognize(client, [options(language_restriction=given), *chunks(spoken.samples)])
    assert told.text == "0"
    labels = [(one.language_code, one.probability) for one in told.finals[0].languages]
    assert labels == ([(label, 1.0)] if label else []), "an engine of tones does not say which it found"


@pytest.mark.parametrize("rate", [8_000, 48_000])
async def test_times_hold_at_every_rate_and_with_silence_between(serving_tones: Serving, rate: int) -> None:
    client = await serving_tones()
    spoken = encode(range(2), iter((0.2, 0.1, 0.3)), rate=rate)
    content = spoken.samples.tobytes()
    told = await recognize(
        client, [options(audio_format=raw(rate)), silence_of(1.5), *chunks(content, 3_999), silence_of(2), chunk(b"")]
    )
    at_their_times(told, spoken.words, offset=1.5)
    assert told.responses[-1].audio_cursors.received_data_ms == round((spoken.seconds + 3.5) * 1000)
