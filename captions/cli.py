"""The commands and their flags. Nothing heavy is imported before the command is known."""

import argparse
import contextlib
import io
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from captions import __version__
from captions.errors import CaptionsError, ExitCode, SettingError
from captions.plain import WORDS
from captions.plain_text import plain
from captions.settings import ROWS, Group, Setting, Settings, log_folder, nearest
from captions.settings_file import settings_file, toml
from captions.settings_sources import Loaded, load

DESCRIPTION = "Live captions in a terminal, from a microphone or a file, through a streaming speech recogniser."
EPILOG = """\
Without a command, `live` is meant: `captions` and `captions talk.mp3` open the dashboard, and `captions --plain`
prints plain lines instead, for screen readers and logs.

SOURCE is one of
  microphone, or microphone:PART of a device's name     what is said here (`captions devices` lists them)
  monitor, or monitor:PART of an output's name          what this machine plays, as in a meeting
  -                                                     standard input: a file of any kind, or samples without a
                                                        header (16 bit; see --pcm-rate); keys work all the same
  tcp://HOST:PORT, http://, https:// or rtsp://         a stream or a file elsewhere
  PATH                                                  an audio or video file, or a named pipe
  sample                                                the recording that comes with the recogniser
A path that begins with ./ is never taken for another of these.

Credentials come from the environment (IAM_TOKEN or API_KEY, and FOLDER_ID for a user account), from a file, the
system's keyring, a virtual machine or yc, never from a flag (`captions credentials` shows them). Without any, speech is
recognised on this machine.
"""
COMPLETION = """\
For the shell that is open, and in its start-up file for every one:
  bash   source <(captions completion bash)        in ~/.bashrc
  zsh    source <(captions completion zsh)         in ~/.zshrc, after compinit
  fish   captions completion fish | source         in ~/.config/fish/config.fish
"""


class Parser(argparse.ArgumentParser):
    """Tells an unknown flag together with the nearest one that exists."""

    def parse_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        """As in argparse."""
        namespace, unknown = self.parse_known_args(args, namespace)
        if unknown:
            command = getattr(namespace, "parser", self)
            flags = [flag for action in command._actions for flag in action.option_strings]
            hint = nearest(unknown[0].partition("=")[0], flags) if unknown[0].startswith("-") else ""
            command.error(f"there is no {unknown[0]}. {hint}".rstrip())
        return namespace

    def error(self, message: str) -> NoReturn:
        """One sentence, without the usage text."""
        self.exit(ExitCode.USAGE, f"{self.prog}: {plain(message)} (see {self.prog} --help)\n")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = Parser(
        prog="captions",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"captions {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, summary: str, *, settings: bool = True) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        made.set_defaults(parser=made)
        if settings:
            _add_settings(made)
        return made

    live = command("live", "Open the dashboard (what `captions` does by itself).")
    live.add_argument("source", nargs="?", metavar="SOURCE", help="where sound comes from at the start")
    live.add_argument(
        "--plain",
        action="store_true",
        help="no dashboard: captions as plain lines with their time of day, and what happens as sentences in brackets, "
        "for screen readers, logs and dumb terminals (which get it by themselves, as pipes and files do); on a "
        f"terminal these words and Enter are commands: {', '.join(WORDS)}",
    )

    transcribe = command("transcribe", "Print captions to standard output, without a dashboard.")
    transcribe.add_argument(
        "source",
        metavar="SOURCE",
        nargs="+",
        help="what `captions --help` says, such as a file or - for standard input; several are captioned one after "
        "another, each in a session of its own",
    )
    transcribe.add_argument(
        "--format",
        choices=("text", "ndjson"),
        default="text",
        help="text: finals as lines; ndjson: a record for every event, each session's after one of the type `session`",
    )
    transcribe.add_argument("--partials", action="store_true", help="print text that may still change, too")
    transcribe.add_argument(
        "--speed",
        choices=("real", "max"),
        default="real",
        help="max plays a file as fast as the recogniser takes it (the cloud service is made for real pace)",
    )
    transcribe.add_argument(
        "--stats",
        action="store_true",
        help="at the end, tell on standard error how late words were and what was heard; with ndjson, tell delays as "
        "they come, too",
    )

    serve = command(
        "serve", "Serve the recogniser on this machine to any client of SpeechKit v2 or v3.", settings=False
    )
    from captions.server.command import add_arguments

    add_arguments(serve)

    devices = command("devices", "List microphones and monitors, and the sample rates they take.", settings=False)
    devices.add_argument("--json", action="store_true", help="as JSON")

    command("settings", "Show every setting, its value and what set it, as a settings file.")

    from captions.archive.command import add_arguments as add_archive_commands

    add_archive_commands(command)

    credentials = command("credentials", "Show where credentials come from, or keep some in the system's keyring.")
    from captions.recognition.iam.command import add_arguments as add_credentials_arguments

    add_credentials_arguments(credentials)

    doctor = command("doctor", "Look at all that captions needs here, and say what mends what is wrong.")
    from captions.doctor.command import add_arguments as add_doctor_arguments

    add_doctor_arguments(doctor)

    models = command("models", "List the models for other languages on this machine, add one, or remove it.")
    from captions.server.models_command import add_arguments as add_models_arguments

    add_models_arguments(models)

    completion = command("completion", "Print the script by which a shell completes what is typed.", settings=False)
    completion.epilog, completion.formatter_class = COMPLETION, argparse.RawDescriptionHelpFormatter
    completion.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell that is to read it")
    return parser


def _add_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--settings", metavar="FILE", type=Path, help=f"settings file instead of {settings_file()}")
    for group in Group:
        section = parser.add_argument_group(group.value)
        for row in ROWS.values():
            if row.group is not group:
                continue
            text = f"{row.help} [{row.default if row.default != '' else 'none'}]".replace("%", "%%")
            if row.kind is bool:
                section.add_argument(
                    row.flag, dest=f"setting_{row.name}", action=argparse.BooleanOptionalAction, help=text
                )
            else:
                metavar = "|".join(map(str, row.choices)) if row.choices else row.name.upper()
                section.add_argument(row.flag, dest=f"setting_{row.name}", metavar=metavar, help=text)


def _load(arguments: argparse.Namespace, remembered: Mapping[str, object] | None = None) -> Loaded:
    flags: dict[str, object] = {
        name: getattr(arguments, f"setting_{name}")
        for name in ROWS
        if getattr(arguments, f"setting_{name}") is not None
    }
    if source := getattr(arguments, "source", None):
        if "input" in flags:
            raise SettingError("The input is given twice: as SOURCE and with --input.", "Leave one of them out.")
        flags["input"] = source if isinstance(source, str) else source[0]
    return load(flags, file=arguments.settings, remembered=remembered)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return the exit code. Errors are told in a sentence, never as a traceback."""
    words = list(sys.argv[1:] if argv is None else argv)
    parser = build_parser()
    if "_ARGCOMPLETE" in os.environ:  # a shell asks what could be typed
        from captions.completion import complete

        complete(parser)
    known = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction)).choices
    if not words or (words[0] not in known and words[0] not in ("-h", "--help", "--version")):
        words.insert(0, "live")
    arguments = parser.parse_args(words)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a word that its encoding lacks must not end the program
    try:
        code = COMMANDS[arguments.command](arguments)
        sys.stdout.flush()
        return code
    except CaptionsError as error:
        print(f"captions: {plain(str(error))}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Nobody reads any more: end as by the signal for it, without Python's own complaint at the last flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + 13
    except Exception as error:
        print(f"captions: {unforeseen(error)}", file=sys.stderr)
        return ExitCode.INTERNAL


def unforeseen(error: BaseException) -> str:
    """Keep the traceback of a mistake of ours in a file, and return a sentence that says where."""
    path = log_folder() / "crash.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    except OSError:
        return f"Something went wrong that should not have: {type(error).__name__}: {plain(str(error))}"
    return f"Something went wrong that should not have ({type(error).__name__}). The details are in {path}."


def _live(arguments: argparse.Namespace) -> int:
    from captions.remembered import recall

    remembered = recall()
    loaded = _load(arguments, remembered.settings)
    settings = loaded.settings
    if arguments.plain or os.environ.get("TERM") == "dumb" or not _has_screen_and_keys(settings):
        from captions.headless import print_plainly

        return print_plainly(settings)
    from captions.dashboard.app import run_dashboard

    engines = []

    async def make_engine(on_event):  # type: ignore[no-untyped-def]
        import asyncio
        import importlib

        # What the engine needs takes longer to import than a frame may take; the screen is alive meanwhile.
        engine = await asyncio.to_thread(importlib.import_module, "captions.engine")
        engines.append(engine.Engine(settings, on_event))
        return engines[-1]

    async def list_devices():  # type: ignore[no-untyped-def]
        from captions.audio.devices import list_devices as fresh

        return await fresh()

    code = run_dashboard(loaded, make_engine, list_devices, remembered.folder)
    if engines and engines[-1].journal is not None:
        _tell_of_session(engines[-1].journal)
    return code


def _tell_of_session(journal: Path) -> None:
    """Say how to come back to what was captioned: the screen on which it stood is gone."""
    from captions.transcript.sessions import read_session

    session = read_session(journal)
    if session is None or not session.captions:
        return
    with contextlib.suppress(OSError):  # the terminal may have gone
        print(f'captions: The transcript is kept. Read it again: captions show "{session.name}"', file=sys.stderr)


def _has_screen_and_keys(settings: Settings) -> bool:
    """Whether there is a terminal for the dashboard; where standard input is sound, keys come from the terminal."""
    if settings.input == "-" and sys.platform != "win32" and sys.stdout.isatty():
        from captions.dashboard.driver import terminal_is_there

        return terminal_is_there()
    return sys.stdin.isatty() and sys.stdout.isatty()


def _transcribe(arguments: argparse.Namespace) -> int:
    settings = _load(arguments).settings
    if len(arguments.source) > 1 and settings.output:
        raise SettingError("One file cannot have the captions of several sources.", "Give one, or leave out --output.")
    from captions.headless import transcribe

    return transcribe(
        [settings.changed("input", source, "SOURCE") for source in arguments.source],
        ndjson=arguments.format == "ndjson",
        partials=arguments.partials,
        real_time=arguments.speed == "real",
        stats=arguments.stats,
    )


def _serve(arguments: argparse.Namespace) -> int:
    from captions.server.command import run

    return run(arguments)


def _devices(arguments: argparse.Namespace) -> int:
    import asyncio
    import dataclasses
    import json

    from captions.audio.devices import list_devices

    devices = asyncio.run(list_devices())
    if arguments.json:
        print(json.dumps([dataclasses.asdict(device) for device in devices], ensure_ascii=False, indent=2))
        return ExitCode.OK
    for kind, heading in (("microphone", "Microphones"), ("monitor", "Monitors: what the machine plays")):
        group = [device for device in devices if device.kind == kind]
        if group:
            print(heading)
        for device in group:
            rates = ", ".join(f"{rate}" for rate in device.rates)
            rates = f"{rates} Hz" if rates else "none of the recogniser's rates; it is resampled"
            print(f"{'*' if device.default else ' '} {kind}:{device.name}  ({device.host_api}; {rates})")
    if not devices:
        print("There is nothing to record from. `captions sample` shows how captions look.", file=sys.stderr)
    return ExitCode.OK


def _settings(arguments: argparse.Namespace) -> int:
    from captions.dashboard.keys import keymap, table
    from captions.remembered import recall

    loaded = _load(arguments, recall().settings)
    keymap(loaded.keys, str(loaded.file))
    print(f"# The settings file is {plain(str(loaded.file))}")
    for group in Group:
        print(f"\n# {group.value}")
        for row in ROWS.values():
            if row.group is group:
                value = getattr(loaded.settings, row.name)
                choices = f" One of: {', '.join(map(str, row.choices))}." if row.choices else ""
                meaning, origin = row.help + choices + _for_whom(row), plain(loaded.origin[row.name])
                print(f"\n# {meaning}\n# From: {origin}\n{row.name} = {toml(value)}")
    print(f'\n# Keys of the dashboard, by what they do; several as in "p,f5", none as ""\n\n{table(loaded.keys)}')
    return ExitCode.OK


def _models(arguments: argparse.Namespace) -> int:
    from captions.server.models_command import run

    return run(arguments, _load(arguments).settings)


def _credentials(arguments: argparse.Namespace) -> int:
    from captions.recognition.iam.command import run

    return run(arguments, _load(arguments), os.environ)


def _for_whom(row: Setting) -> str:
    """The sentence that says to which recognisers a setting means something, empty where that is all of them."""
    chosen = ROWS["recognizer"]
    labels = {each: chosen.label_of(each) for each in chosen.choices if each != "auto"}
    without = [label for each, label in labels.items() if row.recognizers and each not in row.recognizers]
    if not without:
        return ""
    if len(without) == 1:
        return f" Not for {_within(without[0])}."
    return f" Only for {' and '.join(_within(label) for label in labels.values() if label not in without)}."


def _within(label: str) -> str:
    """A recogniser's label as it stands within a sentence."""
    return "this machine" if label == "This machine" else label


def _doctor(arguments: argparse.Namespace) -> int:
    from captions.doctor.command import run
    from captions.remembered import recall

    return run(arguments, lambda: _load(arguments, recall().settings))


def _completion(arguments: argparse.Namespace) -> int:
    from captions.completion import script

    print(script(arguments.shell))
    return ExitCode.OK


def _archive(arguments: argparse.Namespace) -> int:
    from captions.archive.command import run

    return run(arguments, lambda: _load(arguments))


COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "live": _live,
    "transcribe": _transcribe,
    "serve": _serve,
    "devices": _devices,
    "settings": _settings,
    **dict.fromkeys(("sessions", "search", "follow", "show", "export", "redo", "title"), _archive),
    "credentials": _credentials,
    "models": _models,
    "doctor": _doctor,
    "completion": _completion,
}
