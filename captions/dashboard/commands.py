"""The command palette: every action with a name, every input, every switch."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, cast

from textual.binding import Binding
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.types import IgnoreReturnCallbackType

from captions.dashboard.settings_sidebar import input_choices, label_of
from captions.settings import ROWS

if TYPE_CHECKING:
    from captions.dashboard.app import CaptionsApp


class Command(NamedTuple):
    """What is typed for, what it does in words, and what runs."""

    name: str
    help: str
    run: IgnoreReturnCallbackType


class CaptionsCommands(Provider):
    """Made from the bindings in force, the devices last listed and the table of settings."""

    def _commands(self) -> Iterator[Command]:
        app = cast("CaptionsApp", self.app)
        bindings = {binding.action: binding for binding in app.BINDINGS if isinstance(binding, Binding)}
        for action, binding in bindings.items():
            if binding.description and action != "command_palette":
                meaning = binding.tooltip or binding.description
                yield Command(binding.description, meaning, partial(app.run_action, action))
        for label, value in input_choices(app.devices, app.settings.input):
            yield Command(f"Listen to: {label.plain}", "Change the input", partial(app.listen_to, value))
        for row in ROWS.values():
            if row.sidebar and row.kind is bool and app.sidebar.concerns(row):
                on = getattr(app.settings, row.name)
                name = f"{label_of(row)}: turn {'off' if on else 'on'}"
                yield Command(name, row.help, partial(app.change_setting, row.name, not on))

    async def discover(self) -> Hits:
        """All commands, before anything is typed."""
        for command in self._commands():
            yield DiscoveryHit(Content(command.name), command.run, text=command.name, help=command.help)

    async def search(self, query: str) -> Hits:
        """The commands that fit what is typed."""
        matcher = self.matcher(query)
        for command in self._commands():
            if score := matcher.match(command.name):
                # The matcher takes a name for markup.
                name = Content(command.name) if "[" in command.name else matcher.highlight(command.name)
                yield Hit(score, name, command.run, text=command.name, help=command.help)
