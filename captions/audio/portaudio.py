"""PortAudio, in a process of its own: the only place where it is loaded.

It is a guest that a terminal program cannot have in the house: ALSA and PortAudio write to file descriptor 2, at any
time and from their own threads, a device list is read once in the life of a process, and a sound server that hangs
blocks whoever opens a device for good. A child process has its own descriptor 2, a fresh list each time, and can be
ended at any moment, which lets go of the device as well.

`python -m captions.audio.portaudio devices` prints the listing as a line of JSON, and `... record PART RATE BLOCK_MS
SHOWN` a line of JSON that says how it records, then blocks: a `HEADER`, and its bytes of interleaved int16. A block
of no bytes means that the sound broke off; a line of JSON after it says why. An error is
`{"error": {"message": ..., "hint": ...}}` wherever it stands.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import platform
import signal
import struct
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from captions.audio.devices import RATES, Device, dump, find_device
from captions.errors import InputError
from captions.plain_text import plain

if TYPE_CHECKING:  # the child process does without asyncio: it takes a third of the time to start
    import asyncio

HEADER = struct.Struct("<QII")
"""Before each block: the position of its first frame since recording began, counted by the device; how often the
device itself has lost audio so far (it does not say how much); and the size of the block in bytes."""

QUEUE_SECONDS = 30
"""How much audio waits in the child while nobody reads it. Then the oldest is dropped, and positions tell of it."""

FIRST_BLOCK_LIMIT = 5
"""Seconds within which a device that was opened must deliver. An idle sound server takes two."""

SILENCE_LIMIT = 2
"""Seconds without a block after which a device counts as gone."""

ENDING_LIMIT = 2.0
"""Seconds that are waited for a child that was killed; it takes a few milliseconds."""

DEVICE_UNAVAILABLE = -9985
"""PortAudio's error code of a device that somebody else holds (paDeviceUnavailable)."""

_DEBIAN = ("apt install libportaudio2", "apt install libasound2-plugins", "apt install pulseaudio-utils")
_FEDORA = ("dnf install portaudio", "dnf install alsa-plugins-pulseaudio", "dnf install pulseaudio-utils")
_SUSE = ("zypper install libportaudio2", "zypper install alsa-plugins-pulse", "zypper install pulseaudio-utils")
PACKAGES = {
    "debian": _DEBIAN,
    "ubuntu": _DEBIAN,
    "fedora": _FEDORA,
    "rhel": _FEDORA,
    "arch": ("pacman -S portaudio", "pacman -S pulseaudio-alsa", "pacman -S libpulse"),
    "alpine": ("apk add portaudio", "apk add alsa-plugins-pulse", "apk add pulseaudio-utils"),
    "suse": _SUSE,
    "opensuse": _SUSE,
}
"""By ID or ID_LIKE of os-release: what installs PortAudio, ALSA's way to PulseAudio and PipeWire, and `pactl`."""


async def start(*arguments: str, source: str = "") -> asyncio.subprocess.Process:
    """Start the child process: its standard output is a pipe, what native code prints goes nowhere.

    `source` is the sound server's name of what is recorded when ALSA's device "pulse" is.
    """
    import asyncio

    home = str(Path(__file__).parents[2])
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (home, environment.get("PYTHONPATH"))))
    environment.setdefault("PULSE_LATENCY_MSEC", "30")  # without it the first block may take two seconds
    environment.setdefault("PULSE_PROP_OVERRIDE", "application.name=captions")  # else it is "ALSA plug-in [python3]"
    if source:
        environment["PULSE_SOURCE"] = source
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # a file in the current folder must not pass for a module
        "-m",
        "captions.audio.portaudio",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment,
    )


def kill(process: asyncio.subprocess.Process) -> None:
    """End the child at once, which lets go of its device. Idempotent."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        if sys.platform == "win32":
            process.kill()
        else:
            # `process.kill` would reap a child that has just ended, which asyncio waits for and then wonders about.
            os.kill(process.pid, signal.SIGKILL)


async def end(process: asyncio.subprocess.Process) -> None:
    """End the child and wait until it is gone. Idempotent; nobody else may be reading from it."""
    import asyncio

    kill(process)
    assert process.stdout is not None
    with contextlib.suppress(TimeoutError):  # a process that the system cannot end: nothing more can be done
        async with asyncio.timeout(ENDING_LIMIT):
            await process.stdout.read()  # a pipe that still holds something would keep the transport open
            await process.wait()


def parse(line: bytes) -> dict[str, Any]:
    """Return what the child said in a line of JSON. Raises the InputError that it told of, or that it said nothing."""
    try:
        reply: dict[str, Any] = json.loads(line)
    except ValueError:
        raise silent("It broke down") from None
    if "error" in reply:
        raise InputError(reply["error"]["message"], reply["error"]["hint"])
    return reply


def silent(what: str) -> InputError:
    """Return the error for a PortAudio that does not answer, or that crashed."""
    return InputError(
        f"{what}: PortAudio gave no answer.", "Is the sound server running? Try again, or caption a file."
    )


def main(arguments: list[str]) -> None:
    """Run the child process. Ends it without PortAudio's own clean-up, which hangs on a device that is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this process in good time
    output = os.dup(1)
    os.dup2(2, 1)  # what native code prints must not pass for audio
    try:
        if arguments[0] == "devices":
            _write(output, dump(_devices(_sounddevice(), RATES)).encode() + b"\n")
        else:
            part, rate, block_ms, shown = arguments[1], int(arguments[2]), int(arguments[3]), arguments[4]
            _record(output, part, rate, block_ms, shown)
    except InputError as error:
        _write(output, _error(error))
    except BrokenPipeError:
        pass  # the parent is gone
    except Exception as error:  # the parent shows it: there is no other place for it
        _write(output, _error(InputError(f"PortAudio broke down: {plain(str(error))}.")))
    os._exit(0)


def _error(error: InputError) -> bytes:
    return json.dumps({"error": {"message": error.message, "hint": error.hint}}).encode() + b"\n"


def _write(output: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(output, view) :]


def packages() -> tuple[str, str, str] | None:
    """Return the commands of `PACKAGES` for the distribution at hand; None where it is not known."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return None
    for name in (release.get("ID", ""), *release.get("ID_LIKE", "").split()):
        if name.partition("-")[0] in PACKAGES:
            return PACKAGES[name.partition("-")[0]]
    return None


def _sounddevice() -> Any:
    """Return the module sounddevice, whose import loads PortAudio and looks for devices."""
    try:
        import sounddevice
    except OSError as error:  # only on Linux: the wheels for macOS and Windows bring PortAudio with them
        commands = packages()
        hint = (
            f"Install it: sudo {commands[0]}"
            if commands
            else "Install your system's package of it, named libportaudio2 or portaudio."
        )
        raise InputError("PortAudio, the library that reaches microphones, is missing.", hint) from error
    except Exception as error:
        raise InputError(f"PortAudio cannot be started: {plain(str(error))}.") from error
    return sounddevice


def _devices(sounddevice: Any, rates: tuple[int, ...]) -> list[Device]:
    """List the devices; each is asked for `rates`, which opens it for a moment."""
    apis = [str(api["name"]) for api in sounddevice.query_hostapis()]
    try:
        default = int(sounddevice.query_devices(kind="input")["index"])
    except (sounddevice.PortAudioError, ValueError):
        default = -1
    devices = []
    for row in sounddevice.query_devices():
        channels = int(row["max_input_channels"])
        if channels < 1:
            continue
        index = int(row["index"])
        devices.append(
            Device(
                index=index,
                name=plain(str(row["name"])),
                host_api=apis[row["hostapi"]],
                default=index == default,
                channels=channels,
                default_rate=round(row["default_samplerate"]),
                rates=tuple(rate for rate in rates if _takes(sounddevice, index, rate, channels)),
            )
        )
    if not devices and _sound_server_runs():
        commands = packages()
        hint = f"Install it: sudo {commands[1]}" if commands else "Install ALSA's plugin for PulseAudio."
        raise InputError("A sound server runs here, but ALSA's plugin that leads to it is missing.", hint)
    return devices


def _sound_server_runs() -> bool:
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR", "/nowhere"))
    return sys.platform == "linux" and ("PULSE_SERVER" in os.environ or (runtime / "pulse" / "native").exists())


def _channel_counts(channels: int) -> list[int]:
    return [count for count in dict.fromkeys((1, 2, channels)) if count <= channels]


def _takes(sounddevice: Any, index: int, rate: int, channels: int) -> bool:
    for count in _channel_counts(channels):
        with contextlib.suppress(sounddevice.PortAudioError):
            sounddevice.check_input_settings(device=index, channels=count, samplerate=rate, dtype="int16")
            return True
    return False


class _Recording:
    """What the device has delivered and nobody has taken yet."""

    def __init__(self, block_ms: int) -> None:
        self.blocks: collections.deque[tuple[int, int, bytes]] = collections.deque(
            maxlen=max(1, QUEUE_SECONDS * 1000 // block_ms)  # a full one drops its oldest block
        )
        self.changed = threading.Event()
        self.finished = False
        self.stream: Any = None  # held, because PortAudio calls into it
        self._position = 0
        self._overflows = 0

    def take(self, block: Any, frames: int, time: object, status: Any) -> None:
        """Run by PortAudio in a thread that must not wait; the buffer is its own and is used again."""
        if status.input_overflow:
            self._overflows += 1
        self.blocks.append((self._position, self._overflows, bytes(block)))
        self._position += frames
        self.changed.set()

    def finish(self) -> None:
        """Run by PortAudio when the device delivers no more."""
        self.finished = True
        self.changed.set()


def _record(output: int, part: str, rate: int, block_ms: int, shown: str) -> None:
    """Record the device that `part` means; `shown` is what it is called in errors, if not by its name."""
    sounddevice = _sounddevice()
    device = find_device(_devices(sounddevice, ()), part)
    shown = shown or f"The microphone {device.name}"
    recording = _Recording(block_ms)
    rate, channels = _open(sounddevice, device, rate, block_ms, recording, shown)
    opened = {"name": device.name, "rate": rate, "channels": channels}
    _write(output, json.dumps(opened).encode() + b"\n")
    reason = _deliver(output, recording, shown)
    _write(output, HEADER.pack(0, 0, 0) + _error(reason))


def _deliver(output: int, recording: _Recording, shown: str) -> InputError:
    """Write blocks until none come any more; return why."""
    limit, silence = FIRST_BLOCK_LIMIT, 0
    while True:
        # Counted in single seconds, so that a process that was stopped (Ctrl-Z) gives its device one more when it
        # goes on, instead of finding the whole limit passed.
        silence = 0 if recording.changed.wait(1) else silence + 1
        recording.changed.clear()
        while recording.blocks:
            position, overflows, block = recording.blocks.popleft()
            _write(output, HEADER.pack(position, overflows, len(block)) + block)
            limit = SILENCE_LIMIT
        if recording.finished:
            return InputError(
                f"{shown} is gone: it was unplugged, or the sound server ended.",
                "Plug it in again, or choose another input.",
            )
        if silence >= limit:
            return InputError(
                f"{shown} has delivered nothing for {limit} seconds.",
                "Is it switched off or held by another program? Choose it again, or another input.",
            )


def _open(
    sounddevice: Any, device: Device, rate: int, block_ms: int, recording: _Recording, shown: str
) -> tuple[int, int]:
    """Record at `rate` and mono where the device can, else at its own; return the rate and the channels."""
    failure: Exception | None = None
    for attempt in dict.fromkeys((rate, device.default_rate)):
        for channels in _channel_counts(device.channels):
            try:
                recording.stream = sounddevice.RawInputStream(
                    device=device.index,
                    samplerate=attempt,
                    channels=channels,
                    dtype="int16",
                    blocksize=attempt * block_ms // 1000,
                    callback=recording.take,
                    finished_callback=recording.finish,
                )
                recording.stream.start()
            except sounddevice.PortAudioError as error:
                failure = error
            else:
                return attempt, channels
    code, reason = _reason(failure)
    if code == DEVICE_UNAVAILABLE:
        raise InputError(
            f"{shown} is busy: another program holds it.",
            "Close that program, or choose another input.",
        )
    raise InputError(
        f"{shown} cannot be opened: {reason}.",
        "See `captions devices`, or choose another input.",
    )


def _reason(failure: Exception | None) -> tuple[int, str]:
    """Return PortAudio's error code and the reason: the host's own words where it has some."""
    text, code, host = (*(failure.args if failure else ()), "", 0, None)[:3]
    if host and host[2]:
        return code, plain(str(host[2]))
    return code, plain(str(text).rpartition(": ")[2])


if __name__ == "__main__":
    main(sys.argv[1:])
