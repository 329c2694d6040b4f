"""What most programs of this kind do, for comparison: Textual's widgets as they come, told the same as the dashboard.

A RichLog with the captions, a Static with the partial, a Static with the level, a Header with a clock and a Footer, by
Textual's own driver. `python naive_dashboard.py REPORT`, with the options of talking_dashboard.py.
"""

import asyncio
import sys
from pathlib import Path
from typing import ClassVar

sys.path.insert(0, str(Path(__file__).parents[2]))

from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.widgets import Footer, Header, RichLog, Static

from captions.events import Event, Final, Level, Partial
from captions.settings import Settings
from tests.dashboard.talking_dashboard import TalkingEngine, options, said_before


class NaiveDashboard(App[None]):
    """Shows each event as it comes."""

    BINDINGS: ClassVar[list[BindingType]] = [("q", "quit", "Quit")]

    def compose(self) -> ComposeResult:
        """Level, captions, partial."""
        yield Header(show_clock=True)
        yield Static(id="level")
        yield RichLog(wrap=True, min_width=1)
        yield Static(id="partial")
        yield Footer()

    def on_mount(self) -> None:
        """Begin."""
        self.engine = TalkingEngine(self.show, Settings())
        for caption in said_before(TalkingEngine.asked_for.captions):
            self.show(caption)
        self.running = asyncio.create_task(self.engine.run())

    def show(self, event: Event) -> None:
        """Show an event."""
        if isinstance(event, Level):
            self.query_one("#level", Static).update("█" * round(60 + event.rms) + f" {event.rms:.0f} dB")
        elif isinstance(event, Partial):
            self.query_one("#partial", Static).update(event.text)
        elif isinstance(event, Final):
            self.query_one(RichLog).write(f"{event.wall:%H:%M:%S}  {event.text}")
            self.query_one("#partial", Static).update("")

    async def action_quit(self) -> None:
        """Let the engine report, and end."""
        await self.engine.stop()
        self.exit()


if __name__ == "__main__":
    TalkingEngine.asked_for = options()
    NaiveDashboard().run()
