"""Whisper on this machine: what it hears of Russian and other languages, and of sounds that are no speech."""

import asyncio
import itertools
import statistics
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import grpc
import jiwer
import numpy as np
import pytest

from captions.audio.block import Samples
from captions.audio.mono import MonoResampler
from captions.errors import RecognizerMissing
from captions.server.engines import RATE, Engine, Heard
from captions.server.limits import Limits
from captions.server.loops import is_loop, says_twice, without_loops
from captions.server.serving import SttServer
from captions.server.specification import engine_for
from captions.server.utterances import STEP
from captions.server.whisper import READ_EVERY, TIMINGS, WhisperEngine, _Reader, _Shared, is_invented
from captions.server.whisper_model import WhisperModel, Written
from captions.settings import LANGUAGES
from tests.server.clients import Client, config, messages, seconds, silence, words
from tests.server.whisper_files import write_model
from tests.shared_speech import Recording, recording, recordings
from tests.sounds import all_sounds


def sound_of(one: Recording, rate: int = RATE) -> Samples:
    """Return a recording's samples."""
    import av

    resampler = MonoResampler(rate)
    with av.open(str(one.path)) as container:
        pieces = [resampler.convert(frame) for frame in container.decode(audio=0)]
    return np.concatenate([*pieces, resampler.flush()])


def hear(engine: Engine, samples: Samples, language: str = "ru-RU", *, partials: bool = False) -> list[Heard]:
    """Return all that the engine says of the audio."""
    stream = engine.open(language)
    heard = [
        one
        for start in range(0, len(samples), STEP)
        for one in stream.hear(samples[start : start + STEP], partials=partials)
    ]
    heard += stream.finish()
    stream.close()
    return heard


def finals(heard: Sequence[Heard]) -> list[Heard]:
    return [one for one in heard if one.final]


def scored(text: str) -> str:
    """Return text as it is scored: digits that stand alone are spelled out."""
    digits = ("ноль", "один", "два", "три", "четыре", "пять", "шесть", "семь", "восемь", "девять")
    return " ".join(digits[int(word)] if word in set("0123456789") else word for word in words(text.replace("ё", "е")))


# What needs no model


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("ПО-ПО-ПО-ПО-ПО-ПО-ПО-ПО", "ПО-ПО"),
        ("Вези,ези,ези,ези,ези,ези", "Вези,ези"),
        ("Ха-ха-ха, смешно", "Ха-ха-ха, смешно"),
        ("Наберите 8000000 или 1111111", "Наберите 8000000 или 1111111"),
    ],
)
def test_a_stutter_within_a_word_is_a_loop_too_and_laughter_and_digits_are_none(text: str, mended: str) -> None:
    assert without_loops(text) == mended
    assert is_loop(text, 60) == (text != mended)


def test_a_phrase_that_comes_twice_is_noticed() -> None:
    assert says_twice("Введите номер и решётку. введите номер и решетку".replace("ё", "е"))
    assert says_twice("one two three one two three four")
    assert not says_twice("very, very good, very good indeed")
    assert not says_twice("")


@pytest.mark.parametrize(
    ("text", "no_speech", "confidence", "invented"),
    [
        ("Добро пожаловать в директорию.", 0.01, -0.25, False),
        ("Абонент не отвечает", 0.73, -0.52, False),  # a mumbled beginning
        ("США", 0.5, -0.4, False),
        ("Слышь, я не могу.", 0.66, -1.9, True),  # loud noise
        ("Попробуем", 0.33, -2.57, True),  # a melody
        ("ТРЕВОЖНАЯ МУЗЫКА", 0.74, -0.46, True),  # noise
        ("you", 0.92, -0.63, True),  # digital silence
    ],
)
def test_what_the_model_itself_doubts_is_invented(
    text: str, no_speech: float, confidence: float, invented: bool
) -> None:
    assert is_invented(Written(text, [], no_speech, confidence)) is invented


def test_all_languages_of_the_service_are_served_russian_first(tmp_path: Path) -> None:
    engine = WhisperEngine(write_model(tmp_path))
    assert engine.languages[0] == "ru-RU"
    assert set(engine.languages) == set(LANGUAGES) - {"auto"}
    assert engine_for(["kk-KK"], [engine]) == (engine, "kk-KZ")
    assert engine_for(["auto"], [engine]) == (engine, "auto")
    assert engine_for(["ru-RU", "xx-XX", "en-US"], [engine]) == (engine, "ru-RU,en-US")
    engine.close()


def test_a_folder_without_a_model_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RecognizerMissing, match=r"holds no Whisper model: config\.json is missing\..*--whisper-model"):
        WhisperEngine(tmp_path)


async def test_a_model_that_cannot_be_loaded_ends_the_stream_with_the_reason_and_not_the_server(
    tmp_path: Path, engine: Engine
) -> None:
    pytest.importorskip("faster_whisper")
    server = SttServer((engine, WhisperEngine(write_model(tmp_path / "damaged"))), Limits())
    client = Client(await server.start("127.0.0.1:0"))
    answer = await client.recognize([config(language_code="ru-RU"), *messages(silence(1))])
    assert answer.code is grpc.StatusCode.NOT_FOUND
    assert answer.details.startswith(f"The Whisper model in {tmp_path / 'damaged'} cannot be loaded: ")
    assert (await client.recognize([config(), *messages(silence(1))])).code is grpc.StatusCode.OK
    await client.aclose()
    await server.stop(0.5)


class _SlowModel:
    """Stands for a model on a machine that is busy with other things: a reading takes two seconds of a told clock."""

    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def encode(self, samples: Samples, *, whole: bool = False) -> None:
        self.now += 2.0

    def write(self, encoded: None, language: str) -> Written:
        return Written("Добро пожаловать", [1, 2], 0.01, -0.2)


def test_on_a_machine_busy_with_other_things_partials_come_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    model = _SlowModel()
    monkeypatch.setattr(
        "captions.server.whisper.time", SimpleNamespace(monotonic=model.clock, perf_counter=model.clock)
    )
    shared = _Shared(cast("WhisperModel", model), 1)
    reader = _Reader(shared, ("ru-RU",))
    assert reader.read_every() == READ_EVERY
    reader.read(silence(3), urgent=False)
    assert reader.read_every() == 3.0
    shared.threads.close()


# What needs one


@pytest.fixture
def russian() -> list[Recording]:
    """Return a few recordings of more than three seconds."""
    return [one for one in recordings("ru_asterisk") if one.seconds > 3.0][5:25:3]


def test_russian_is_heard_with_few_errors(whisper: WhisperEngine, russian: list[Recording]) -> None:
    heard = [" ".join(one.text for one in finals(hear(whisper, sound_of(one)))) for one in russian]
    assert jiwer.wer([scored(one.text) for one in russian], [scored(text) for text in heard]) < 0.25


@pytest.mark.parametrize("language", ["ru-RU", "en-US"])
@pytest.mark.parametrize("sound", all_sounds(0.1))
def test_sounds_that_are_no_speech_say_nothing(whisper: WhisperEngine, sound: str, language: str) -> None:
    assert [one.text for one in hear(whisper, all_sounds(12)[sound], language, partials=True)] == []


@pytest.mark.parametrize("sound", all_sounds(0.1))
def test_nor_do_they_when_they_are_taken_for_speech(whisper: WhisperEngine, sound: str) -> None:
    stream = whisper.open("ru-RU")
    for length in (0.8, 3.0):
        assert stream._reader.read(all_sounds(length)[sound], urgent=True).text == ""


def test_silence_and_noise_around_speech_add_no_words(whisper: WhisperEngine) -> None:
    speech = sound_of(recording("ru_asterisk/vm-review.flac"))
    bare = finals(hear(whisper, np.concatenate([speech, silence(1)])))
    noise = (np.random.default_rng(3).standard_normal(6 * RATE) * 60).astype(np.int16)
    padded = finals(hear(whisper, np.concatenate([silence(5), speech, silence(2), noise])))
    assert abs(len(words(" ".join(one.text for one in padded))) - len(words(" ".join(one.text for one in bare)))) <= 1


def test_each_word_of_a_final_has_its_own_time(whisper: WhisperEngine) -> None:
    lead, speech = 3.0, sound_of(recording("ru_asterisk/vm-options.flac"))
    heard = finals(hear(whisper, np.concatenate([silence(lead), speech, silence(1)])))
    said = [word for one in heard for word in one.words]
    assert all(one.text == " ".join(word.text for word in one.words) for one in heard)
    assert len(said) > 30
    assert all(word.start <= word.end for word in said)
    assert all(earlier.start <= later.start for earlier, later in itertools.pairwise(said))
    assert lead - 0.5 <= said[0].start
    assert said[-1].end <= lead + len(speech) / RATE + 0.3
    # Nobody needs more than a second and a half for a word, the pause before it included.
    assert statistics.median(word.end - word.start for word in said) < 0.8


def test_partials_grow_and_end_in_the_final(whisper: WhisperEngine) -> None:
    speech = sound_of(recording("ru_asterisk/followme_status.flac"))
    heard = hear(whisper, np.concatenate([speech, silence(1)]), partials=True)
    partials = [words(one.text) for one in heard if not one.final]
    assert len(partials) >= 4
    # The model hears a first word this way and that; but what is shown gives way only to more.
    shorter = sum(len(later) < len(earlier) for earlier, later in itertools.pairwise(partials))
    assert shorter <= 1, partials
    assert words(finals(heard)[0].text)[:2] == partials[-1][:2]


def test_speech_without_a_pause_is_cut_and_no_stretch_of_it_is_lost(whisper: WhisperEngine) -> None:
    names = ("vm-mismatch", "vm-review", "followme_status", "vm-opts", "vm-mismatch", "vm-review")
    spoken = [recording(f"ru_asterisk/{name}.flac") for name in names]
    pieces = [sound_of(one) for one in spoken]
    loud = [np.flatnonzero(np.abs(piece) > 600) for piece in pieces]
    gapless = np.concatenate([piece[where[0] : where[-1]] for piece, where in zip(pieces, loud, strict=True)])
    heard = finals(hear(whisper, gapless))
    assert max(one.words[-1].end - one.words[0].start for one in heard if one.words) <= TIMINGS.longest + 0.2
    said = words(" ".join(one.text for one in heard))
    assert len(said) >= 0.75 * sum(len(words(one.text)) for one in spoken)


def test_the_language_is_found_out_for_each_utterance(whisper: WhisperEngine) -> None:
    russian = sound_of(recording("ru_asterisk/vm-review.flac"))
    english = sound_of(recording("en_asterisk/vm-review.flac"))
    together = np.concatenate([russian, silence(1), english, silence(1)])
    for language in ("auto", "en-US,ru-RU"):
        heard = [one for one in finals(hear(whisper, together, language)) if one.text]
        told = [language for language, _ in itertools.groupby(one.language for one in heard)]
        assert told == ["ru-RU", "en-US"]
    (only,) = {one.language for one in finals(hear(whisper, russian, "ru-RU"))}
    assert only == "", "nothing was found out"


async def test_the_services_own_example_gets_russian_words(whisper: WhisperEngine) -> None:
    """ru-RU, 8000 Hz, LINEAR16_PCM, in chunks of 4000 bytes."""
    speech = sound_of(recording("ru_asterisk_8k/vm-opts.wav"), 8_000)
    server = SttServer((whisper,), Limits())
    client = Client(await server.start("127.0.0.1:0"))
    answer = await client.recognize([config(language_code="ru-RU", sample_rate_hertz=8_000), *messages(speech)])
    await client.aclose()
    await server.stop(0.5)
    assert answer.code is grpc.StatusCode.OK
    assert answer.finals[-1].end_of_utterance
    assert scored(answer.text).split()[:2] == ["нажмите", "два"]
    assert "сообщения" in answer.text or "голосовой" in answer.text
    assert len(answer.finals[0].alternatives[0].words) > 3


async def test_the_model_is_loaded_for_its_first_stream_while_others_are_heard(
    whisper_folder: Path, engine: Engine
) -> None:
    lazy = WhisperEngine(whisper_folder)
    assert lazy.capacity() >= 1
    server = SttServer((engine, lazy), Limits())
    client = Client(await server.start("127.0.0.1:0"))
    speech = sound_of(recording("ru_asterisk/vm-review.flac"))
    with lazy._loading:  # a load that takes long
        loading = asyncio.create_task(client.recognize([config(language_code="ru-RU"), *messages(speech)]))
        english = await client.recognize([config(), *messages(seconds(0, 4.5))])
        assert words(english.text)[:3] == ["it", "was", "the"]
        assert not loading.done()
    assert "сообщение" in (await loading).text.lower()
    await client.aclose()
    await server.stop(0.5)
    lazy.close()


async def test_streams_side_by_side_hear_what_each_hears_alone(
    whisper: WhisperEngine, russian: list[Recording]
) -> None:
    samples = [sound_of(one) for one in russian[:3]]
    alone = [[one.text for one in finals(hear(whisper, one))] for one in samples]
    together = await asyncio.gather(*(asyncio.to_thread(hear, whisper, one) for one in samples))
    assert [[one.text for one in finals(heard)] for heard in together] == alone


def test_what_the_machine_keeps_up_with_comes_of_what_readings_cost(
    whisper: WhisperEngine, russian: list[Recording]
) -> None:
    hear(whisper, sound_of(russian[0]))
    assert whisper.capacity() >= 1
