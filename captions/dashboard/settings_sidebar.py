"""The settings that can be changed while captions run, made from the table of settings."""

from collections.abc import Collection, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Input, Label, Select, Static, Switch

from captions.audio.names import is_address, shown_name
from captions.dashboard.entry_text import safe
from captions.dashboard.worker import Device
from captions.settings import ROWS, Group, Setting, Settings

AUTOMATIC, MICROPHONE, MONITOR, SAMPLE = "auto", "microphone", "monitor", "sample"
UNSAVED = " •"
"""Stands behind the name of a setting that was changed and not saved."""
Choices = list[tuple[Content, Any]]


def label_of(row: Setting) -> str:
    """What a setting is called on the screen."""
    return row.label or row.name.replace("_", " ").capitalize()


def input_choices(devices: Sequence[Device], current: str) -> Choices:
    """Return what can be listened to: labels of plain text, and the values of the setting `input`.

    Microphones come first, then, where there are any, the monitors: what the machine plays.
    """
    choices = [("Automatic", AUTOMATIC)]
    for kind in (MICROPHONE, MONITOR):
        named = [f"{kind}:{device.name}" for device in devices if device.kind == kind]
        if named or kind == MICROPHONE:
            choices += [(_input_label(value), value) for value in (kind, *named)]
    choices.append((_input_label(SAMPLE), SAMPLE))
    if current not in [value for _, value in choices]:
        choices.append((_input_label(current), current))
    return [(Content(safe(label)), value) for label, value in choices]


def _input_label(value: str) -> str:
    """What a value of the setting `input` is called."""
    kind, _, part = value.partition(":")
    if kind in (MICROPHONE, MONITOR):
        return f"{kind.capitalize()}: {part}" if part else f"Default {kind}"
    if is_address(value):
        return f"Address: {shown_name(value)}"
    fixed = {SAMPLE: "Sample recording", "-": "Standard input"}
    return fixed.get(value) or f"File: {Path(value).name}"


class Field(Vertical):
    """One setting: its name, a control that fits its type, and under it what is wrong with what was entered."""

    LONG: ClassVar = {"input", "recognizer", "endpoint"}
    """Settings whose values need a row of their own."""
    FIRST: ClassVar = {"input", "recognizer"}
    """Those of them that the heading above them names."""

    class Entered(Message):
        """A value was chosen or typed."""

        def __init__(self, field: "Field", value: object) -> None:
            super().__init__()
            self.field = field
            self.value = value

    class Kept(Message):
        """What is in force was chosen again, after what was refused."""

        def __init__(self, field: "Field") -> None:
            super().__init__()
            self.field = field

    def __init__(self, row: Setting, value: Any) -> None:
        super().__init__(classes="field")
        self.row = row
        self.value = value
        self.offered: set[Any] = set()
        self.label = Label(label_of(row), classes="name", markup=False)
        self.error = Static("", classes="error", markup=False)
        self.on_or_off = Label("on" if value else "off", classes="on-or-off")
        self.editor = self._make_editor(row, value)
        self.editor.id = f"setting-{row.name}"

    def _make_editor(self, row: Setting, value: Any) -> Select[Any] | Switch | Input:
        if row.kind is bool:
            return Switch(value)
        if choices := self._first_choices(row, value):
            self.offered = {choice for _, choice in choices}
            return Select(choices, value=value, allow_blank=False, compact=True)
        suggester = SuggestFromList(row.suggestions) if row.suggestions else None
        return Input(safe(str(value)), suggester=suggester, compact=True, select_on_focus=False)

    def _first_choices(self, row: Setting, value: Any) -> Choices:
        if row.name == "input":
            return input_choices([], value)
        if row.name == "language":
            return self._language_choices((), value)
        unit = f" {row.unit}" if row.unit else ""
        return [(Content(f"{row.label_of(choice)}{unit}"), choice) for choice in row.choices]

    @staticmethod
    def _language_choices(languages: Sequence[str], current: str) -> Choices:
        codes = ["system", *(languages or ROWS["language"].suggestions)]
        if current not in codes:
            codes.append(current)
        return [(Content("System's language" if code == "system" else safe(code)), code) for code in codes]

    def compose(self) -> ComposeResult:
        """Name and control, and under them what is wrong."""
        if self.row.name in self.LONG:
            if self.row.name not in self.FIRST:
                yield self.label
            yield self.editor
        else:
            with Horizontal():
                yield self.label
                yield self.editor
                if isinstance(self.editor, Switch):
                    yield self.on_or_off
        yield self.error

    def load(self, value: Any) -> None:
        """Show a value without telling that it changed."""
        self.value = value
        self.on_or_off.update("on" if value else "off")
        self.show_error("")
        with self.prevent(Select.Changed, Switch.Changed, Input.Changed):
            if isinstance(self.editor, Input):
                self.editor.value = safe(str(value))
            else:
                self.editor.value = value

    def load_choices(self, choices: Choices, value: Any) -> None:
        """Replace what can be chosen, and show a value, without telling that it changed."""
        assert isinstance(self.editor, Select)
        self.offered = {choice for _, choice in choices}
        with self.prevent(Select.Changed):
            self.editor.set_options(choices)
        self.load(value)

    def load_automatic(self, in_use: str) -> None:
        """Say who `auto` has come to, for as long as that is the choice; empty where it is not known."""
        choices = self._first_choices(self.row, self.value)
        if self.value == AUTOMATIC and in_use:
            label = f"{self.row.label_of(AUTOMATIC)}: {self.row.label_of(in_use)}"
            choices = [(Content(label) if value == AUTOMATIC else name, value) for name, value in choices]
        assert isinstance(self.editor, Select)
        shown = self.editor.value  # may be one that was just chosen, or refused
        with self.prevent(Select.Changed):
            self.editor.set_options(choices)
            # What is shown of a value is looked up when the value changes.
            self.editor.value = next(value for _, value in choices if value != shown)
            self.editor.value = shown

    def load_languages(self, languages: Sequence[str]) -> None:
        """Offer the recogniser's languages."""
        self.load_choices(self._language_choices(languages, self.value), self.value)

    def show_error(self, message: str) -> None:
        """Say under the control what is wrong; an empty text says that nothing is."""
        self.error.update(safe(message))
        self.error.display = bool(message)

    @on(Select.Changed)
    @on(Switch.Changed)
    def _chosen(self, event: Select.Changed | Switch.Changed) -> None:
        event.stop()
        self._enter(event.value)

    @on(Input.Submitted)
    @on(Input.Blurred)
    def _typed(self, event: Input.Submitted | Input.Blurred) -> None:
        event.stop()
        if event.value != safe(str(self.value)):  # what cannot be shown is not taken out by being shown
            self._enter(event.value)

    def _enter(self, value: object) -> None:
        self.on_or_off.update("on" if value else "off")
        if value == self.value:
            self.show_error("")  # what was in force all the time is right
            self.post_message(self.Kept(self))
        elif value is not Select.NULL:
            self.post_message(self.Entered(self, value))


class SettingsSidebar(VerticalScroll, can_focus=False):
    """The settings with `sidebar=True` that mean something to who listens, by group, and the help of the focused one.

    The others are there too, out of sight: what they are set to stays.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.focus_log", "Back to captions", show=False, id="sidebar.leave"),
        Binding("down", "app.focus_next", show=False, tooltip="The next setting", id="sidebar.next"),
        Binding("up", "app.focus_previous", show=False, tooltip="The setting before", id="sidebar.previous"),
    ]

    def __init__(self, settings: Settings) -> None:
        super().__init__(id="sidebar")
        self.fields: dict[str, Field] = {}
        self._settings = settings
        self._groups: dict[Group, Label] = {}
        self._heard_by = ("", "")
        """The value of the setting `recognizer` and who that has come to, as they are shown."""
        self._languages: tuple[str, ...] = ()
        self._help = Static("", id="setting-help", markup=False)
        self._unsaved = Static("", id="unsaved", markup=False)
        self._unsaved.display = False

    def compose(self) -> ComposeResult:
        """The groups, and the help at the bottom."""
        for row in ROWS.values():
            if row.sidebar:
                self.fields[row.name] = Field(row, getattr(self._settings, row.name))
        for group, fields in groupby(self.fields.values(), key=lambda field: field.row.group):
            self._groups[group] = Label(str(group), classes="group", markup=False)
            yield self._groups[group]
            yield from fields
        yield self._unsaved
        yield self._help

    def on_mount(self) -> None:
        """Show what the settings let expect, until it is known who listens."""
        self.load_recognizer("", ())

    def load_recognizer(self, in_use: str, languages: tuple[str, ...]) -> None:
        """Show who listens, by the setting's value, its languages, and only the settings that mean something to it.

        Both are empty where they are not known; then what is shown stays, for as long as nobody else is chosen.
        """
        chosen = self.fields["recognizer"].value
        if not in_use and chosen == self._heard_by[0]:
            in_use = self._heard_by[1]
        if (heard_by := (chosen, in_use)) != self._heard_by:
            self._heard_by = heard_by
            self.fields["recognizer"].load_automatic(in_use)
            self._show_what_concerns()
        self.load_languages(languages)

    @property
    def refused(self) -> str | None:
        """The recogniser that was chosen and refused, and stands there still with what is wrong."""
        field = self.fields["recognizer"]
        return str(field.editor.value) if field.error.display and field.editor.value != field.value else None

    def explain(self, name: str, error: str) -> None:
        """Say at its field what is wrong with a value, and show what that may be mended with."""
        self.fields[name].show_error(error)
        if name == "recognizer":
            self._show_what_concerns()

    def concerns(self, row: Setting) -> bool:
        """Whether a setting means something to who listens, or to who was chosen and refused: it may mend that."""
        refused = self.refused
        return row.concerns(*self._heard_by) if refused is None else row.concerns(refused, refused)

    def _show_what_concerns(self) -> None:
        focused = next((field for field in self.fields.values() if field.has_focus_within), None)
        for field in self.fields.values():
            field.display = self.concerns(field.row)
        for group, label in self._groups.items():
            label.display = any(field.display for field in self.fields.values() if field.row.group is group)
        if focused is not None:
            if not focused.display:
                focused = self.fields["recognizer"]
                focused.editor.focus(scroll_visible=False)
            self.call_after_refresh(focused.scroll_visible, animate=False)

    @on(Field.Kept)
    def _kept(self, message: Field.Kept) -> None:
        message.stop()
        if message.field.row.name == "recognizer":
            self._show_what_concerns()

    def load(self, settings: Settings) -> None:
        """Show these settings."""
        for name, field in self.fields.items():
            value = getattr(settings, name)
            if isinstance(field.editor, Select) and value not in field.offered:
                if name == "input":
                    field.load_choices(input_choices([], value), value)
                elif name == "language":
                    field.value = value
                    field.load_languages(self._languages)
            elif field.value != value:
                field.load(value)

    def typed(self) -> dict[str, str]:
        """Return what stands in fields of text and has not been entered, by the setting's name."""
        editors = {name: field.editor for name, field in self.fields.items() if isinstance(field.editor, Input)}
        return {
            name: editor.value for name, editor in editors.items() if editor.value != safe(str(self.fields[name].value))
        }

    def show_unsaved(self, names: Collection[str], key: str) -> None:
        """Mark the settings that were changed and not saved, and say with which key they are."""
        for name, field in self.fields.items():
            mark = UNSAVED if name in names else ""
            if name in Field.FIRST:
                self._groups[field.row.group].update(str(field.row.group) + mark)
            else:
                field.label.update(label_of(field.row) + mark)
        self._unsaved.display = bool(names)
        saving = f"{key} saves" if key else "they are saved from the command palette"
        self._unsaved.update(f"{UNSAVED.strip()} not saved · {saving}")

    def load_devices(self, devices: Sequence[Device], current: str) -> None:
        """Offer these microphones and monitors."""
        self.fields["input"].load_choices(input_choices(devices, current), current)

    def load_languages(self, languages: tuple[str, ...]) -> None:
        """Offer the languages of the recogniser in use."""
        if languages and languages != self._languages:
            self._languages = languages
            self.fields["language"].load_languages(languages)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Explain the setting that has the focus."""
        node: Widget | None = event.widget
        while node is not None and not isinstance(node, Field):
            node = node.parent if isinstance(node.parent, Widget) else None
        if node is not None:
            unit = f" In {node.row.unit}." if node.row.unit and isinstance(node.editor, Input) else ""
            self._help.update(node.row.help + unit)
