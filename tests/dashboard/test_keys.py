"""Keys can be changed in the settings file; what cannot be is told before the screen is taken."""

import importlib
import pkgutil
from collections import Counter
from pathlib import Path

import pytest
from textual.dom import DOMNode
from textual.widgets._footer import FooterKey

import captions.dashboard
from captions.dashboard.app import CaptionsApp
from captions.dashboard.keys import UNBOUND, bindings, keymap, own_bindings, places, shown, table
from captions.dashboard.screens.help import keys_by_group
from captions.dashboard.show import ShowApp
from captions.errors import SettingError
from captions.settings import Settings
from captions.settings_sources import Loaded
from tests.dashboard.conftest import Dashboard


def with_keys(keys: dict[str, str]) -> Dashboard:
    dashboard = Dashboard()
    loaded = Loaded(Settings(), keys=keys)
    dashboard.app = CaptionsApp(loaded, dashboard._make_engine, dashboard._list_devices, clock=lambda: 192.0)
    return dashboard


def footer(app: CaptionsApp) -> dict[str, str]:
    return {key.description: key.key_display for key in app.screen.query(FooterKey)}


def test_every_binding_has_an_id_of_its_own_and_words() -> None:
    every = [binding for place in places() for binding in own_bindings(place.node)]
    ids = Counter(binding.id for binding in every)
    assert None not in ids
    assert [name for name, count in ids.items() if count > 1] == []
    assert [binding.id for binding in every if not (binding.description or binding.tooltip)] == []


def test_every_class_that_has_keys_is_among_the_places() -> None:
    having = set()
    for module in pkgutil.walk_packages(captions.dashboard.__path__, "captions.dashboard."):
        for thing in vars(importlib.import_module(module.name)).values():
            if isinstance(thing, type) and issubclass(thing, DOMNode) and thing.__module__ == module.name:
                having |= {thing} if any(True for _ in own_bindings(thing)) else set()
    assert having - {ShowApp} == {place.node for place in places()}


def test_keys_of_a_session_that_is_shown_are_those_of_the_dashboard() -> None:
    assert {binding.id for binding in own_bindings(ShowApp)} <= {binding.id for binding in own_bindings(CaptionsApp)}


def test_the_keys_as_they_come_are_in_nobodys_way() -> None:
    assert keymap({name: binding.key for name, binding in bindings().items()}, "FILE").keys() == bindings().keys()


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("x", "x"),
        ("?", "question_mark"),
        ("PageUp, ctrl+u", "pageup,ctrl+u"),
        ("F5", "f5"),
        ("ctrl+plus,Ä", "ctrl+plus,Ä"),
        ("comma,tilde,full_stop", "comma,tilde,full_stop"),
        ("", UNBOUND),
    ],
)
def test_keys_are_characters_or_names(written: str, means: str) -> None:
    assert keymap({"log.page-up": written, "help": ""}, "FILE")["log.page-up"] == means


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"pasue": "p"}, ["there is no binding 'pasue'", "Did you mean pause?"]),
        ({"pause": "pgup"}, ["pause cannot have the key 'pgup'", "Did you mean pageup?"]),
        ({"pause": "ctrl+pgup"}, ["Did you mean ctrl+pageup?"]),
        ({"pause": "esc"}, ["Did you mean escape?"]),
        ({"pause": "x,"}, ["A comma is called comma."]),
        ({"pause": "ctlr+x"}, ["Keys are written as"]),
        ({"pause": "xx\x1b[2J"}, ["pause cannot have the key 'xx[2J'"]),
        ({"pause": "s"}, ["pause and sample cannot both have the key s", '"sample" = ""']),
        ({"pause": "x", "sample": "x"}, ["sample and pause cannot both have the key x"]),
        ({"pause": "j"}, ["pause and log.down cannot both have the key j"]),
        ({"pause": "tab"}, ["pause cannot have the key tab"]),
        ({"picker.list": "tab"}, ["picker.list and picker.complete cannot both have the key tab"]),
    ],
)
def test_what_cannot_be_is_told_with_the_file_and_what_to_do(keys: dict[str, str], words: list[str]) -> None:
    with pytest.raises(SettingError) as caught:
        keymap(keys, "FILE")
    for word in ["FILE: ", *words]:
        assert word in str(caught.value)
    assert str(caught.value).isprintable()
    with pytest.raises(SettingError):
        with_keys(keys)


def test_two_actions_may_swap_their_keys_and_places_may_share_one() -> None:
    assert keymap({"microphone": "o", "open": "m"}, "FILE") == {"microphone": "o", "open": "m"}
    assert keymap({"sidebar.leave": "f9", "picker.cancel": "f9"}, "FILE")
    assert keymap({"log.end": "w", "live-end": "w"}, "FILE")  # two places, one action


async def test_another_key_does_it_and_the_old_one_does_not() -> None:
    dashboard = with_keys({"microphone": "o", "open": "", "pause": "x,f5", "log.page-up": "ctrl+u"})
    app = dashboard.app
    async with app.run_test(size=(120, 30)) as pilot:
        engine = await dashboard.engine(pilot)
        await pilot.press("m", "space")
        assert not engine.asked
        await pilot.press("o", "x", "f5")
        assert engine.asked == [("use_input", "microphone"), ("pause",), ("resume",)]
        assert len(app.screen_stack) == 1


async def test_footer_and_help_show_the_keys_in_force() -> None:
    dashboard = with_keys({"microphone": "o", "open": "", "help": "f9"})
    app = dashboard.app
    async with app.run_test(size=(160, 30)) as pilot:
        await dashboard.engine(pilot)
        await pilot.pause()
        assert footer(app)["Microphone"] == "o"
        assert footer(app)["Help"] == "f9"
        assert "Open" not in footer(app)
        assert UNBOUND not in " ".join(footer(app).values())
        groups = keys_by_group(app.active_bindings.values(), app.get_key_display)
        keys = {meaning: key for rows in groups.values() for key, meaning in rows}
        assert keys["Listen to the microphone"] == "o"
        assert "Play an audio or video file" not in keys
        assert (shown(app, "help"), shown(app, "open"), shown(app, "sidebar")) == ("f9", "", "f2 ^b")


async def test_an_action_without_a_key_is_still_in_the_command_palette() -> None:
    dashboard = with_keys({"microphone": ""})
    async with dashboard.app.run_test(size=(120, 30)) as pilot:
        engine = await dashboard.engine(pilot)
        await pilot.press("ctrl+p", *"microphone")
        await pilot.pause(0.5)
        await pilot.press("enter")
        await pilot.pause()
        assert ("use_input", "microphone") in engine.asked


async def test_letters_that_are_keys_are_typed_in_a_field_all_the_same() -> None:
    dashboard = with_keys({"sidebar": "w", "help": "h"})
    async with dashboard.app.run_test(size=(120, 40)) as pilot:
        await dashboard.engine(pilot)
        editor = dashboard.app.sidebar.fields["endpoint"].editor
        editor.focus()
        await pilot.press("end", "w", "h")
        assert str(editor.value).endswith("wh")
        assert dashboard.app.sidebar.display


def test_the_table_names_every_id_with_its_keys_and_meaning(tmp_path: Path) -> None:
    lines = table({"pause": "p"}).splitlines()
    assert lines[0] == "[keys]"
    assert 'pause = "p"  # Stop listening, or listen again' in lines
    assert '# "log.page-up" = "pageup"  # Up a screen' in lines
    assert len(lines) == 1 + len(bindings())


async def test_a_binding_is_shown_by_all_its_keys(dashboard: Dashboard) -> None:
    async with dashboard.app.run_test() as pilot:
        await dashboard.engine(pilot)
        assert (shown(dashboard.app, "help"), shown(dashboard.app, "quit")) == ("? f1", "q")
