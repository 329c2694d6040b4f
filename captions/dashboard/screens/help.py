"""The keys, made from the bindings in force."""

from collections.abc import Callable, Iterable
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Label, Static

from captions.dashboard.keys import shown

GROUPS = {
    "Listening": {"pause", "microphone", "open", "sample", "seek", "restart"},
    "Reading back": {"log", "live-end", "clear"},
    "Searching": {"log.search", "log.newer", "log.older", "log.filter"},
    "Times and marks": {
        "log.go-to",
        "log.minute-back",
        "log.minute-on",
        "log.mark",
        "log.mark-before",
        "log.mark-next",
    },
    "Copying and export": {"log.select", "log.copy", "log.copy-all", "log.copy-selection", "session.export"},
    "How it looks": {"reading", "text", "theme", "low-bandwidth", "figures"},
    "Settings": {"sidebar", "settings"},
}
"""The ids of a group's bindings, or what these are up to the first dot."""
REST = "Program"

Groups = dict[str, list[tuple[str, str]]]


def keys_by_group(active: Iterable[ActiveBinding], display: Callable[[Binding], str]) -> Groups:
    """Return for each group its keys and what they do; keys that do the same are side by side.

    `display` names a key. A binding without an id or a description is for nobody to know of.
    """
    meanings: dict[str, str] = {}
    keys: dict[str, list[str]] = {}
    groups: dict[str, list[str]] = {heading: [] for heading in (*GROUPS, REST)}
    for _, binding, _, _ in active:
        if binding.id is None or not binding.description:
            continue
        if binding.action not in meanings:
            groups[_heading(binding.id)].append(binding.action)
            meanings[binding.action] = binding.tooltip or binding.description
        name = display(Binding(binding.key, binding.action))  # its key_display would be that of all its keys
        keys.setdefault(binding.action, []).append(name)
    return {
        heading: [(" ".join(keys[action]), meanings[action]) for action in actions]
        for heading, actions in groups.items()
        if actions
    }


def _heading(id: str) -> str:
    for name in (id, id.partition(".")[0]):
        for heading, names in GROUPS.items():
            if name in names:
                return heading
    return REST


def in_columns(groups: Groups) -> tuple[Groups, Groups]:
    """Return the groups in two columns, in order, whose lengths differ as little as may be."""
    headings = list(groups)
    rows = [len(groups[heading]) + 2 for heading in headings]  # with the heading, and a blank row under them
    cut = min(range(1, len(rows) + 1), key=lambda cut: abs(sum(rows[:cut]) - sum(rows[cut:])))
    return {heading: groups[heading] for heading in headings[:cut]}, {name: groups[name] for name in headings[cut:]}


class HelpScreen(ModalScreen[None]):
    """A list of keys; any of the keys that opened it closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,f1,q,enter,space", "dismiss", "Back", id="help.close"),
    ]

    def __init__(self, groups: Groups) -> None:
        super().__init__()
        self._groups = groups

    def compose(self) -> ComposeResult:
        """The groups, beside one another where there is room."""
        with Vertical(id="help"):
            yield Label("Keys", classes="title")
            with VerticalScroll(), Vertical(id="help-columns"):
                for column in in_columns(self._groups):
                    yield Static(_table(column), classes="column")
            close, _, _ = shown(self.app, "help.close").partition(" ")
            yield Label(f"{close} closes" if close else "", classes="note", markup=False)


def _table(groups: Groups) -> Table:
    """A key and what it does, row by row, under the groups' names."""
    table = Table.grid(padding=(0, 2))
    for number, (heading, keys) in enumerate(groups.items()):
        if number:
            table.add_row()
        table.add_row("", Text(heading, style="bold underline"))
        for key, meaning in keys:
            table.add_row(Text(key, style="bold", justify="right"), Text(meaning))
    return table
