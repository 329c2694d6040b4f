"""An app that is nothing but a log, for tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from textual.app import App, ComposeResult
from textual.pilot import Pilot

from captions.dashboard.app import CaptionsApp
from captions.dashboard.caption_log import CaptionLog
from captions.dashboard.log_pane import LogPane
from captions.dashboard.themes import DARK
from tests.dashboard.conftest import until


class LogApp(App[None]):
    """Nothing but a log."""

    CSS_PATH = CaptionsApp.CSS_PATH

    def __init__(self) -> None:
        super().__init__()
        self.register_theme(DARK)
        self.theme = DARK.name
        self.pane = LogPane()

        self.wanted: list[CaptionLog.MarkWanted] = []

    def compose(self) -> ComposeResult:
        yield self.pane

    def on_caption_log_mark_wanted(self, message: CaptionLog.MarkWanted) -> None:
        self.wanted.append(message)


@asynccontextmanager
async def open_log(columns: int = 80, lines: int = 10) -> AsyncIterator[tuple[CaptionLog, Pilot[None]]]:
    app = LogApp()
    async with app.run_test(size=(columns, lines)) as pilot:
        await until(pilot, lambda: app.pane.log_view.size.width)
        app.pane.log_view.focus()
        yield app.pane.log_view, pilot


def lines_of(log: CaptionLog) -> list[str]:
    return [log.render_line(y).text.rstrip() for y in range(log.size.height)]
