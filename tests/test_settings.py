"""Settings come from one table, later sources win, and mistakes are told with the nearest valid name."""

from pathlib import Path

import pytest

from captions.errors import SettingError
from captions.settings import ROWS, Settings
from captions.settings_sources import Loaded, lasts, load


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_hold_when_nothing_else_is_said() -> None:
    loaded = load({}, {})
    assert loaded.settings == Settings()
    assert set(loaded.origin.values()) == {"default"}


def test_file_beats_default_and_environment_beats_file_and_flag_beats_environment(tmp_path: Path) -> None:
    file = write(tmp_path / "s.toml", 'language = "fr-FR"\nmodel = "general:rc"\nsample_rate = 8000\n')
    environment = {"CAPTIONS_LANGUAGE": "de-DE", "CAPTIONS_SAMPLE_RATE": "48000"}
    loaded = load({"language": "en-US"}, environment, file)
    assert (loaded.settings.language, loaded.settings.sample_rate) == ("en-US", 48_000)
    assert loaded.settings.model == "general:rc"
    assert loaded.origin["language"] == "--language"
    assert loaded.origin["sample_rate"] == "CAPTIONS_SAMPLE_RATE"
    assert loaded.origin["model"] == str(file)


def test_the_usual_file_is_read_where_the_platform_keeps_it(own_environment: Path) -> None:
    write(own_environment / "config" / "captions" / "settings.toml", "profanity_filter = true\n")
    assert load({}, {}).settings.profanity_filter


def test_the_folder_comes_from_the_variable_that_the_service_names() -> None:
    assert load({}, {"FOLDER_ID": "b1g"}).settings.folder_id == "b1g"
    assert load({}, {"FOLDER_ID": "b1g", "CAPTIONS_FOLDER_ID": "other"}).settings.folder_id == "other"


@pytest.mark.parametrize(("text", "value"), [("yes", True), ("OFF", False), ("1", True), ("false", False)])
def test_a_switch_takes_the_usual_words(text: str, value: bool) -> None:
    assert load({}, {"CAPTIONS_TLS": text}).settings.tls is value


def test_a_choice_is_found_in_any_case() -> None:
    assert load({"encoding": "ogg_opus"}, {}).settings.encoding == "OGG_OPUS"


@pytest.mark.parametrize(
    ("flags", "environment", "words"),
    [
        ({"encoding": "OGG_OPSU"}, {}, ["--encoding", "OGG_OPSU", "Did you mean OGG_OPUS?"]),
        ({"sample_rate": "44100"}, {}, ["--sample-rate", "8000, 16000 or 48000"]),
        ({"sample_rate": "fast"}, {}, ["--sample-rate", "whole number"]),
        ({"block_ms": "5"}, {}, ["20 to 1000 ms"]),
        ({}, {"CAPTIONS_LANGAUGE": "ru-RU"}, ["CAPTIONS_LANGAUGE", "Did you mean CAPTIONS_LANGUAGE?"]),
        ({}, {"CAPTIONS_TLS": "maybe"}, ["CAPTIONS_TLS", "true or false"]),
    ],
)
def test_a_bad_value_is_told_with_where_it_stood_and_what_fits(
    flags: dict[str, object], environment: dict[str, str], words: list[str]
) -> None:
    with pytest.raises(SettingError) as caught:
        load(flags, environment)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("smaple_rate = 8000", ["smaple_rate", "Did you mean sample_rate?"]),
        ("tls = 'on", ["not valid TOML"]),
        ("language = 5", ["language", "must be a text"]),
        ("block_ms = 1.5", ["block_ms", "whole number"]),
        ("[language]\na = 1", ["language"]),
        ("keys = 1", ["keys is 1", "must be keys"]),
        ("[keys]\npause = 1", ["pause is 1", "must be keys"]),
        ("[keys.log]\nup = ['u']", ["log.up is ['u']"]),
    ],
)
def test_a_mistake_in_the_file_is_told_with_the_file(tmp_path: Path, text: str, words: list[str]) -> None:
    file = write(tmp_path / "s.toml", text)
    with pytest.raises(SettingError) as caught:
        load({}, {}, file)
    for word in [str(file), *words]:
        assert word in str(caught.value)


def test_a_file_that_was_asked_for_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="does not exist"):
        load({}, {}, tmp_path / "none.toml")


def test_an_unreadable_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="cannot be read"):
        load({}, {}, tmp_path)
    file = tmp_path / "latin.toml"
    file.write_bytes(b'model = "\xff"')
    with pytest.raises(SettingError, match="cannot be read"):
        load({}, {}, file)


def test_every_row_has_help_and_a_default_that_it_accepts_itself() -> None:
    for row in ROWS.values():
        assert row.help.endswith(".")
        assert row.parse(row.default, "here") == row.default


def test_a_change_makes_new_settings_and_checks_the_value() -> None:
    settings = Settings()
    assert settings.changed("sample_rate", "8000").sample_rate == 8_000
    assert settings.sample_rate == 16_000
    with pytest.raises(SettingError, match="44100"):
        settings.changed("sample_rate", 44_100)


def test_what_is_remembered_beats_the_default_and_nothing_else(tmp_path: Path) -> None:
    file = write(tmp_path / "s.toml", 'theme = "high-contrast"\n')
    remembered = {"theme": "light", "stability": "calm"}
    loaded = load({}, {}, file, remembered)
    assert (loaded.settings.theme, loaded.settings.stability) == ("high-contrast", "calm")
    assert loaded.origin["stability"] == "remembered"
    assert load({"stability": "raw"}, {}, file, remembered).settings.stability == "raw"


def test_ids_of_keys_may_be_written_with_or_without_quotes(tmp_path: Path) -> None:
    file = write(tmp_path / "s.toml", '[keys]\npause = "p"\n"log.up" = "u,i"\nlog.page-up = ""\n')
    assert load({}, {}, file).keys == {"pause": "p", "log.up": "u,i", "log.page-up": ""}


@pytest.mark.parametrize(
    ("value", "kept"),
    [("auto", True), ("microphone", True), ("microphone:USB", True), ("sample", False), ("/tmp/a.wav", False)],
)
def test_only_microphones_are_inputs_for_another_run(value: str, kept: bool) -> None:
    assert lasts("input", value) is kept
    assert lasts("language", value)


def test_unsaved_is_what_was_changed_since_and_would_not_come_back(tmp_path: Path) -> None:
    file = write(tmp_path / "s.toml", 'language = "fr-FR"\nstability = "calm"\n')
    loaded = load({"language": "ru-RU", "model": "general:rc"}, {}, file, {"theme": "light"})
    now = loaded.settings
    assert loaded.unsaved(now) == {}
    assert loaded.unsaved(now.changed("language", "en-US")) == {"language": "en-US"}
    assert loaded.unsaved(now.changed("language", "fr-FR")) == {}  # as the file says
    assert loaded.unsaved(now.changed("model", "general")) == {}  # as the default is
    assert loaded.unsaved(now.changed("theme", "dark").changed("low_bandwidth", True)) == {}  # remembered anyway
    assert loaded.unsaved(now.changed("stability", "raw")) == {"stability": "raw"}  # the file would overrule that
    assert loaded.unsaved(now.changed("input", "/tmp/a.wav")) == {}


def test_what_was_saved_can_be_changed_back_and_saved_again(tmp_path: Path) -> None:
    loaded = load({"language": "ru-RU"}, {}, write(tmp_path / "s.toml", ""))
    now = loaded.settings.changed("language", "en-US")
    loaded = loaded.saved(now, loaded.unsaved(now))
    assert loaded.unsaved(now) == {}
    assert loaded.unsaved(now.changed("language", "ru-RU")) == {"language": "ru-RU"}


def test_a_variable_that_will_overrule_what_was_saved_is_named() -> None:
    loaded = load({}, {"CAPTIONS_MODEL": "general:rc"})
    assert loaded.told({"model": "general"}).endswith("The environment overrules it by CAPTIONS_MODEL.")
    assert "environment" not in Loaded(Settings()).told({"model": "general"})
