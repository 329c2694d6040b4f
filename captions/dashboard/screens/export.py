"""Asks in which format, from when to when and into which file a transcript is to be written, and writes it."""

import asyncio
import os
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.reactive import reactive
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static

from captions.dashboard.entry_text import safe
from captions.dashboard.terminal_app import TerminalApp
from captions.errors import SettingError, StorageError
from captions.events import Entry, Final
from captions.plain_text import plain
from captions.settings_file import write_whole
from captions.transcript.export import FORMATS, export
from captions.transcript.formats import About
from captions.transcript.live_file import format_of
from captions.transcript.places import time_at
from captions.transcript.transcript import Transcript

NAMES = tuple(FORMATS)
LONGEST_NAME = 60
"""Characters of a title in a file's name: as many as fit in 255 bytes whatever they are."""
MOMENTS = "14:05, minute 30, -5 minutes before the end, or mark"
KEYS = "↑↓ rows · ←→ format · Enter writes · Esc back"


def file_name(about: About) -> str:
    """Return what a file of the transcript is called, without a suffix: the title, or when the session began."""
    title = re.sub(r'[\\/:*?"<>|~]+', "-", plain(about.title)).strip(" .-")[:LONGEST_NAME].strip()
    return title or f"{about.started.astimezone():%Y-%m-%d %H.%M.%S}"


def write_export(path: Path, about: About, entries: Sequence[Entry], since: str, until: str) -> None:
    """Write the transcript from and to a time that was typed into a file, in the format that its suffix names.

    The file is whole, or as it was. Does file work: call it off the event loop. Raises SettingError, StorageError, and
    ValueError with a sentence for times.
    """
    name, now = format_of(path), datetime.now().astimezone()
    transcript = Transcript(entries)
    begin, end = (time_at(typed, transcript, now) if typed.strip() else None for typed in (since, until))
    text = "".join(export(name, about, entries, since=begin, until=end))
    try:
        write_whole(path, text.encode("utf-8", "replace"))
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror or error}.") from None


class FormatRow(Static, can_focus=True):
    """The formats side by side, one of them chosen."""

    ALLOW_SELECT: ClassVar[bool] = False
    chosen: reactive[str] = reactive(NAMES[0])

    class Chosen(Message):
        """The person chose another one."""

    def render(self) -> Text:
        """Return the names; brackets tell the chosen one where colours do not."""
        style = "bold reverse" if self.has_focus else "bold"
        return Text("").join(Text(f"[{name}]", style) if name == self.chosen else Text(f" {name} ") for name in NAMES)

    def turn(self, steps: int) -> None:
        """Choose the next format, or the one before."""
        self._choose(NAMES[(NAMES.index(self.chosen) + steps) % len(NAMES)])

    def on_click(self, event: events.Click) -> None:
        """Choose what is clicked."""
        column = 0
        for name in NAMES:
            column += len(name) + 2
            if event.x < column:
                self._choose(name)
                return

    def _choose(self, name: str) -> None:
        self.chosen = name
        self.post_message(self.Chosen())


class ExportScreen(ModalScreen[Path | None]):
    """Ends with the file that was written, or None. What goes wrong is told in it, and can be tried otherwise."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back", id="export.cancel"),
        Binding("enter", "write", "Write", tooltip="Write the file", id="export.write"),
        Binding("left", "turn(-1)", "Format before", show=False, id="export.format-before"),
        Binding("right", "turn(1)", "Next format", show=False, id="export.format-next"),
        Binding("up", "app.focus_previous", "Row before", show=False, id="export.up"),
        Binding("down", "app.focus_next", "Next row", show=False, id="export.down"),
    ]

    def __init__(self, about: About, entries: Sequence[Entry]) -> None:
        super().__init__()
        self._about = about
        self._entries = entries
        self._replace: Path | None = None
        """The file that a second Enter overwrites."""
        self._writing = False
        self.formats = FormatRow(id="export-format")
        self.since = Input(placeholder=f"the beginning; or {MOMENTS}", compact=True, select_on_focus=False)
        self.until = Input(placeholder="the end; or as above", compact=True, select_on_focus=False)
        self.file = Input(f"{file_name(about)}.{NAMES[0]}", compact=True, select_on_focus=False)
        self.note = Static(KEYS, classes="note", markup=False)

    def compose(self) -> ComposeResult:
        """Format, range, file, and what is wrong with them."""
        with Vertical(id="export"):
            yield Label("Export the transcript", classes="title")
            for name, editor in (
                ("Format", self.formats),
                ("From", self.since),
                ("Until", self.until),
                ("File", self.file),
            ):
                with Horizontal(classes="row"):
                    yield Label(name, classes="name")
                    yield editor
            yield self.note

    @on(FormatRow.Chosen)
    def _format_chosen(self) -> None:
        path = Path(self.file.value or file_name(self._about))
        known = path.suffix.lstrip(".").lower() in FORMATS
        stem = self.file.value[: -len(path.suffix)] if known else self.file.value or file_name(self._about)
        self.file.value = f"{stem}.{self.formats.chosen}"

    @on(Input.Changed)
    def _typed(self) -> None:
        self._replace = None
        self.note.update(KEYS)
        suffix = Path(self.file.value).suffix.lstrip(".").lower()
        if suffix in FORMATS:
            self.formats.chosen = suffix

    def action_turn(self, steps: int) -> None:
        """Choose another format, on its row."""
        if self.formats.has_focus:
            self.formats.turn(steps)

    @on(Input.Submitted)
    def action_write(self) -> None:
        """Write the file; over one that is there only when asked twice."""
        if not self._writing:
            self._writing = True
            self._write()

    @work(group="export", exit_on_error=False)
    async def _write(self) -> None:
        typed = self.file.value.strip()
        try:
            if not typed:
                raise ValueError("The file has no name.")
            path = await asyncio.to_thread(lambda: Path(typed).expanduser().absolute())
            format_of(path)
            if await asyncio.to_thread(path.is_dir):
                self.note.update(f"{safe(str(path))} is a folder.")
            elif path != self._replace and await asyncio.to_thread(os.path.lexists, path):
                self._replace = path
                self.note.update(f"{safe(str(path))} is there already. Enter again overwrites it; Esc goes back.")
            else:
                self.note.update("writing…")
                entries = list(self._entries)  # captions go on meanwhile
                await asyncio.to_thread(write_export, path, self._about, entries, self.since.value, self.until.value)
                self.dismiss(path)
        except (SettingError, StorageError, ValueError, RuntimeError) as error:
            self.note.update(safe(str(error)))
        finally:
            self._writing = False


def ask_and_export(app: TerminalApp, about: About, entries: Sequence[Entry]) -> None:
    """Ask, write, and tell where the file is. `entries` may grow meanwhile."""
    if not any(isinstance(entry, Final) for entry in entries):
        app.tell("There are no captions yet that could be written.")
        return

    def done(path: Path | None) -> None:
        if path is not None:
            app.tell(f"The transcript is in {path}.")

    app.push_screen(ExportScreen(about, entries), done)
