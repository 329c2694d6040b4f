"""What the dashboard keeps from one run to the next by itself, in a small file beside its log.

Of the settings those with `remembered=True`, as a person last chose them in the dashboard, and the folder from which
a file was opened last. Of inputs only microphones are kept: a file must not begin to play by itself. How much a link
bears is a matter of the link, so `low_bandwidth` is kept for sessions over SSH and for others apart.

The file is the program's own: one that is damaged or cannot be read is as good as none, and is written anew.
"""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs

from captions.errors import SettingError
from captions.settings import ROWS
from captions.settings_file import write_whole
from captions.settings_sources import REMEMBERED, lasts

FOLDER = "folder"


@dataclass(frozen=True, slots=True)
class Remembered:
    """What an earlier run left."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    folder: Path | None = None
    """From which a file was opened last."""


def memory_file() -> Path:
    """Where it is kept; without the file everything is forgotten."""
    return platformdirs.user_state_path("captions") / "remembered.json"


def memorable(name: str, value: object) -> bool:
    """Whether a setting that got this value in the dashboard is kept for the next run."""
    return ROWS[name].remembered and lasts(name, value)


def recall(environment: Mapping[str, str] = os.environ) -> Remembered:
    """Return what is remembered; what makes no sense is left out."""
    kept = _read()
    settings = {}
    for row in ROWS.values():
        key = _key(row.name, environment)
        if row.remembered and key in kept:
            try:
                value = row.parse(kept[key], REMEMBERED)
            except SettingError:
                continue
            if lasts(row.name, value):
                settings[row.name] = value
    folder = kept.get(FOLDER)
    return Remembered(settings, Path(folder) if isinstance(folder, str) and folder else None)


def remember(
    settings: Mapping[str, object], folder: Path | None = None, environment: Mapping[str, str] = os.environ
) -> None:
    """Keep these settings, which are `memorable`, and this folder, beside what is remembered already.

    Does file work: call it off the event loop. A failure is logged only; nobody's captions depend on it.
    """
    changes: dict[str, object] = {_key(name, environment): value for name, value in settings.items()}
    if changes.get("input") == "microphone":
        changes["input"] = "auto"  # the default one, or where there is none the next time, the sample
    if folder is not None:
        changes[FOLDER] = str(folder)
    if not changes:
        return
    try:
        write_whole(memory_file(), (json.dumps({**_read(), **changes}, indent=1) + "\n").encode())
    except OSError as error:
        logging.getLogger("captions").warning("Nothing can be remembered in %s: %s", memory_file(), error)


def _key(name: str, environment: Mapping[str, str]) -> str:
    return f"{name} over SSH" if name == "low_bandwidth" and environment.get("SSH_CONNECTION") else name


def _read() -> dict[str, Any]:
    try:
        kept = json.loads(memory_file().read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return kept if isinstance(kept, dict) else {}
