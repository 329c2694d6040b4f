"""What the dashboard and `captions show` have in common: looks, keys, help, and how they are drawn in a terminal."""

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rich.color import ColorSystem
from rich.console import RenderableType
from textual import events
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App
from textual.driver import Driver
from textual.geometry import Size
from textual.screen import Screen
from textual.widgets import Input

from captions.dashboard.entry_text import safe
from captions.dashboard.keys import keymap, shown
from captions.dashboard.screens.main import MainScreen
from captions.dashboard.themes import THEMES
from captions.errors import ExitCode
from captions.settings import log_folder
from captions.settings_sources import Loaded

if TYPE_CHECKING:
    from captions.dashboard.figures import Terminal

HERE = Path(__file__).parent


class TerminalApp(App[None]):
    """An app in our colours and with a person's keys, which our own driver draws where it can."""

    # In the wheel the style sheet lies beside this file, in the source tree at the top.
    CSS_PATH = next(
        (path for path in (HERE / "captions.tcss", HERE.parents[1] / "captions.tcss") if path.exists()), None
    )
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide"), (150, "-roomy")]  # noqa: RUF012 - Textual declares no ClassVar
    VERTICAL_BREAKPOINTS = [(0, "-low"), (20, "-high"), (28, "-tall")]  # noqa: RUF012

    def __init__(self, loaded: Loaded) -> None:
        """Take colours and keys from the settings. Raises SettingError for keys that cannot be."""
        super().__init__()
        self.animation_level = "none"
        self.low_bandwidth = loaded.settings.low_bandwidth
        """Whether colours are few, for a slow link."""
        self.words_since: float | None = None
        """When the oldest of the words came that are to be painted, by time.monotonic."""
        self._terminal_size = Size()
        for theme in THEMES.values():
            self.register_theme(theme)
        self.theme = THEMES[loaded.settings.theme].name
        self.set_keymap(keymap(loaded.keys, str(loaded.file)))

    def get_default_screen(self) -> Screen[Any]:
        """Our own, which leaves out keys that do nothing."""
        return MainScreen(id="_default")

    def get_driver_class(self) -> type[Driver]:
        """Our own driver in place of the one for Linux and macOS, where there is a terminal for it."""
        stock = super().get_driver_class()
        from textual.drivers.linux_driver import LinuxDriver

        if stock is not LinuxDriver:
            return stock
        from captions.dashboard.driver import TerminalDriver, terminal_is_there

        return TerminalDriver if terminal_is_there() else stock

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """Leave it to our driver to write what changed, where that is the driver."""
        paint = getattr(self._driver, "paint", None)
        if paint is None or not isinstance(renderable, ChopsUpdate | LayoutUpdate) or self._batch_count:
            super()._display(screen, renderable)
            return
        if self._running and not self._closed:
            colors = self.console._color_system or ColorSystem.TRUECOLOR
            if self.low_bandwidth:
                colors = min(colors, ColorSystem.STANDARD)
            cursor = self.cursor_position if isinstance(self.focused, Input) else None
            paint(renderable, colors, cursor, self.words_since)
            self.words_since = None

    @property
    def _background_screens(self) -> list[Screen[Any]]:
        """None under a screen that hides them; Textual would paint that anew for whatever changes beneath."""
        return [] if self.screen.styles.background.a == 1 else super()._background_screens

    def on_resize(self, event: events.Resize) -> None:
        """Take nothing for granted of what a terminal does with its rows when its size changes."""
        if event.size == self._terminal_size and hasattr(self._driver, "paint"):  # it was another one meanwhile
            terminal = cast("Terminal", self._driver)
            terminal.forget()
            self.call_after_refresh(terminal.repaint)
        self._terminal_size = event.size

    def tell(self, message: str, severity: str = "information") -> None:
        """Show a short message for a few seconds."""
        self.notify(safe(message), severity="error" if severity == "error" else "information", markup=False)

    def action_help(self) -> None:
        """Show the keys."""
        from captions.dashboard.screens.help import HelpScreen, keys_by_group

        self.push_screen(HelpScreen(keys_by_group(self.active_bindings.values(), self.get_key_display)))

    def action_help_quit(self) -> None:
        """Say how to quit to who pressed Ctrl-C."""
        self.tell(f"Press {shown(self, 'quit')} to quit.")

    def action_nothing(self) -> None:
        """Do nothing."""


def on_signals(end: Callable[[int], None]) -> None:
    """Have the signals that end a process handled by `end`, on the running event loop, where that can be."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, end, number)


def run_in_terminal(app: TerminalApp) -> int:
    """Run an app until the person quits, and return the exit code.

    What libraries print on standard error meanwhile goes to dashboard.log in the log folder.
    """
    log = log_folder() / "dashboard.log"
    with contextlib.ExitStack() as stack:
        if app.driver_class.__module__ == "captions.dashboard.driver":
            from captions.dashboard.driver import standard_error_to

            stack.enter_context(standard_error_to(log))
            logging.basicConfig(stream=sys.__stderr__, level=logging.WARNING)
        app.run()
    code = app.return_code or 0
    if code == ExitCode.INTERNAL:
        print(f"captions: the dashboard ended because of an error inside it. Details are in {log}.", file=sys.stderr)
    return code
