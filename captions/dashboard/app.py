"""The dashboard: the widgets, the keys, and what each does to the session.

Nothing that the engine needs (gRPC, PortAudio, FFmpeg, numpy) is imported here: the screen is there first, and the
worker makes the engine after it.
"""

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Footer

from captions.dashboard.caption_log import CaptionLog
from captions.dashboard.choices import Choices
from captions.dashboard.figures import READ_SECONDS, Gauges
from captions.dashboard.keys import shown
from captions.dashboard.level_meter import LevelMeter
from captions.dashboard.log_pane import LogPane
from captions.dashboard.messages import EngineFailed, EngineTick, EntryAdded, ModelTold, StateChanged, TerminalGone
from captions.dashboard.model_prompt import ModelPrompt
from captions.dashboard.setting_changes import SettingChanges
from captions.dashboard.settings_sidebar import Field, SettingsSidebar
from captions.dashboard.status_line import StatusLine
from captions.dashboard.terminal_app import TerminalApp, on_signals, run_in_terminal
from captions.dashboard.worker import PACE, SLOW_PACE, Controls, Device, ListDevices, MakeEngine, Pace, run_engine
from captions.errors import CaptionsError, ExitCode
from captions.events import Entry, Final, InputChanged, Phase, SessionState, StreamEnded, Titled
from captions.settings import ROWS, Group, Settings
from captions.settings_sources import Loaded
from captions.transcript.formats import About

if TYPE_CHECKING:
    from textual.command import Provider

    from captions.dashboard.figures import Terminal
    from captions.dashboard.screens.reading_view import ReadingView

DRAIN_SECONDS = 2.0
"""How long the last words may take when the program ends."""
SIGNAL_SECONDS = 4.0
"""After a signal the process ends within this time, whatever hangs."""
SEEK_SECONDS = 10.0
SELDOM = 5
"""One of so many readings of the figures is shown over a slow link."""
QUIT = "Wait for the last words, then end"


def _commands() -> "type[Provider]":
    from captions.dashboard.commands import CaptionsCommands

    return CaptionsCommands


class CaptionsApp(TerminalApp):
    """One screen: state, level, captions, settings, keys."""

    TITLE = "captions"
    COMMANDS: ClassVar = {_commands}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,f1", "help", "Help", key_display="?", tooltip="All keys", id="help"),
        Binding("q", "quit", "Quit", tooltip=QUIT, id="quit"),
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True, tooltip=QUIT, id="quit.anywhere"),
        Binding("space", "pause", "Pause", tooltip="Stop listening, or listen again", id="pause"),
        Binding("m", "microphone", "Microphone", tooltip="Listen to the microphone", id="microphone"),
        Binding("o", "open", "Open", tooltip="Play an audio or video file", id="open"),
        Binding("s", "sample", "Sample", tooltip="Play the sample recording", id="sample"),
        Binding("f2,ctrl+b", "sidebar", "Settings", tooltip="Open or close the settings", id="sidebar"),
        Binding("ctrl+s", "save_settings", "Save settings", show=False, tooltip="Save them", id="settings.save"),
        Binding("left", "seek(-1)", "Back 10 s", show=False, tooltip="Back in the file", id="seek.back"),
        Binding("right", "seek(1)", "Forward 10 s", show=False, tooltip="Forward in the file", id="seek.forward"),
        Binding("r", "restart", "Restart", show=False, tooltip="Begin the input anew", id="restart"),
        Binding("c", "clear", "Clear", show=False, tooltip="Clear the screen; the transcript stays", id="clear"),
        Binding("e", "export", "Export", show=False, tooltip="Write the transcript to a file", id="session.export"),
        Binding("t", "theme", "Theme", show=False, tooltip="The next colours", id="theme"),
        Binding(
            "i", "figures", "Figures", show=False, tooltip="How late words are, and what the screen costs", id="figures"
        ),
        Binding(
            "l", "low_bandwidth", "Low bandwidth", show=False, tooltip="Draw less, for a slow link", id="low-bandwidth"
        ),
        Binding("p", "stability", "Text", show=False, tooltip="Text raw, steady or calm", id="text"),
        Binding("z", "reading_view", "Reading view", show=False, tooltip="The newest words alone", id="reading"),
        Binding("end", "live_end", "Live end", show=False, tooltip="Follow what is being said", id="live-end"),
        Binding("ctrl+p", "command_palette", "Commands", show=False, tooltip="All commands", id="commands"),
        Binding("ctrl+z", "nothing", show=False, tooltip="Nothing: stopped, it would lose the sound", id="suspend"),
    ]

    def __init__(
        self,
        loaded: Loaded,
        make_engine: MakeEngine,
        list_devices: ListDevices,
        clock: Callable[[], float] = time.monotonic,
        folder: Path | None = None,
    ) -> None:
        super().__init__(loaded)
        self.choices = Choices(loaded, folder)
        self.engine: Controls | None = None
        self.devices: Sequence[Device] = []
        self._make_engine = make_engine
        self._list_devices = list_devices
        self._exit_code = 0
        self._quitting = False
        self._reading: ReadingView | None = None
        self._gauges = Gauges()
        self._figures_shown = False
        self._suggested = False
        self._readings = 0
        self._changes = SettingChanges(self)
        self._started = datetime.now(UTC)
        self._told: list[Entry] = []
        """All of the session that lasts, also what is cleared from the screen."""
        self.models = ModelPrompt(self)
        self.status = StatusLine(clock)
        self.meter = LevelMeter()
        self.pane = LogPane()
        self.captions = self.pane.log_view
        self.sidebar = SettingsSidebar(self.settings)
        self.draw_less_or_more()

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.choices.settings

    def compose(self) -> ComposeResult:
        """State and level above, captions and settings, keys below."""
        yield self.status
        yield self.meter
        with Horizontal(id="middle"):
            yield self.pane
            yield self.sidebar
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Start the engine once the screen was painted, and end well on signals."""
        on_signals(self._end_by_signal)
        if hasattr(self._driver, "paint"):
            self._gauges.terminal = cast("Terminal", self._driver)
        self.set_interval(READ_SECONDS, self._read_figures)
        self.captions.focus()
        self.call_after_refresh(self._start_engine)

    def _start_engine(self) -> None:
        coroutine = run_engine(self._make_engine, self.post_message, self._engine_made, self._pace)
        self.run_worker(coroutine, name="engine", group="engine", exclusive=True, exit_on_error=False)

    def _pace(self) -> Pace:
        return SLOW_PACE if self.settings.low_bandwidth else PACE

    def _engine_made(self, engine: Controls) -> None:
        """Take the engine before it runs, with what was changed while there was none."""
        self.engine = engine
        self._started, self._told = datetime.now(UTC), []
        engine.settings = self.settings

    # What the engine says

    @on(EngineTick)
    def _tick(self, tick: EngineTick) -> None:
        self._words_came(tick.since)
        for text in tick.partials.values():
            self.captions.show_partial(text)
            if self._reading is not None:
                self._reading.show_partial(text)
        if tick.level is not None:
            self.meter.show(tick.level)
        if tick.progress is not None:
            self.status.show_progress(tick.progress)
        if tick.backlog is not None:
            self._gauges.backlog = tick.backlog
            self.status.show_backlog(tick.backlog)
        if tick.delays is not None:
            self._gauges.delays = tick.delays

    @on(EntryAdded)
    def _entry_added(self, message: EntryAdded) -> None:
        self._told.append(message.entry)
        if isinstance(message.entry, StreamEnded):  # that streams follow one another is nothing to a reader
            self.status.show_billed(message.entry.units_so_far)
            return
        self._words_came(message.since if isinstance(message.entry, Final) else None)
        self.captions.add([message.entry])
        if self._reading is not None:
            self._reading.add(message.entry)
        if isinstance(message.entry, InputChanged):
            self.status.show_progress(None)
            self.meter.show(None)

    def _words_came(self, since: float | None) -> None:
        # Words out of sight change nothing, and a later frame would pass for theirs.
        if since is not None and self.words_since is None and self.captions.following:
            self.words_since = since

    @on(StateChanged)
    def _state_changed(self, message: StateChanged) -> None:
        self._show_state(message.state)
        if message.state.phase in {Phase.PAUSED, Phase.ENDED, Phase.NO_INPUT, Phase.FAILED}:
            self.meter.show(None)
        self.show_recognizer()

    @on(ModelTold)
    def _model_told(self, message: ModelTold) -> None:
        self.models.told(message.event)

    @on(EngineFailed)
    def _engine_failed(self, message: EngineFailed) -> None:
        self._exit_code = message.exit_code
        self.engine = None
        self.models.downloading = False
        self.meter.show(None)
        detail = f"{message.message} {message.hint}".rstrip()
        self._show_state(SessionState(Phase.FAILED, "", detail, self.status.now))

    def _show_state(self, state: SessionState) -> None:
        self.status.show_state(state)
        if self._reading is not None:
            self._reading.show_state(state)

    def show_recognizer(self) -> None:
        """Show in the settings who listens, and what can be asked of it."""
        if self.engine is not None:
            self.sidebar.load_recognizer(self.engine.recognizer, self.engine.languages)

    # What the screen costs

    def _read_figures(self) -> None:
        """Read the figures, and suggest to draw less when the link is slow, once."""
        if not self.status.is_attached:  # the screen is being taken down
            return
        self._readings += 1
        figures = self._gauges.read(self._figures_shown)
        if not self.settings.low_bandwidth or self._readings % SELDOM == 0:
            self.status.show_figures(figures)
        if self._gauges.link_is_slow and not self._suggested:
            self._suggested = True
            key = shown(self, "low-bandwidth") or "the setting low_bandwidth"
            self.tell(f"The link to this terminal is slow. Press {key} to draw less, and be less late.")

    def draw_less_or_more(self) -> None:
        """Draw as the setting says: less over a slow link."""
        less = self.settings.low_bandwidth
        self.low_bandwidth = self.captions.low_bandwidth = less
        self.meter.low_bandwidth = self.status.low_bandwidth = less
        self._suggested |= less

    # What the person does

    def session_or_tell(self) -> Controls | None:
        """Return the session; where there is none, say so."""
        if self.engine is None:
            again = f"The session has ended; {shown(self, 'restart')} starts it again."
            self.tell(again if self._exit_code else "One moment: still starting.")
        return self.engine

    def listen_to(self, name: str) -> None:
        """Change the input: a value of the setting `input`."""
        self.take("input", self.settings.changed("input", name))
        self.sidebar.load(self.settings)
        if engine := self.session_or_tell():
            engine.use_input(name)

    def change_setting(self, name: str, value: object) -> None:
        """Change one setting and put it in force. What is wrong with a value is said at its field."""
        if ROWS[name].group is Group.DISPLAY:
            self._changes.change_display(name, value)
        else:
            self.run_worker(self._changes.change(name, value), group="settings")

    def take(self, name: str, settings: Settings) -> None:
        """Have `settings` in force, of which one was changed."""
        self.choices.take(name, settings)
        self._show_unsaved()

    def _show_unsaved(self) -> None:
        self.sidebar.show_unsaved(self.choices.unsaved, shown(self, "settings.save"))

    @work(group="save", exit_on_error=False)
    async def action_save_settings(self) -> None:
        """Write what was changed here into the settings file."""
        for name, value in self.sidebar.typed().items():
            await self._changes.change(name, value)
        await self._changes.done()  # what was chosen before is saved too
        if not (changes := self.choices.unsaved):
            self.tell("There is nothing to save.")
            return
        try:
            self.tell(await asyncio.to_thread(self.choices.save, self.settings, changes))
        except CaptionsError as error:
            self.tell(str(error), "error")
        self._show_unsaved()

    @on(Field.Entered)
    def _setting_entered(self, message: Field.Entered) -> None:
        if message.field.row.name == "input":
            self.listen_to(str(message.value))
        else:
            self.change_setting(message.field.row.name, message.value)

    def action_microphone(self) -> None:
        """Listen to the default microphone."""
        self.listen_to("microphone")

    def action_sample(self) -> None:
        """Play the sample."""
        self.listen_to("sample")

    def action_open(self) -> None:
        """Choose a file and play it."""
        from captions.dashboard.screens.file_picker import FilePicker

        def chosen(path: Path | None) -> None:
            if path is not None:
                self.choices.open_from(path.parent)
                self.listen_to(str(path))

        self.push_screen(FilePicker(self.choices.folder), chosen)

    def action_pause(self) -> None:
        """Stop listening, or listen again."""
        if engine := self.session_or_tell():
            if engine.paused:
                engine.resume()
            else:
                engine.pause()

    def action_restart(self) -> None:
        """Begin the input anew, or the session if it ended by an error."""
        if not self.start_again() and (engine := self.session_or_tell()):
            engine.restart()

    def start_again(self) -> bool:
        """Begin the session anew if it ended by an error; whether it had."""
        ended = self.engine is None and self._exit_code != 0
        if ended:
            self._exit_code = 0
            self._show_state(SessionState(Phase.STARTING, "", "", self.status.now))
            self._start_engine()
        return ended

    def action_seek(self, direction: int) -> None:
        """Go back or forward in the file by 10 s."""
        if engine := self.session_or_tell():
            if engine.playing:
                engine.seek_by(direction * SEEK_SECONDS)
            else:
                self.tell("One can go back and forward in files only.")

    def action_clear(self) -> None:
        """Clear the screen. The transcript is elsewhere."""
        self.captions.clear()
        if self._reading is not None:
            self._reading.clear()
        self.tell("Cleared from the screen. The transcript keeps everything.")

    def action_export(self) -> None:
        """Write the transcript to a file."""
        from captions.dashboard.screens.export import ask_and_export

        title = next((entry.title for entry in reversed(self._told) if isinstance(entry, Titled)), "")
        ask_and_export(self, About(self._started, title=title), self._told)

    def _next_choice(self, name: str) -> object:
        choices = ROWS[name].choices
        return choices[(choices.index(getattr(self.settings, name)) + 1) % len(choices)]

    def action_theme(self) -> None:
        """Change to the next colours."""
        self._changes.change_display("theme", self._next_choice("theme"))

    @work(group="settings")
    async def action_stability(self) -> None:
        """Show words as they are sent, when they have held, or when they are settled."""
        await self._changes.change("stability", self._next_choice("stability"))
        self.tell(f"Text is {self.settings.stability} now.")

    def action_reading_view(self) -> None:
        """Show the newest words alone."""
        from captions.dashboard.screens.reading_view import ReadingView

        self._reading = ReadingView(self.captions.entries, self.captions.partials, self.status.state)
        self.push_screen(self._reading, self._leave_reading_view)

    def _leave_reading_view(self, _: None) -> None:
        self._reading = None

    @on(CaptionLog.MarkWanted)
    def _mark(self, message: CaptionLog.MarkWanted) -> None:
        if engine := self.session_or_tell():
            engine.mark(message.track, message.time, message.removed)

    def action_low_bandwidth(self) -> None:
        """Draw less, or as always."""
        self.change_setting("low_bandwidth", not self.settings.low_bandwidth)
        self.tell("Less is drawn now." if self.settings.low_bandwidth else "All is drawn now.")

    def action_figures(self) -> None:
        """Show how late words are and what the screen costs, or hide it."""
        self._figures_shown = self.status.toggle_figures()
        self._read_figures()

    def action_live_end(self) -> None:
        """Follow what is being said."""
        self.captions.follow()

    def action_focus_log(self) -> None:
        """Leave the settings, which fold away again on a narrow screen."""
        self.captions.focus()
        if self.screen_stack[0].has_class("-narrow"):
            self.sidebar.remove_class("-open")

    def action_sidebar(self) -> None:
        """Open or close the settings, with the microphones that are there now."""
        if self._reading is not None:
            self._reading.dismiss()
        self.sidebar.toggle_class("-open" if self.screen_stack[0].has_class("-narrow") else "-closed")
        self.call_after_refresh(self._sidebar_toggled)

    def _sidebar_toggled(self) -> None:
        if not self.sidebar.display:
            self.captions.focus()
            return
        self.sidebar.fields["input"].editor.focus()
        self._fill_devices()

    @work(exclusive=True, group="devices", exit_on_error=False)
    async def _fill_devices(self) -> None:
        try:
            self.devices = await self._list_devices()
        except CaptionsError as error:
            self.sidebar.fields["input"].show_error(str(error))
        else:
            self.sidebar.load_devices(self.devices, self.settings.input)

    # The end

    async def action_quit(self) -> None:
        """Wait for the last words, then end. Asked for twice, end at once."""
        self._end(self._exit_code)

    def _end_by_signal(self, number: int) -> None:
        if self._quitting:  # a terminal that goes away tells it twice
            return
        timer = threading.Timer(SIGNAL_SECONDS, os._exit, (128 + number,))
        timer.daemon = True
        timer.start()
        self._end(128 + number)

    @on(TerminalGone)
    def _terminal_gone(self) -> None:
        self._end_by_signal(signal.SIGHUP)

    def _end(self, code: int) -> None:
        if self._quitting or self.engine is None:
            self.exit(return_code=code)
            return
        self._quitting = True
        self.status.show_finishing()
        self.run_worker(self._drain(self.engine, code), group="quit", exit_on_error=False)

    async def _drain(self, engine: Controls, code: int) -> None:
        try:
            await asyncio.wait_for(engine.stop(DRAIN_SECONDS), DRAIN_SECONDS + 1.0)
        except TimeoutError:
            logging.getLogger("captions").warning("The engine did not stop in time")
        except Exception:
            logging.getLogger("captions").exception("The engine did not stop well")
            code = code or int(ExitCode.INTERNAL)
        finally:
            self.exit(return_code=code)


def run_dashboard(
    loaded: Loaded, make_engine: MakeEngine, list_devices: ListDevices, folder: Path | None = None
) -> int:
    """Run the dashboard until the person quits, and return the exit code.

    `make_engine` is awaited after the first paint, with the function that takes the engine's events. What libraries
    print on standard error meanwhile goes to dashboard.log in the log folder. `folder` is where a file was opened last.
    Raises SettingError for keys that cannot be, before the screen is taken.
    """
    app = CaptionsApp(loaded, make_engine, list_devices, folder=folder)
    code = run_in_terminal(app)
    app.choices.remember()
    return code
