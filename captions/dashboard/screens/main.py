"""The screen under all others."""

from textual.binding import ActiveBinding
from textual.screen import Screen

from captions.dashboard.keys import UNBOUND


class MainScreen(Screen[None]):
    """Shows in its footer, and lists as help, only what a key does."""

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """The bindings that have a key, by it."""
        return {key: active for key, active in super().active_bindings.items() if key != UNBOUND}
