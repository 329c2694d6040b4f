"""What can be heard on this machine, by what is installed and which models are here."""

import importlib.util
from pathlib import Path

import pytest

from captions.errors import ExitCode, ModelMissing
from captions.recognition.choose import recognition_options
from captions.recognition.local_engines import LocalEngines
from captions.server.models import MODELS, WHISPER_LANGUAGES
from captions.settings import Settings
from tests.server.whisper_files import write_model

BOTH = ("moonshine_voice", "faster_whisper")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub's."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def install(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    """Have only these engines installed."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if name in packages else None)


def have(cache: Path, name: str) -> Path:
    model = MODELS[name]
    return write_model(model.folder_in(cache) / "snapshots" / model.revision)


def spoken(engines: LocalEngines, locale: str) -> str:
    """The language that is asked for by the setting `system`."""
    return recognition_options(Settings(), engines.languages(), locale).language_code


def test_english_is_the_default_and_the_others_are_offered_before_their_model_is_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install(monkeypatch, *BOTH)

    assert LocalEngines().languages()[0] == "en-US"
    assert set(LocalEngines().languages()) == set(WHISPER_LANGUAGES)
    assert LocalEngines("whisper").languages()[0] == "en-US"
    assert LocalEngines("moonshine").languages() == ("en-US",)


def test_the_systems_language_asks_for_a_model_only_where_its_engine_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install(monkeypatch, *BOTH)
    assert spoken(LocalEngines(), "ru_RU.UTF-8") == "ru-RU"
    assert isinstance(LocalEngines().missing("ru-RU"), ModelMissing)
    assert spoken(LocalEngines(), "en_GB.UTF-8") == spoken(LocalEngines(), "C") == "en-US"

    install(monkeypatch, "moonshine_voice")
    assert spoken(LocalEngines(), "ru_RU.UTF-8") == "en-US"
    assert LocalEngines().missing("en-US") is None


def test_a_missing_model_is_told_with_its_size_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, *BOTH)

    missing = LocalEngines().missing("ru-RU")

    assert isinstance(missing, ModelMissing)
    assert (missing.model, missing.size, missing.language) == ("base", MODELS["base"].size, "ru-RU")
    assert missing.message == "Russian needs the model base, 148 MB, which is not on this machine."
    assert "captions models add base" in missing.hint
    assert missing.exit_code is ExitCode.UNREACHABLE
    assert LocalEngines().missing("en-US") is None
    assert LocalEngines().missing() is None


def test_a_model_that_has_come_is_taken_at_once(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    install(monkeypatch, *BOTH)
    engines = LocalEngines(whisper_model="tiny")
    assert engines.flags() == ()

    folder = have(cache, "tiny")

    assert engines.missing("ru-RU") is None
    assert engines.flags() == ("--whisper-model", str(folder))
    assert isinstance(LocalEngines(whisper_model="base").missing("ru-RU"), ModelMissing)


def test_whisper_alone_needs_its_model_for_english_too(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    install(monkeypatch, *BOTH)
    missing = LocalEngines("whisper").missing()
    assert isinstance(missing, ModelMissing)
    assert missing.message.startswith("The engine whisper needs the model base, 148 MB")
    assert isinstance(LocalEngines("whisper").missing("en-US"), ModelMissing)

    install(monkeypatch, "faster_whisper")
    assert isinstance(LocalEngines().missing("en-US"), ModelMissing)

    have(cache, "base")
    assert LocalEngines("whisper").missing() is None


def test_without_the_engine_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "moonshine_voice")

    for missing in (LocalEngines().missing("ru-RU"), LocalEngines("whisper").missing()):
        assert missing is not None
        assert not isinstance(missing, ModelMissing)
        assert "pip install 'captions[local,whisper]'" in missing.hint


def test_moonshine_alone_was_chosen_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, *BOTH)

    missing = LocalEngines("moonshine").missing("de-DE")

    assert str(missing) == (
        "German is not recognised by moonshine, the engine that was chosen. "
        "Set the engine to automatic (--local-engine auto)."
    )


def test_a_folder_without_a_model_is_told_with_what_is_wrong(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, *BOTH)
    folder = write_model(tmp_path / "mine")
    assert LocalEngines(whisper_model=str(folder)).missing("ru-RU") is None

    (folder / "tokenizer.json").unlink()
    missing = LocalEngines(whisper_model=str(folder)).missing("ru-RU")

    assert missing is not None
    assert not isinstance(missing, ModelMissing)
    assert missing.message == f"The folder {folder} holds no Whisper model: tokenizer.json is missing."


def test_a_language_that_nobody_knows_is_left_to_the_recogniser(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, *BOTH)

    assert LocalEngines().missing("xx-XX") is None


def test_it_says_in_a_sentence_what_can_be_heard(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    install(monkeypatch, "moonshine_voice")
    assert LocalEngines().summary() == (
        "Moonshine hears English; other languages need: pip install 'captions[local,whisper]'."
    )
    install(monkeypatch, *BOTH)
    assert (
        LocalEngines().summary() == "Moonshine hears English; other languages need a model: captions models add base."
    )
    folder = have(cache, "base")
    assert LocalEngines().summary() == f"Moonshine hears English; whisper hears other languages with {folder}."
    assert LocalEngines("whisper").summary() == f"Whisper hears all languages with {folder}."
    assert LocalEngines().facts() == {"engines": ["moonshine", "whisper"], "whisper_model": str(folder)}
