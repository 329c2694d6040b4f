"""The keys of the dashboard, as they are and as a person's settings file changes them."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode
from textual.keys import KEY_NAME_REPLACEMENTS, Keys, key_to_character
from textual.screen import Screen

from captions.errors import SettingError
from captions.plain_text import plain
from captions.settings import nearest
from captions.settings_file import toml

UNBOUND = Keys.Ignore.value
"""The key of a binding that has none: no terminal sends it. (To Textual an empty keymap entry changes nothing.)"""
MODIFIERS = {"ctrl", "alt", "shift", "super", "hyper", "meta"}
NAMED_KEYS = {key.value for key in Keys if key.value.replace("+", "").isalnum()} - {"return"}
"""Keys with a name of their own; every other one is a character, or the Unicode name of one (`question_mark`)."""


class Place(NamedTuple):
    """Something that has the focus or holds what has it, and its bindings by id. A key means one thing in a place."""

    node: type[DOMNode]
    bindings: Mapping[str, Binding]


def places() -> tuple[Place, ...]:
    """Return everything in the dashboard that has keys, the app first and the log after it."""
    from captions.dashboard.app import CaptionsApp
    from captions.dashboard.log_pane import LogPane
    from captions.dashboard.screens.export import ExportScreen
    from captions.dashboard.screens.file_picker import FilePicker
    from captions.dashboard.screens.help import HelpScreen
    from captions.dashboard.screens.model import ModelScreen
    from captions.dashboard.screens.reading_view import ReadingView
    from captions.dashboard.settings_sidebar import SettingsSidebar

    nodes = (CaptionsApp, LogPane, SettingsSidebar, FilePicker, ExportScreen, HelpScreen, ModelScreen, ReadingView)
    return tuple(Place(node, {binding.id: binding for binding in own_bindings(node) if binding.id}) for node in nodes)


def own_bindings(node: type[DOMNode]) -> Iterator[Binding]:
    """Yield the bindings that a class brings itself, those of several keys in one piece."""
    for binding in node.__dict__.get("BINDINGS", ()):
        assert isinstance(binding, Binding)
        yield binding


def bindings() -> dict[str, Binding]:
    """Return every binding that a settings file can change, by id, in the order in which they are shown."""
    return {name: binding for place in places() for name, binding in place.bindings.items()}


def keymap(keys: Mapping[str, str], where: str) -> dict[str, str]:
    """Return `keys` (of the settings file `where`) as Textual's keymap.

    Raises SettingError for a binding or a key that there is not, and for a key that would mean two things at once.
    """
    known = bindings()
    for name in keys:
        if name not in known:
            raise SettingError(f"{where}: there is no binding {name!r} in [keys].", nearest(name, known))
    changed = {name: ",".join(_parse(keys[name], name, where)) or UNBOUND for name in keys}
    app, log, *rest = places()
    # What is typed reaches the log before the screen, and the screen before the app.
    _check({**app.bindings, **log.bindings}, changed, where, _taken_by_screen())
    for place in rest:
        _check(place.bindings, changed, where, set())
    return changed


def _check(bindings: Mapping[str, Binding], changed: Mapping[str, str], where: str, taken: set[str]) -> None:
    """Raise SettingError when a key that was changed is the key of something else, too."""
    owners: dict[str, str] = {}
    for name in sorted(bindings, key=lambda name: name in changed):  # so that the later one is to blame
        for key in _split(changed.get(name, bindings[name].key)):
            if key == UNBOUND:
                continue
            owner = owners.setdefault(key, name)
            if name in changed and bindings[owner].action != bindings[name].action:
                raise SettingError(
                    f"{where}: {name} and {owner} cannot both have the key {key}.",
                    f'Give {owner} another one under [keys], or none: "{owner}" = "".',
                )
            if name in changed and key in taken:
                raise SettingError(f"{where}: {name} cannot have the key {key}, which moves the focus or copies.")


def _taken_by_screen() -> set[str]:
    return {key for binding in Screen.BINDINGS if isinstance(binding, Binding) for key in _split(binding.key)}


def _split(keys: str) -> list[str]:
    """The keys of a binding, under the names that Textual knows them by."""
    return [binding.key for binding in Binding.make_bindings([Binding(keys, "")])]


def _parse(keys: str, name: str, where: str) -> list[str]:
    if not keys.strip():
        return []
    parsed = []
    for key in keys.split(","):
        written = key.strip()
        if len(written) > 1:
            written = written.lower()
        if not _exists(written):
            hint = "A comma is called comma." if not written else _nearest_key(written)
            raise SettingError(f"{where}: {name} cannot have the key {plain(key.strip())!r}.", hint)
        parsed += _split(written)
    return parsed


def _exists(key: str) -> bool:
    if len(key) == 1:
        return key.isprintable() and not key.isspace()
    *modifiers, name = key.split("+")
    if not set(modifiers) <= MODIFIERS:
        return False
    character = name if len(name) == 1 else key_to_character(name) or ""
    named = bool({key, name} & NAMED_KEYS) or name in KEY_NAME_REPLACEMENTS.values()
    return named or (bool(character) and character.isprintable())


def _nearest_key(key: str) -> str:
    *modifiers, name = key.split("+")
    usual = [*(key for key in NAMED_KEYS if "+" not in key), *KEY_NAME_REPLACEMENTS.values(), "question_mark", "comma"]
    hint = nearest(name, sorted(usual))
    if hint.startswith("Did you mean") and set(modifiers) <= MODIFIERS:
        return hint.replace("mean ", "mean " + "".join(f"{modifier}+" for modifier in modifiers))
    return 'Keys are written as "p", "f5", "ctrl+s", "pageup" or "question_mark".'


def table(keys: Mapping[str, str]) -> str:
    """Return the table `[keys]` of a settings file: what `keys` changes, and all else as comments."""
    lines = ["[keys]"]
    for name, binding in bindings().items():
        ours = f"{toml(name) if '.' in name else name} = {toml(keys.get(name, binding.key))}"
        lines.append(f"{'' if name in keys else '# '}{ours}  # {binding.tooltip or binding.description}")
    return "\n".join(lines)


def shown(app: App[Any], name: str) -> str:
    """Return the keys that a binding has now as the footer shows them, such as `^s`; empty when it has none."""
    active = [active.binding for active in app.active_bindings.values() if active.binding.id == name]
    # A binding's own key_display would stand for all of its keys.
    return " ".join(app.get_key_display(Binding(binding.key, "")) for binding in active if binding.key != UNBOUND)
