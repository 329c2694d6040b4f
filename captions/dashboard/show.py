"""`captions show`: a session that is kept, in the log in which captions are read, followed while it goes on."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Footer, Static

from captions.dashboard.caption_log import CaptionLog
from captions.dashboard.entry_text import safe
from captions.dashboard.log_pane import LogPane
from captions.dashboard.messages import TerminalGone
from captions.dashboard.terminal_app import TerminalApp, on_signals
from captions.dashboard.themes import THEMES
from captions.errors import StorageError
from captions.events import Entry, Mark, Titled
from captions.settings_sources import Loaded
from captions.transcript.follow import follow_in_batches
from captions.transcript.formats import About
from captions.transcript.sessions import StoredSession, read_session
from captions.transcript.transcript import Transcript

HANGUP = 1


class ShowApp(TerminalApp):
    """What session it is, its captions, and the keys."""

    TITLE = "captions show"
    ENABLE_COMMAND_PALETTE = False
    # By the same ids as in the dashboard: a person's keys are the same in both.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,f1", "help", "Help", key_display="?", tooltip="All keys", id="help"),
        Binding("q", "quit", "Quit", tooltip="End", id="quit"),
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True, tooltip="End", id="quit.anywhere"),
        Binding("e", "export", "Export", tooltip="Write the transcript to a file", id="session.export"),
        Binding("t", "theme", "Theme", show=False, tooltip="The next colours", id="theme"),
        Binding("ctrl+z", "nothing", show=False, id="suspend"),
    ]

    def __init__(self, loaded: Loaded, session: StoredSession, add_to: Callable[[Path, Entry], None]) -> None:
        """Show `session`. `add_to` adds an entry to a journal, and raises StorageError when that cannot be."""
        super().__init__(loaded)
        self.session = session
        self.entries: list[Entry] = []
        """All that lasts, also what the log has no row for."""
        self.reading = True
        """Whether what was said so far is still being read."""
        self._add_to = add_to
        self._adding = asyncio.Lock()
        self._theme = loaded.settings.theme
        self.header = Static("", id="session", markup=False)
        self.pane = LogPane()
        self.captions = self.pane.log_view
        self.captions.low_bandwidth = self.low_bandwidth

    def compose(self) -> ComposeResult:
        """The session, its captions, and the keys."""
        yield self.header
        yield self.pane
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Read the session once there is a screen."""
        on_signals(lambda number: self.exit(return_code=128 + number))
        self._show_header()
        self.captions.focus()
        self.call_after_refresh(self._read)

    @on(TerminalGone)
    def _terminal_gone(self) -> None:
        self.exit(return_code=128 + HANGUP)

    @property
    def about(self) -> About:
        """What the transcript is of."""
        return About(self.session.started, self.session.ended, self.session.title)

    def _show_header(self) -> None:
        session = self.session
        count = self.captions.transcript.captions
        if self.reading:
            state = "reading…"
        else:
            state = f"{count:,} caption{'' if count == 1 else 's'}"
            state += " · goes on" if session.running else " · cut off" if session.cut_off else ""
        title = [safe(session.title)] if session.title else []
        self.header.update(" · ".join([*title, self.about.when, state]))

    # Reading it

    @work(group="read", exit_on_error=False)
    async def _read(self) -> None:
        try:
            async with contextlib.aclosing(follow_in_batches(self.session.path)) as batches:
                async for batch in batches:
                    self._take(batch)
                    if self.reading and not batch:
                        await self._open()
                    elif not self.reading and batch:
                        self.captions.add(batch)
                        self._show_header()
        except StorageError as error:
            self.tell(str(error), "error")
        ended = await asyncio.to_thread(read_session, self.session.path)
        self.session = ended or self.session
        if self.reading:
            await self._open()
        self._show_header()

    def _take(self, batch: list[Entry]) -> None:
        self.entries += batch
        for entry in batch:
            if isinstance(entry, Titled):
                self.session = replace(self.session, title=entry.title)

    async def _open(self) -> None:
        transcript = await asyncio.to_thread(Transcript, self.entries)
        self.captions.open(transcript)
        self.reading = False
        self._show_header()

    # What the person does

    @on(CaptionLog.MarkWanted)
    def _mark_wanted(self, message: CaptionLog.MarkWanted) -> None:
        self._mark(Mark(message.track, message.time, datetime.now(UTC), message.removed))

    @work(group="mark", exit_on_error=False)
    async def _mark(self, mark: Mark) -> None:
        async with self._adding:
            try:
                await asyncio.to_thread(self._add_to, self.session.path, mark)
            except StorageError as error:
                self.tell(str(error), "error")
                return
        self.entries.append(mark)
        self.captions.add([mark])

    def action_export(self) -> None:
        """Write the transcript to a file."""
        from captions.dashboard.screens.export import ask_and_export

        ask_and_export(self, self.about, self.entries)

    def action_theme(self) -> None:
        """Change to the next colours."""
        names = list(THEMES)
        self._theme = names[(names.index(self._theme) + 1) % len(names)]
        self.theme = THEMES[self._theme].name
