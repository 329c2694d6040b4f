"""Models of the engine whisper: which there are, where one is found, and what is said of one that is not whole."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from captions.server.models import MODELS, WEIGHTS, find_model, hub_cache, megabytes, what_is_wrong
from captions.settings import LANGUAGES
from tests.server.whisper_files import write_model


def in_cache(cache: Path, name: str, revision: str = "") -> Path:
    """Put a model into a hub's cache as the hub's client lays it out, and return its folder."""
    model = MODELS[name]
    return write_model(model.folder_in(cache) / "snapshots" / (revision or model.revision))


def test_a_model_is_found_in_the_folder_that_is_given(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "mine")

    assert find_model(str(folder)) == folder
    assert find_model(str(tmp_path)) is None


def test_a_folder_may_be_given_from_the_users_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = write_model(tmp_path / "mine")

    assert find_model("~/mine") == folder
    assert find_model("~nobody-of-this-name/mine") is None


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"XDG_CACHE_HOME": "/x/cache"},
        {"HF_HOME": "/x/home"},
        {"HF_HOME": "~/hf", "XDG_CACHE_HOME": "/x/cache"},
        {"HUGGINGFACE_HUB_CACHE": "/x/old"},
        {"HF_HUB_CACHE": "$HOME/hub", "HUGGINGFACE_HUB_CACHE": "/x/old", "HF_HOME": "/x/home"},
    ],
)
def test_the_cache_is_where_the_hubs_own_client_has_it(
    variables: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("huggingface_hub", reason="needs the hub's client, of the extra whisper")
    for name in ("XDG_CACHE_HOME", "HF_HOME", "HUGGINGFACE_HUB_CACHE", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    code = "from huggingface_hub.constants import HF_HUB_CACHE; print(HF_HUB_CACHE)"
    theirs = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()

    assert str(hub_cache(os.environ)) == theirs


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_found_in_the_hubs_cache_by_its_name(name: str, tmp_path: Path) -> None:
    environment = {"HF_HUB_CACHE": str(tmp_path)}
    assert find_model(name, environment) is None

    folder = in_cache(tmp_path, name)

    assert find_model(name, environment) == folder


def test_another_revision_that_another_program_brought_does_as_well(tmp_path: Path) -> None:
    folder = in_cache(tmp_path, "base", "0123456789abcdef0123456789abcdef01234567")

    assert find_model("base", {"HF_HUB_CACHE": str(tmp_path)}) == folder


def test_a_download_that_was_broken_off_is_no_model(tmp_path: Path) -> None:
    folder = in_cache(tmp_path, "base")
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).symlink_to("../../blobs/not-there-yet")

    assert find_model("base", {"HF_HUB_CACHE": str(tmp_path)}) is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("config.json", "config.json is missing"),
        (WEIGHTS, "model.bin is missing"),
        ("tokenizer.json", "tokenizer.json is missing"),
        ("vocabulary.txt", "vocabulary.txt or vocabulary.json is missing"),
    ],
)
def test_it_says_which_file_is_missing(name: str, words: str, tmp_path: Path) -> None:
    folder = write_model(tmp_path)
    (folder / name).unlink()

    assert what_is_wrong(folder) == words


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("config.json", b"<html>", "config.json is not what it should be"),
        ("config.json", b"{", "config.json is not what it should be"),
        ("tokenizer.json", b"version https://git-lfs", "tokenizer.json is not what it should be"),
        (WEIGHTS, b"", "model.bin is cut off or damaged"),
        (WEIGHTS, b"version https://git-lfs", "model.bin is no Whisper model in CTranslate2's format"),
    ],
)
def test_it_says_which_file_is_not_what_it_should_be(name: str, content: bytes, words: str, tmp_path: Path) -> None:
    folder = write_model(tmp_path)
    (folder / name).write_bytes(content)

    assert what_is_wrong(folder) == words


def test_weights_that_are_cut_off_anywhere_are_told(tmp_path: Path) -> None:
    folder = write_model(tmp_path)
    whole = (folder / WEIGHTS).read_bytes()

    for length in range(len(whole)):
        (folder / WEIGHTS).write_bytes(whole[:length])
        assert what_is_wrong(folder), length
    (folder / WEIGHTS).write_bytes(whole + b"\0")
    assert what_is_wrong(folder) == "model.bin is cut off or damaged"


def test_it_says_that_there_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert what_is_wrong(tmp_path / "nowhere") == "there is no such folder"
    assert what_is_wrong(tmp_path / "file") == "it is a file"


def test_the_setting_suggests_the_models_that_there_are() -> None:
    from captions.server.models import LANGUAGE_NAMES, WHISPER_LANGUAGES
    from captions.settings import ROWS

    assert tuple(MODELS) == ROWS["whisper_model"].suggestions
    assert {code.partition("-")[0] for code in WHISPER_LANGUAGES} == set(LANGUAGE_NAMES)
    assert {*WHISPER_LANGUAGES, "auto"} == set(LANGUAGES)
    assert [megabytes(model.size) for model in MODELS.values()] == ["78 MB", "148 MB", "486 MB"]


def test_a_real_model_is_taken_for_one(tmp_path: Path) -> None:
    given = os.environ.get("WHISPER_MODEL_FOLDER")
    if not given:
        pytest.skip("needs a Whisper model: set WHISPER_MODEL_FOLDER to its folder")
    assert what_is_wrong(Path(given)) == ""
    for file in Path(given).iterdir():
        (tmp_path / file.name).symlink_to(file)
    weights = tmp_path / WEIGHTS
    weights.unlink()
    shutil.copyfile(Path(given, WEIGHTS), weights)
    os.truncate(weights, weights.stat().st_size - 1)
    assert what_is_wrong(tmp_path) == "model.bin is cut off or damaged"
