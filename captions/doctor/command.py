"""`captions doctor`: its flags, its checks, and running them. Light to import."""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from captions.errors import CaptionsError, ExitCode
from captions.settings import Settings
from captions.settings_sources import Loaded

if TYPE_CHECKING:
    from captions.doctor.checks import Check, Result

DESCRIPTION = """\
Look at all that captions needs on this machine, and say of each thing whether it is good, with the step that mends it
where it is not. Nothing is changed, no secret is shown, and no stream of a service is opened without --connect. The
exit code is 0 when nothing is a problem, and 8 otherwise.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `captions doctor`."""
    parser.description = DESCRIPTION
    parser.add_argument("--json", action="store_true", help="as one JSON object (version, checks), for programs")
    parser.add_argument(
        "--listen",
        metavar="SECONDS",
        nargs="?",
        type=_seconds,
        const=1.0,
        help="hear each microphone and monitor for so long [1], and tell how loud it is in dBFS; say something",
    )
    parser.add_argument(
        "--connect",
        action="store_true",
        help="open one stream, to see that the credentials are accepted; SpeechKit bills it as one unit (15 s)",
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.2 <= seconds <= 60:
        raise argparse.ArgumentTypeError(f"it takes 0.2 to 60 seconds, not {text!r}")
    return seconds


def run(arguments: argparse.Namespace, load: Callable[[], Loaded]) -> int:
    """Look at everything and report. Returns the exit code.

    `load` puts the settings together; what is wrong with them is a finding, and the defaults are looked at instead.
    """
    import asyncio

    try:
        settings = load().settings
    except CaptionsError:
        settings = Settings()
    try:
        return asyncio.run(_run(arguments, settings, load))
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED


async def _run(arguments: argparse.Namespace, settings: Settings, load: Callable[[], Loaded]) -> int:
    import asyncio

    from captions.doctor.checks import Verdict, carry_out
    from captions.doctor.machine import system
    from captions.doctor.report import Report, as_json, worst

    began = time.monotonic()
    to_do = checks(settings, load, arguments.settings, arguments.listen, arguments.connect)
    report = Report(sys.stdout, os.environ, max(len(check.title) for check in to_do))
    if not arguments.json:
        print(f"captions on {system()}", flush=True)
    for warning in _beforehand(arguments, settings):
        print(f"captions: {warning}", file=sys.stderr, flush=True)
    tasks = [asyncio.create_task(carry_out(check)) for check in to_do]
    results: list[Result] = []
    for task in tasks:
        results.append(await task)
        if not arguments.json:
            report.show(results[-1])
    seconds = time.monotonic() - began
    if arguments.json:
        print(as_json(results, system(), seconds))
    else:
        report.conclude(results, seconds)
    return ExitCode.FOUND_PROBLEM if worst(results) is Verdict.PROBLEM else ExitCode.OK


def _beforehand(arguments: argparse.Namespace, settings: Settings) -> list[str]:
    """What a person should know before it is done."""
    from captions.doctor.machine import Imports
    from captions.doctor.recognisers import Asked, billing

    told = []
    if arguments.connect:
        asked = Asked(settings, Imports())
        if asked.uses_service():
            told.append(f"one stream is opened at {settings.endpoint}{billing(asked)}.")
    if arguments.listen is not None:
        told.append("say something: each microphone is heard in turn.")
    return told


def checks(
    settings: Settings, load: Callable[[], Loaded], file: Path | None, listen: float | None, connect: bool
) -> "list[Check]":
    """Return all checks, in the order in which they are shown."""
    from captions.doctor import endpoint, folders, machine, recognisers, sound, terminal
    from captions.doctor.checks import Check

    imports, devices = machine.Imports(), sound.Devices()
    asked = recognisers.Asked(settings, imports)
    microphones, microphones_limit = sound.look_at_microphones(devices, imports, listen)
    monitors, monitors_limit = sound.look_at_monitors(devices, imports, listen)
    program, terminal_, sound_, recognition = "Program", "Terminal", "Sound", "Recognition"
    return [
        Check("python", program, "Python", machine.look_at_python),
        Check("packages", program, "Packages", machine.look_at_packages(imports), 20.0),
        Check("settings", program, "Settings", folders.look_at_settings(load, file), 10.0),
        Check("journal", program, "Journals", folders.look_at_journal),
        Check("sessions", program, "Sessions", folders.look_at_sessions, 10.0),
        Check("log", program, "Log", folders.look_at_log),
        Check("terminal", terminal_, "Size", terminal.look_at_size),
        Check("colours", terminal_, "Colours", terminal.look_at_colours),
        Check("text", terminal_, "Text", terminal.look_at_text),
        Check("link", terminal_, "Link", terminal.look_at_link),
        Check("multiplexer", terminal_, "Multiplexer", terminal.look_at_multiplexer),
        Check("portaudio", sound_, "PortAudio", sound.look_at_portaudio, 10.0),
        Check("sound-server", sound_, "Sound server", sound.look_at_server),
        Check("microphones", sound_, "Microphones", microphones, microphones_limit),
        Check("monitors", sound_, "Monitors", monitors, monitors_limit),
        Check("local", recognition, "This machine", recognisers.look_at_local(asked), recognisers.STARTING_LIMIT),
        Check("credentials", recognition, "Credentials", recognisers.look_at_credentials(asked)),
        Check("endpoint", recognition, "Endpoint", endpoint.look_at_endpoint(asked), 15.0),
        Check(
            "service", recognition, "Service", recognisers.look_at_service(asked, connect), recognisers.OPENING_LIMIT
        ),
    ]
