"""The caption log, and over its last row a pill that leads back to the live end."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Container
from textual.message import Message
from textual.widgets import Static

from captions.dashboard.caption_log import CaptionLog


class Pill(Static):
    """How many captions are new, and the key that leads to them."""

    ALLOW_SELECT: ClassVar[bool] = False

    class Pressed(Message):
        """The person clicked it."""

    def on_click(self) -> None:
        """Go to the live end."""
        self.post_message(self.Pressed())


class LogPane(Container):
    """Holds the log and the pill."""

    def __init__(self) -> None:
        super().__init__(id="log-pane")
        self.log_view = CaptionLog(id="log")
        self.pill = Pill("", id="pill", markup=False)

    def compose(self) -> ComposeResult:
        """The log, and the pill over it."""
        yield self.log_view
        yield self.pill

    @on(CaptionLog.Moved)
    def _show_pill(self) -> None:
        log = self.log_view
        self.pill.display = not log.following
        if not log.following:
            self.pill.update(f"{log.unseen} new · End ↓" if log.unseen else "End: back to now ↓")

    @on(Pill.Pressed)
    def _follow(self) -> None:
        self.log_view.follow()
        self.log_view.focus()
