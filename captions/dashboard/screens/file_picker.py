"""Choosing a file by typing its path, completed as in a shell, or from a list."""

import asyncio
import os
from pathlib import Path
from typing import ClassVar, NamedTuple

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from captions.dashboard.entry_text import safe

MOST_LISTED = 1_000
"""Of a folder with more entries that fit, so many are listed; typing more narrows them down."""


class Found(NamedTuple):
    """An entry of a folder: its name as it is, and as it can be shown and typed."""

    name: str
    shown: str
    folder: bool


def read_folder(folder: Path) -> list[Found]:
    """Return what is in a folder, folders first, by name. Raises OSError."""
    with os.scandir(folder) as entries:
        found = [Found(entry.name, safe(entry.name), entry.is_dir()) for entry in entries]
    return sorted(found, key=lambda entry: (not entry.folder, entry.shown.casefold()))


def narrowed(entries: list[Found], typed: str) -> list[Found]:
    """Return the entries that `typed` begins, in any case; hidden ones only after a dot was typed."""
    return [
        entry
        for entry in entries
        if entry.shown.casefold().startswith(typed.casefold()) and (typed or not entry.shown.startswith("."))
    ]


def completed(entries: list[Found], typed: str) -> str:
    """Return `typed` with what all entries that fit have in common added, and a slash behind a single folder."""
    if not entries:
        return typed
    common = os.path.commonprefix([entry.shown for entry in entries])  # noqa: RUF071 - of characters, not of folders
    if len(common) < len(typed):  # they differ in case
        return typed
    return common + os.sep if len(entries) == 1 and entries[0].folder else common


class FilePicker(ModalScreen[Path | None]):
    """Ends with the file's path, or None. A name with control characters is shown and completed without them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back", id="picker.cancel"),
        Binding("tab", "complete", "Complete", priority=True, id="picker.complete"),
        Binding("down", "list", "To the list", show=False, id="picker.list"),
    ]

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._entries: list[Found] = []
        self._listed: list[Found] = []
        self._read: Path | None = None

    def compose(self) -> ComposeResult:
        """The path, what is wrong with it, and what is there."""
        with Vertical(id="picker"):
            yield Label("Open an audio or video file", classes="title")
            yield Input(self._shown(self._folder), id="path", compact=True, select_on_focus=False)
            yield OptionList(id="files", compact=True)
            yield Static("", id="picker-note", markup=False)

    def on_mount(self) -> None:
        """List the folder."""
        self.query_one(Input).cursor_position = len(self.query_one(Input).value)
        self._list()

    @staticmethod
    def _shown(folder: Path) -> str:
        return safe(str(folder)).rstrip(os.sep) + os.sep

    def _split(self) -> tuple[Path, str]:
        """The folder that is typed, and the beginning of a name after it."""
        value = self.query_one(Input).value
        folder, _, typed = value.rpartition(os.sep)
        if value in ("~", "..", "."):
            folder, typed = value, ""
        if self._shown(self._folder) == folder + os.sep:
            return self._folder, typed  # which may hold what cannot be typed
        try:
            return Path(folder or (os.sep if value.startswith(os.sep) else ".")).expanduser(), typed
        except RuntimeError:  # ~name of nobody
            return Path(folder), typed

    @on(Input.Changed)
    def _typed(self) -> None:
        self._list()

    @work(exclusive=True, group="folder")
    async def _list(self) -> None:
        folder, typed = self._split()
        note = ""
        if folder != self._read:
            try:
                self._entries = await asyncio.to_thread(read_folder, folder)
                self._folder = self._read = folder
            except OSError as error:
                self._entries, self._read = [], None
                note = f"{self._shown(folder)} cannot be read: {error.strerror}."
        self._listed = narrowed(self._entries, typed)[:MOST_LISTED]
        files = self.query_one("#files", OptionList)
        files.clear_options()
        files.add_options(Option(Content(entry.shown + (os.sep if entry.folder else ""))) for entry in self._listed)
        if not note and not self._listed:
            note = "Nothing here begins like this." if typed else "This folder is empty."
        elif not note and len(self._listed) == MOST_LISTED:
            note = f"The first {MOST_LISTED} are listed; type to narrow them down."
        self.query_one("#picker-note", Static).update(note or "Tab completes · Enter opens · ↓ list · Esc back")

    def _go(self, folder: Path) -> None:
        self._folder = folder
        field = self.query_one(Input)
        field.value = self._shown(folder)
        field.cursor_position = len(field.value)

    @on(Input.Submitted)
    async def _submitted(self) -> None:
        folder, typed = self._split()
        exact = next((entry for entry in self._entries if entry.shown == typed), None)
        path = folder / (exact.name if exact else typed)
        if await asyncio.to_thread(path.is_dir):
            self._go(path)
        elif await asyncio.to_thread(path.exists):
            self.dismiss(path)
        elif len(self._listed) == 1 and self._read == folder:
            self._take(self._listed[0])
        else:
            self.query_one("#picker-note", Static).update(f"There is no file {safe(str(path))}.")

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self._take(self._listed[event.option_index])

    def _take(self, entry: Found) -> None:
        path = self._folder / entry.name
        if entry.folder:
            self._go(path)
            self.query_one(Input).focus()
        else:
            self.dismiss(path)

    def action_complete(self) -> None:
        """Add to the path what is certain."""
        field = self.query_one(Input)
        field.focus()
        _, typed = self._split()
        addition = completed(self._listed, typed)
        if addition != typed:
            field.value = field.value[: len(field.value) - len(typed)] + addition
            field.cursor_position = len(field.value)

    def action_list(self) -> None:
        """Go from the path to the list."""
        self.query_one("#files").focus()
