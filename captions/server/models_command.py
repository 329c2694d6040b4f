"""`captions models`: the models for other languages than English, and having or losing one. Light to import."""

import argparse
import json
import shutil
import sys
from pathlib import Path

from captions.errors import ExitCode, RecognizerMissing, SettingError, StorageError
from captions.plain import means_yes
from captions.plain_text import plain
from captions.progress_bar import DownloadBar
from captions.server.models import MODELS, Model, find_model, given_folder, hub_cache, megabytes, what_is_wrong
from captions.settings import Settings

DESCRIPTION = """\
List the models of the engine whisper, which hears Russian and the service's other languages on this machine: which are
here, where, and which can be added. The one that the settings ask for has a star.

add downloads one from the Hugging Face hub into its cache, which other programs share, after saying its size and
asking. What was broken off goes on where it was. remove deletes one from there. A folder with a model of your own is
named by --whisper-model.
"""
INSTALL = "Install it with: pip install 'captions[local,whisper]'."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `captions models` takes."""
    parser.description = DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("action", nargs="?", choices=("list", "add", "remove"), default="list", help="[list]")
    parser.add_argument("name", nargs="?", choices=tuple(MODELS), metavar="NAME", help=", ".join(MODELS))
    parser.add_argument("--yes", action="store_true", help="do it without asking")
    parser.add_argument("--json", action="store_true", help="the list as JSON")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Carry it out. Returns the exit code. Raises SettingError, StorageError or RecognizerMissing."""
    if arguments.action == "list":
        return _list(settings, arguments.json)
    if not arguments.name:
        raise SettingError("Which model is not said.", f"It is one of {', '.join(MODELS)}.")
    model = MODELS[arguments.name]
    return _add(model, arguments.yes) if arguments.action == "add" else _remove(model, arguments.yes)


def engine_is_installed() -> bool:
    """Whether the package is there that the models are for."""
    import importlib.util

    return importlib.util.find_spec("faster_whisper") is not None


def _list(settings: Settings, as_json: bool) -> int:
    here = {name: find_model(name) for name in MODELS}
    chosen = settings.whisper_model
    if as_json:
        records = [
            {"name": name, "folder": str(folder) if folder else None, "bytes": _bytes(MODELS[name], folder)}
            for name, folder in here.items()
        ]
        print(json.dumps(records, ensure_ascii=False, indent=2))
        return ExitCode.OK
    for name, folder in here.items():
        where = plain(str(folder)) if folder else "not here"
        size = megabytes(_bytes(MODELS[name], folder))
        print(f"{'*' if name == chosen else ' '} {name:<6} {size:>6}  {MODELS[name].note}; {where}")
    if chosen not in MODELS:
        wrong = what_is_wrong(given_folder(chosen))
        print(f"* {plain(str(given_folder(chosen)))}{f': {wrong}' if wrong else ''}")
    if not engine_is_installed():
        print(f"captions: The engine whisper, which they are for, is not installed. {INSTALL}", file=sys.stderr)
    elif not any(here.values()):
        print("captions: `captions models add base` downloads one.", file=sys.stderr)
    return ExitCode.OK


def _bytes(model: Model, folder: Path | None) -> int:
    """How much a model takes here, or would."""
    return sum(file.stat().st_size for file in folder.iterdir()) if folder else model.size


def _add(model: Model, yes: bool) -> int:
    if folder := find_model(model.name):
        print(f"The model {model.name} is here already: {plain(str(folder))}")
        return ExitCode.OK
    if not engine_is_installed():
        raise RecognizerMissing("The engine whisper, which the models are for, is not installed.", INSTALL)
    if not yes and not _agreed(f"The model {model.name} is {megabytes(model.size)}, from the hub. Download it now?"):
        print("Nothing was downloaded.", file=sys.stderr)
        return ExitCode.OK
    print(f"The model {model.name} is here: {plain(str(download_with_bar(model)))}")
    return ExitCode.OK


def _remove(model: Model, yes: bool) -> int:
    folder = model.folder_in(hub_cache())
    if not folder.is_dir():
        print(f"The model {model.name} is not here.")
        return ExitCode.OK
    shown = plain(str(folder))
    if not yes and not _agreed(f"Other programs may use the model {model.name} in {shown}. Delete it?"):
        print("Nothing was deleted.", file=sys.stderr)
        return ExitCode.OK
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise StorageError(f"{shown} cannot be deleted: {error.strerror or error}.") from None
    print(f"The model {model.name} is deleted.")
    return ExitCode.OK


def _agreed(question: str) -> bool:
    """Ask on standard error. Raises SettingError where nobody can answer."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise SettingError(f"There is no terminal at which to ask: {question}", "--yes does it without asking.")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return means_yes(sys.stdin.readline())


def download_with_bar(model: Model) -> Path:
    """Download a model, with a bar on standard error where that is a terminal, and return its folder.

    Raises RecognizerMissing and StorageError, and KeyboardInterrupt after Ctrl-C has ended the download.
    """
    import asyncio

    from captions.server.download import download

    shown, bar = "", DownloadBar()

    def told(done: int, total: int) -> None:
        nonlocal shown
        if sys.stderr.isatty():
            line = bar.line(done, total, shutil.get_terminal_size().columns)
            print(f"\r{line:<{len(shown)}}", end="", file=sys.stderr, flush=True)
            shown = line

    try:
        return asyncio.run(download(model, told))
    finally:
        if shown:
            print(f"\r{' ' * len(shown)}\r", end="", file=sys.stderr, flush=True)
