"""Everything left of the screen, wired together: settings in, events out.

The dashboard's worker and the headless command both run this, and nothing else, so that a feature works in both.
"""

from collections.abc import Callable
from typing import Protocol

from captions.events import Event
from captions.settings import Settings


class Controls(Protocol):
    """What a person can do to a running session. All are called on the engine's event loop and return at once."""

    settings: Settings
    languages: tuple[str, ...]
    paused: bool
    playing: bool

    async def run(self) -> None: ...
    def use_input(self, name: str) -> None: ...
    def change_settings(self, settings: Settings) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def seek_by(self, seconds: float) -> None: ...
    def restart(self) -> None: ...
    async def stop(self, drain: float = 2.0) -> None: ...


OnEvent = Callable[[Event], None]
