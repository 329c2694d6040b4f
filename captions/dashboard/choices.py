"""What a person chooses in the dashboard: in force at once, saved in the settings file or remembered when asked to."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from captions.remembered import memorable, remember
from captions.settings import Settings
from captions.settings_file import save
from captions.settings_sources import Loaded, lasts


class Choices:
    """The settings in force, those of the file and of the start, and what is kept for the next run."""

    def __init__(self, loaded: Loaded, folder: Path | None = None) -> None:
        """Begin with what was loaded; `folder` is from which a file was opened last in an earlier run."""
        self.settings = loaded.settings
        self.loaded = loaded
        self.chosen: dict[str, object] = {}
        self._opened: Path | None = None
        self.folder = _folder_of(loaded.settings.input, folder)
        """Where a file is looked for."""

    def take(self, name: str, settings: Settings) -> None:
        """Have `settings` in force, of which one was changed."""
        self.settings = settings
        if memorable(name, value := getattr(settings, name)):
            self.chosen[name] = value

    def open_from(self, folder: Path) -> None:
        """A file was opened from there."""
        self.folder = self._opened = folder

    @property
    def unsaved(self) -> Mapping[str, Any]:
        """What would be otherwise at the next start."""
        return self.loaded.unsaved(self.settings)

    def save(self, settings: Settings, changes: Mapping[str, Any]) -> str:
        """Write `changes`, the unsaved ones of `settings`, into the file, and return a sentence for the person.

        Does file work: call it off the event loop. Raises SettingError.
        """
        save(changes, self.loaded.file)
        told = self.loaded.told(changes)
        self.loaded = self.loaded.saved(settings, changes)
        return told

    def remember(self) -> None:
        """Keep what is remembered for the next run."""
        remember(self.chosen, self._opened)


def _folder_of(name: str, remembered: Path | None) -> Path:
    """Where a file is first looked for: beside the one that is played, else where one was opened last."""
    if remembered is not None and remembered.is_dir() and (name == "sample" or lasts("input", name)):
        return remembered
    path = Path(name).expanduser()
    return path.absolute().parent if path.parent.is_dir() else Path.cwd()
