"""The caption log with its keys, the row under it that asks, and over its last row a pill to the live end."""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.message import Message
from textual.widgets import Input, Static

from captions.dashboard.caption_log import CaptionLog, Where
from captions.dashboard.clipboard import copy
from captions.dashboard.keys import UNBOUND, bindings
from captions.dashboard.log_prompt import LogPrompt
from captions.transcript.places import HOW, entry_at
from captions.transcript.transcript import begins

MINUTE = 60.0


class Pill(Static):
    """How many captions are new, and the key that leads to them."""

    ALLOW_SELECT: ClassVar[bool] = False

    class Pressed(Message):
        """The person clicked it."""

    def on_click(self) -> None:
        """Go to the live end."""
        self.post_message(self.Pressed())


def _key(keys: str, action: str, what: str, id: str, tooltip: str = "") -> Binding:
    # With priority, so that it is done before the next key is looked at, which may be typed into the prompt already.
    return Binding(keys, action, what, show=False, priority=True, id=f"log.{id}", tooltip=tooltip or what)


class LogPane(Container):
    """Holds the log, the prompt and the pill."""

    BINDINGS: ClassVar[list[BindingType]] = [
        _key("up,k", "move(-1, -1)", "Up a line", "up"),
        _key("down,j", "move(1, 1)", "Down a line", "down"),
        _key("pageup", "page(-1)", "Up a screen", "page-up"),
        _key("pagedown", "page(1)", "Down a screen", "page-down"),
        _key("home", "first", "To the beginning", "home"),
        _key("end", "live_end", "Live end", "end", "Follow the live end"),
        _key("slash", "ask_for_words('search')", "Search", "search", "Search for words"),
        _key("n", "match(1)", "Newer match", "newer", "To the next newer match"),
        _key("N", "match(-1)", "Older match", "older", "To the next older match"),
        _key("f", "filter", "Filter", "filter", "Show only captions that match, or all again"),
        _key("g", "ask_for_time", "Go to", "go-to", "Go to a time, such as 14:05, -5 or 30"),
        _key("left_curly_bracket", "minute(-1)", "Minute back", "minute-back", "Back by a minute of captions"),
        _key("right_curly_bracket", "minute(1)", "Minute on", "minute-on", "On by a minute of captions"),
        _key("b", "bookmark", "Mark", "mark", "Mark what is said, or take its mark away"),
        _key("left_square_bracket", "go_to_mark(-1)", "Mark before", "mark-before", "To the mark before"),
        _key("right_square_bracket", "go_to_mark(1)", "Next mark", "mark-next", "To the next mark"),
        _key("v", "select", "Select", "select", "Select captions with the keys that move"),
        _key("y", "copy", "Copy", "copy", "Copy the selection, or the caption in sight"),
        _key("Y", "copy_all", "Copy all", "copy-all", "Copy all captions that are shown"),
        _key("enter", "copy_selection", "Copy selection", "copy-selection", "Copy the selection, and end it"),
        _key("escape", "back", "Back", "back", "End what was begun: a selection, a filter, a search"),
    ]

    def __init__(self) -> None:
        super().__init__(id="log-pane")
        self.log_view = CaptionLog(id="log")
        self.pill = Pill("", id="pill", markup=False)
        self.prompt = LogPrompt()
        self._before: Where | None = None
        self._origin = 0
        self._go_to_nearest = False
        self._turned = ""

    def compose(self) -> ComposeResult:
        """The log, the prompt under it, and the pill over it."""
        yield self.log_view
        yield self.prompt
        yield self.pill

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        """Leave keys to what is typed while something is asked for, and to the app when there is nothing to end."""
        log = self.log_view
        if action == "back":
            return bool(self.prompt.asking or log.text_selection or log.filtered or log.search)
        return not self.prompt.asking and (action != "copy_selection" or log.text_selection is not None)

    # What is said

    @on(CaptionLog.Moved)
    def _show_pill(self) -> None:
        log = self.log_view
        self.pill.display = not log.following
        if not log.following:
            key = self._key_of("log.end")
            self.pill.update(f"{log.unseen:,} new · {key} ↓" if log.unseen else f"{key}: back to now ↓")

    @on(Pill.Pressed)
    def _follow(self) -> None:
        self.log_view.follow()
        self.log_view.focus()

    @on(CaptionLog.Changed)
    def _show_state(self) -> None:
        log = self.log_view
        if self._go_to_nearest and log.search is not None and log.search.done:
            self._go_to_nearest = False
            if (match := log.search.nearest(self._origin)) is not None:
                log.go_to(match)
        if self.prompt.asking != "time":
            self.prompt.say(self._state())
        self.set_class(self.prompt.display, "-prompting")

    def _state(self) -> str:
        log, key = self.log_view, self._key_of
        if self.prompt.asking:
            return "" if log.search is None else self._count()
        if log.selecting:
            selected = sum(1 for _ in log.selected())
            what = "1 caption" if selected == 1 else f"{selected:,} captions"
            return f"{what} selected · {key('log.copy')} copies · {key('log.back')} ends"
        if log.search is None:
            return ""
        if log.filtered:
            found, total = len(log.search.matches), log.transcript.captions
            return f"{found:,} of {total:,} captions match '{log.search.words}' · {key('log.back')} shows all"
        keys = f"{key('log.newer')} newer · {key('log.older')} older · {key('log.filter')} filters"
        return f"'{log.search.words}' {self._count()} · {keys} · {key('log.back')} ends"

    def _count(self) -> str:
        search, cursor = self.log_view.search, self.log_view.cursor
        assert search is not None
        if not search.done:
            return "searching"
        if not search.matches:
            return "not found"
        if cursor is not None and cursor in search:
            return f"{search.rank(cursor) + 1:,} of {len(search.matches):,}{self._turned}"
        return f"{len(search.matches):,} found"

    def _key_of(self, id: str) -> str:
        """Name a key. Not by what is active: letters are not, while words are typed."""
        key = self.app._keymap.get(id, bindings()[id].key).partition(",")[0]
        shown = "" if key == UNBOUND else self.app.get_key_display(Binding(key, ""))
        return shown.capitalize() if len(shown) > 1 else shown

    # Searching and filtering

    def action_ask_for_words(self, asking: str) -> None:
        """Ask for words; the view goes to what is nearest while they are typed."""
        self._before = self.log_view.where()
        self._origin = self.log_view.here() or 0
        self.prompt.ask(asking, "/" if asking == "search" else "filter: ")
        self.add_class("-prompting")

    @on(Input.Changed, "#log-prompt-input")
    def _typed(self, message: Input.Changed) -> None:
        if self.prompt.asking not in {"search", "filter"} or self._before is None:
            return
        self._turned = ""
        if message.value:
            self._go_to_nearest = True
            self.log_view.look_for(message.value)
        else:
            self.log_view.go_back_to(self._before)

    @on(Input.Submitted, "#log-prompt-input")
    def _entered(self, message: Input.Submitted) -> None:
        if self.prompt.asking == "time":
            self._go_to_time(message.value)
            return
        asked = self.prompt.asking
        self._stop_asking()
        if asked == "filter" and self.log_view.search is not None:
            self.log_view.show_only_matches(True)

    @on(Input.Blurred, "#log-prompt-input")
    def _left(self) -> None:
        if self.prompt.asking and self.screen.focused is not self.prompt.input:
            self._stop_asking()

    def _stop_asking(self) -> None:
        self._before = None
        self.prompt.stop_asking()
        if self.screen.focused is self.prompt.input:
            self.screen.set_focus(self.log_view)
        self._show_state()

    def action_match(self, direction: int) -> None:
        """Go to the next newer (1) or older (-1) match; from the last one on to the first, which is said."""
        log = self.log_view
        if log.search is None:
            self.action_ask_for_words("search")
        elif matches := log.search.matches:
            number = self._next(matches, direction)
            turned = ", from the start" if direction > 0 else ", from the end"
            self._turned = "" if 0 <= number < len(matches) else turned
            log.go_to(matches[number % len(matches)])

    def _next(self, places: Sequence[int], direction: int) -> int:
        """Return the number of the next newer (1) or older (-1) of these entries; one too far if there is none.

        What is in sight was not gone to yet, so the first caption there, or the last for a follower, may be it.
        """
        log = self.log_view
        here = log.here() or 0
        if direction > 0:
            return bisect_left(places, here + (log.cursor is not None))
        return bisect_left(places, here + (log.cursor is None and log.following)) - 1

    def action_filter(self) -> None:
        """Hide what doesn't match, or show everything again; without a search ask for words."""
        log = self.log_view
        if log.filtered or log.search is not None:
            log.show_only_matches(not log.filtered)
        else:
            self.action_ask_for_words("filter")

    def action_back(self) -> None:
        """End the last thing that was begun: a question, a selection, a filter, a search."""
        log = self.log_view
        if self.prompt.asking:
            if self.prompt.asking != "time" and self._before is not None:
                self._go_to_nearest = False
                log.go_back_to(self._before)
            self._stop_asking()
        elif log.text_selection is not None:
            log.stop_selecting()
        elif log.filtered:
            log.show_only_matches(False)
        else:
            log.look_for("")

    # Moving

    def action_move(self, rows: int, entries: int) -> None:
        """Go by rows, or when selecting by entries."""
        if self.log_view.selecting:
            self.log_view.step(entries)
        else:
            self.log_view.scroll_by(rows)

    def action_page(self, direction: int) -> None:
        """Go by what is in sight, less one row to read on from."""
        rows = max(2, self.log_view.size.height) - 1
        self.action_move(direction * rows, direction * max(1, rows // 2))

    def action_first(self) -> None:
        """Go to the first entry."""
        self.action_move(-self.log_view.virtual_size.height, -len(self.log_view.entries))

    def action_live_end(self) -> None:
        """Go to the live end and stay there."""
        if self.log_view.selecting:
            self.log_view.step(len(self.log_view.entries))
        else:
            self.log_view.follow()

    def action_ask_for_time(self) -> None:
        """Ask for a time to go to."""
        if self.log_view.here() is not None:
            self.prompt.ask("time", "go to: ", HOW)
            self.add_class("-prompting")

    def _go_to_time(self, typed: str) -> None:
        log = self.log_view
        try:
            entry = entry_at(typed, log.transcript, log.here() or 0, datetime.now().astimezone())
        except ValueError as error:
            self.prompt.refuse(str(error))
        else:
            self._stop_asking()
            log.go_to(entry)

    def action_minute(self, direction: int) -> None:
        """Go back or on by a minute of the session, by one entry at least."""
        log = self.log_view
        if (here := log.here()) is None:
            return
        there = log.transcript.at(begins(log.entries[here]) + direction * MINUTE)
        log.go_to(min(there, max(0, here - 1)) if direction < 0 else max(there, min(here + 1, len(log.entries) - 1)))

    # Marks

    def action_bookmark(self) -> None:
        """Ask for a mark."""
        self.log_view.mark()

    def action_go_to_mark(self, direction: int) -> None:
        """Go to the mark before or the next one."""
        log = self.log_view
        marks, number = log.transcript.marks, self._next(log.transcript.marks, direction)
        if 0 <= number < len(marks):
            log.go_to(marks[number])
        else:
            self.notify(f"There is no mark {'after' if direction > 0 else 'before'} this.", markup=False)

    # Copying

    def action_select(self) -> None:
        """Begin to select captions."""
        self.log_view.select_here()

    def action_copy_selection(self) -> None:
        """Copy what is selected, and select nothing any more."""
        self.notify(copy(self.app, self.log_view.selected()), markup=False)
        self.log_view.stop_selecting()

    def on_key(self, event: events.Key) -> None:
        """Copy by the keys of Textual's screen, too, which would do it without a word and without a limit."""
        if event.key in {"ctrl+c", "super+c"} and self.log_view.text_selection is not None:
            event.stop()
            self.action_copy_selection()

    def action_copy(self) -> None:
        """Copy what is selected, or else the caption in sight: the last one for a follower."""
        log = self.log_view
        if log.text_selection is not None:
            self.action_copy_selection()
        elif (here := log.caption_here()) is not None:
            self.notify(copy(self.app, [log.transcript.texts[here]]), markup=False)

    def action_copy_all(self) -> None:
        """Copy all captions that a filter doesn't hide."""
        log = self.log_view
        texts = log.transcript.texts
        shown = (texts[match] for match in log.search.matches) if log.filtered and log.search is not None else texts
        self.notify(copy(self.app, filter(None, shown)), markup=False)
