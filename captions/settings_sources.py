"""Where settings come from: later sources win.

Defaults < what the dashboard remembers < TOML file < environment < flags.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from captions.errors import SettingError
from captions.settings import ROWS, SERVE_TOKEN_VARIABLE, Settings, nearest
from captions.settings_file import read, settings_file

REMEMBERED = "remembered"
"""Where a value came from that the dashboard kept by itself from an earlier run."""
KEYS = "keys"
"""The table of the settings file that is no setting: the ids of bindings, and the keys that they get."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and for each the place that set it.

    `origin` is "default", "remembered", a file's path, a variable's name or a flag. `filed` holds what the settings
    file says, `keys` its keys by the id of their binding. `file` is the settings file, there or not.
    """

    settings: Settings
    origin: Mapping[str, str] = field(default_factory=lambda: dict.fromkeys(ROWS, "default"))
    file: Path = field(default_factory=settings_file)
    filed: Mapping[str, Any] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)

    def unsaved(self, now: Settings) -> dict[str, Any]:
        """Return what was changed to `now` since these were loaded, and would not be so at the next start.

        That leaves out what the file or the default says anyway, and what is remembered without being saved. An
        input that is no microphone is never saved: a file must not begin to play by itself.
        """
        changes = {}
        for row in ROWS.values():
            value = getattr(now, row.name)
            here = self.filed.get(row.name, row.default)
            if value in (getattr(self.settings, row.name), here) or not lasts(row.name, value):
                continue
            if not row.remembered or row.name in self.filed:
                changes[row.name] = value
        return changes

    def saved(self, now: Settings, changes: Mapping[str, Any]) -> "Loaded":
        """Return these as they are after `changes` were saved and `now` is in force."""
        return replace(self, settings=now, filed={**self.filed, **changes})

    def told(self, changes: Mapping[str, Any]) -> str:
        """Return a sentence that says what was saved, and what will overrule it at the next start all the same."""
        overruled = [self.origin[name] for name in changes if self.origin[name] in ROWS[name].variables]
        sentence = f"Saved in {self.file}: {', '.join(changes)}."
        return f"{sentence} The environment overrules it by {', '.join(overruled)}." if overruled else sentence


def lasts(name: str, value: object) -> bool:
    """Whether a setting's value may hold for another run: not what is of one session, nor a file or an address."""
    if name == "input":
        return value == "auto" or str(value).partition(":")[0] in ("microphone", "monitor")
    return name not in ("title", "output")


def load(
    flags: Mapping[str, object],
    environment: Mapping[str, str] = os.environ,
    file: Path | None = None,
    remembered: Mapping[str, object] | None = None,
) -> Loaded:
    """Put the settings together from all their sources.

    `flags` holds what was typed, `remembered` what an earlier run left, by setting name. `file` is a TOML file that
    must exist; without one, the usual file is read if it is there. Raises SettingError for an unknown key, a bad value
    or an unreadable file.
    """
    values: dict[str, Any] = {}
    origin = dict.fromkeys(ROWS, "default")
    for name, value in (remembered or {}).items():
        values[name], origin[name] = ROWS[name].parse(value, REMEMBERED), REMEMBERED
    where = str(file or settings_file())
    filed: dict[str, Any] = {}
    keys: dict[str, str] = {}
    for name, value in read(file).items():
        if name == KEYS:
            keys = _keys(value, where)
        elif name not in ROWS:
            raise SettingError(f"{where}: there is no setting {name!r}.", nearest(name, ROWS))
        else:
            filed[name], origin[name] = ROWS[name].parse(value, where), where
    values |= filed
    for row in ROWS.values():
        for variable in row.variables:
            if environment.get(variable):
                values[row.name], origin[row.name] = row.parse(environment[variable], variable), variable
    known = [row.variable for row in ROWS.values()]
    for variable in environment:
        if variable.startswith("CAPTIONS_") and variable not in (*known, SERVE_TOKEN_VARIABLE):
            raise SettingError(f"There is no setting for the variable {variable}.", nearest(variable, known))
    for name, value in flags.items():
        values[name], origin[name] = ROWS[name].parse(value, ROWS[name].flag), ROWS[name].flag
    return Loaded(Settings(**values), origin, file or settings_file(), filed, keys)


def _keys(table: object, where: str, prefix: str = "") -> dict[str, str]:
    """The table of keys; an id with a dot may be written without quotes, which to TOML is a table in a table."""
    if not isinstance(table, dict):
        raise SettingError(
            f"{where}: {prefix.rstrip('.') or KEYS} is {table!r}, but must be keys.",
            'Write it as in pause = "p", several keys as in "p,space", and no key as in "".',
        )
    keys: dict[str, str] = {}
    for name, value in table.items():
        keys |= {prefix + name: value} if isinstance(value, str) else _keys(value, where, f"{prefix}{name}.")
    return keys
