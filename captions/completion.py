"""Completion of what is typed in a shell: commands, flags, values of settings, devices, sessions and files.

argcomplete brings the shells' side and the way from a line to the flag that is being typed. The program is run for
each press of Tab, so nothing heavy is imported here, and what goes wrong says nothing: it would land in the line.
"""

import argparse
import contextlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
from argcomplete.completers import SuppressCompleter
from argcomplete.finders import CompletionFinder
from argcomplete.shell_integration import shellcode

from captions.plain_text import plain
from captions.settings import ROWS, data_folder

if TYPE_CHECKING:
    from captions.audio.devices import Device

LISTING_SECONDS = 2.0
"""How long a person who pressed Tab waits for the list of devices at most."""
LISTING_LASTS = 30.0
"""Seconds for which a list of devices is taken for true: long enough to type a name with several presses of Tab."""
MOST_SESSIONS = 50

Complete = Callable[..., Iterable[str]]


def script(shell: str) -> str:
    """Return the script for bash, zsh or fish."""
    # With argcomplete's own options bash would offer files wherever there is nothing to offer.
    return shellcode(["captions"], shell=shell, complete_arguments=["-o", "nospace"])


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer the shell that asks, by the variables of argcomplete, and end the process."""
    try:
        commands = _commands(parser)
        for command in commands.values():
            _teach(command)
        finder = Finder(parser)
        finder.commands = commands
        finder(parser, always_complete_options=False, default_completer=SuppressCompleter())
    except Exception:
        os._exit(1)


class Finder(CompletionFinder):
    """Completes the flags and the source of `live` as well where no command is named."""

    commands: dict[str, argparse.ArgumentParser]

    def _get_completions(self, comp_words: list[str], *rest: Any) -> list[str]:
        first = comp_words[1] if len(comp_words) > 1 else ""
        if first and first not in (*self.commands, "-h", "--help", "--version"):
            comp_words.insert(1, "live")
        return super()._get_completions(comp_words, *rest)  # type: ignore[no-any-return,no-untyped-call]

    def collect_completions(
        self, active_parsers: list[argparse.ArgumentParser], parsed_args: argparse.Namespace, cword_prefix: str
    ) -> list[str]:
        """As in argcomplete."""
        found = super().collect_completions(active_parsers, parsed_args, cword_prefix)
        if len(active_parsers) > 1:
            return found
        if not cword_prefix.startswith("-"):
            return [*found, *sources(cword_prefix)]
        flags = (flag for action in self.commands["live"]._actions for flag in action.option_strings)
        return [*found, *(flag for flag in flags if flag.startswith(cword_prefix))]


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    return dict(next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction)).choices)


def _teach(parser: argparse.ArgumentParser) -> None:
    """Say of each argument how it is completed."""
    for action in parser._actions:
        if action.choices is None and (completer := _completer(action)) is not None:
            action.completer = completer  # type: ignore[attr-defined]


def _completer(action: argparse.Action) -> Complete | None:
    name = action.dest.removeprefix("setting_")
    if name in ("input", "source"):
        return lambda prefix, **_: sources(prefix)
    if name == "session":
        return lambda prefix, **_: sessions()
    if action.type is Path or name.endswith("_file"):
        return lambda prefix, **_: files(prefix)
    if name in ROWS and (values := ROWS[name].choices or ROWS[name].suggestions):
        return lambda prefix, **_: map(str, values)
    return None


def sources(prefix: str) -> list[str]:
    """Return the names of sources that begin so: devices once their kind is typed, and files."""
    for kind in ("microphone", "monitor"):
        if prefix.startswith(f"{kind}:"):
            names = [f"{kind}:{name}" for name in _devices(kind)]
            # A name may be typed in part, in any case; completing it needs its beginning.
            return [name for name in dict.fromkeys(names) if name.startswith(prefix)]
    named = ("sample", "microphone", "microphone:", "monitor", "monitor:")
    return [*(name for name in named if name.startswith(prefix)), *files(prefix)]


def sessions() -> list[str]:
    """Return the names of the newest sessions, which are those of their files."""
    names = sorted((path.stem for path in (data_folder() / "sessions").glob("*.jsonl")), reverse=True)
    return [name for name in names if plain(name) == name][:MOST_SESSIONS]


def files(prefix: str) -> Iterator[str]:
    """Yield the paths that begin so, folders with a slash at their end.

    Names that a terminal could obey, or that cannot be written out, are left out.
    """
    folder, slash, part = prefix.rpartition("/")
    try:
        entries = sorted(os.scandir(Path(folder + slash).expanduser()), key=lambda entry: entry.name)
    except (OSError, RuntimeError):  # no such folder, or no such user
        return
    for entry in entries:
        hidden = entry.name.startswith(".") and not part.startswith(".")
        if entry.name.startswith(part) and not hidden and plain(entry.name) == entry.name:
            yield f"{folder}{slash}{entry.name}{'/' if entry.is_dir() else ''}"


def _devices(kind: str) -> list[str]:
    """Return the names of the devices of a kind: from a short while ago, or listed now if that does not take long."""
    path = platformdirs.user_cache_path("captions") / "devices.json"
    kept: dict[str, list[str]] = {}
    with contextlib.suppress(OSError, ValueError):
        kept = json.loads(path.read_bytes())
        if 0 <= time.time() - path.stat().st_mtime < LISTING_LASTS:
            return kept.get(kind, [])
    import asyncio

    from captions.audio.devices import list_devices
    from captions.errors import InputError
    from captions.settings_file import write_whole

    async def listed() -> "list[Device]":
        return await asyncio.wait_for(list_devices(), LISTING_SECONDS)

    try:
        devices = asyncio.run(listed())
    except (InputError, TimeoutError):
        return kept.get(kind, [])
    names = {each: [device.name for device in devices if device.kind == each] for each in ("microphone", "monitor")}
    with contextlib.suppress(OSError):  # a home that cannot be written: the list is made again for the next press
        write_whole(path, json.dumps(names).encode())
    return names[kind]
