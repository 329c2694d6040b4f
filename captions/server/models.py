"""The models of the engine whisper: which there are, and where on this machine one lies. Light to import.

They are CTranslate2 conversions of OpenAI's multilingual Whisper models, under the MIT licence, kept on the Hugging
Face hub. One is looked for in its cache, which is shared with every other program that uses the hub. Nothing here
touches the network.
"""

import json
import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from captions.settings import LANGUAGES

WHISPER_LANGUAGES = tuple(code for code in LANGUAGES if code != "auto")
"""Codes that the models hear: all of the service's, whose languages are among the 99 that Whisper was trained on."""

LANGUAGE_NAMES = {
    "de": "German", "en": "English", "es": "Spanish", "fi": "Finnish", "fr": "French", "he": "Hebrew", "it": "Italian",
    "kk": "Kazakh", "nl": "Dutch", "pl": "Polish", "pt": "Portuguese", "ru": "Russian", "sv": "Swedish",
    "tr": "Turkish", "uz": "Uzbek",
}  # fmt: skip
"""What their languages are called, by the part of the code before the region."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model: how many bytes it has, and its SHA-256 in hexadecimal."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Model:
    """A model that can be had from the hub, at one revision for good, with what is told of it to a person."""

    name: str
    repository: str
    revision: str
    files: Mapping[str, ModelFile]
    note: str

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files.values())

    def folder_in(self, cache: Path) -> Path:
        """Where the hub's cache keeps all that belongs to it."""
        return cache / f"models--{self.repository.replace('/', '--')}"


WEIGHTS = "model.bin"
"""The file that is nearly all of it."""


def manifest(model: Model) -> dict[str, Any]:
    """Return a model as what JSON can hold, for another process."""
    return asdict(model)


def manifest_of(told: Mapping[str, Any]) -> Model:
    """Return the model of a manifest."""
    return Model(**{**told, "files": {name: ModelFile(**file) for name, file in told["files"].items()}})


_SAME_FOR_ALL = {
    "tokenizer.json": ModelFile(2_203_239, "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab"),
    "vocabulary.txt": ModelFile(459_861, "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913"),
}

MODELS: Mapping[str, Model] = {
    model.name: model
    for model in (
        Model(
            "tiny",
            "Systran/faster-whisper-tiny",
            "d90ca5fe260221311c53c58e660288d3deb8d356",
            {
                "config.json": ModelFile(2_249, "a73a28cdfe1c43ccc7202fa333d1f89c202477271407ae9a7f19afa52039cac8"),
                WEIGHTS: ModelFile(75_538_270, "dcb76c6586fc06cbdac6dd21f14cfd129cc4cdd9dce19bf4ffa62e59cbe6e6d1"),
                **_SAME_FOR_ALL,
            },
            "quick, many errors",
        ),
        Model(
            "base",
            "Systran/faster-whisper-base",
            "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66",
            {
                "config.json": ModelFile(2_309, "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"),
                WEIGHTS: ModelFile(145_217_532, "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"),
                **_SAME_FOR_ALL,
            },
            "keeps up with speech on two cores",
        ),
        Model(
            "small",
            "Systran/faster-whisper-small",
            "536b0662742c02347bc0e980a01041f333bce120",
            {
                "config.json": ModelFile(2_370, "b55496ac7940a7ae47d2c01eab40edfd8701feec1229d9cce3b40014383fb828"),
                WEIGHTS: ModelFile(483_546_902, "3e305921506d8872816023e4c273e75d2419fb89b24da97b4fe7bce14170d671"),
                **_SAME_FOR_ALL,
            },
            "fewer errors, for a fast machine",
        ),
    )
}
"""By name, the smallest first."""


def hub_cache(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder in which the hub's own client keeps models, by the variables that it documents."""
    home = environment.get("XDG_CACHE_HOME") or str(Path("~", ".cache"))
    home = environment.get("HF_HOME") or str(Path(home, "huggingface"))
    cache = environment.get("HF_HUB_CACHE") or environment.get("HUGGINGFACE_HUB_CACHE") or str(Path(home, "hub"))
    return Path(os.path.expandvars(cache)).expanduser()


def find_model(name_or_folder: str, environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the folder of a model that is whole, given as a name of `MODELS` or as a folder; None where it is not.

    A name is looked for in the hub's cache. Reads little of the files, never the network.
    """
    if (model := MODELS.get(name_or_folder)) is None:
        folder = given_folder(name_or_folder)
        return folder if not what_is_wrong(folder) else None
    return next((folder for folder in _snapshots(model, environment) if not what_is_wrong(folder)), None)


def given_folder(text: str) -> Path:
    """Return the folder that a person gave, from the user's home where it begins with ~."""
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:  # no such user
        return Path(text).absolute()


def _snapshots(model: Model, environment: Mapping[str, str]) -> Iterator[Path]:
    """Yield where a model may lie in the cache: our revision first, then the others, the newest first."""
    snapshots = model.folder_in(hub_cache(environment)) / "snapshots"
    yield snapshots / model.revision
    try:
        others = [folder for folder in snapshots.iterdir() if folder.name != model.revision]
        yield from sorted(others, key=lambda folder: folder.stat().st_mtime, reverse=True)
    except OSError:
        return


def what_is_wrong(folder: Path) -> str:
    """Say in a few words why a folder holds no usable model, e.g. "model.bin is missing"; empty when it does.

    What is looked at: that the files are there, that those of JSON are JSON, and that the weights are of a Whisper
    model and as long as they say.
    """
    if not folder.is_dir():
        return "it is a file" if folder.exists() else "there is no such folder"
    for name in ("config.json", WEIGHTS, "tokenizer.json"):
        if not (folder / name).is_file():
            return f"{name} is missing"
    if not any(path.is_file() for path in folder.glob("vocabulary.*")):
        return "vocabulary.txt or vocabulary.json is missing"
    try:
        for name in ("config.json", "tokenizer.json"):
            if not _begins_as_json(folder / name):
                return f"{name} is not what it should be"
        if not isinstance(json.loads((folder / "config.json").read_bytes()), dict):
            return "config.json is not what it should be"
        with (folder / WEIGHTS).open("rb") as file:
            return _wrong_with_weights(file)
    except OSError as error:
        return f"it cannot be read: {error.strerror or error}"
    except ValueError:
        return "config.json is not what it should be"


def _begins_as_json(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(64).lstrip().startswith(b"{")


KNOWN_LAYOUT = 6
"""Version of CTranslate2's binary format whose parts are known here; other versions are taken on trust."""


def _wrong_with_weights(file: BinaryIO) -> str:
    """Walk from head to head of the tensors: `CTranslate2`'s format has the length of each before it.

    The layout: version, name of the specification, its revision, number of tensors; for each its name, rank,
    dimensions, type, length in bytes, and the bytes; then pairs of names. Numbers are little-endian, and texts have
    their length in two bytes before them and a zero at their end.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)

    def number(code: str) -> int:
        return int(struct.unpack(f"<{code}", file.read(struct.calcsize(code)))[0])

    def skip(count: int) -> None:
        if file.tell() + count > size:
            raise EOFError
        file.seek(count, os.SEEK_CUR)

    try:
        version = number("I")
        if file.read(number("H")) != b"WhisperSpec\0":
            return f"{WEIGHTS} is no Whisper model in CTranslate2's format"
        if version != KNOWN_LAYOUT:
            return ""
        number("I")
        for _ in range(number("I")):
            skip(number("H"))
            skip(4 * number("B") + 1)
            skip(number("I"))
        for _ in range(2 * number("I")):
            skip(number("H"))
        if file.tell() == size:
            return ""
    except (struct.error, EOFError):
        pass
    return f"{WEIGHTS} is cut off or damaged"


def language_name(code: str) -> str:
    """Return what the language of a code is called, e.g. "Russian" for ru-RU; the code where that is not known."""
    return LANGUAGE_NAMES.get(code.partition("-")[0].lower(), code)


def megabytes(count: float) -> str:
    """Return a number of bytes as a person reads it, e.g. "148 MB" (1 MB is 1,000,000 bytes)."""
    return f"{count / 1e6:.0f} MB"
