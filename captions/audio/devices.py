"""What there is to be recorded, microphones and what the machine plays, and which one a person means."""

import difflib
import json
from dataclasses import dataclass

from captions.errors import InputError
from captions.plain_text import plain

RATES = (8_000, 16_000, 48_000)
"""Sample rates that streams have, in Hz; a device is asked for each whether it takes it."""

LISTING_LIMIT = 15.0
"""Seconds after which listing is given up: a sound server that does not answer would block it for ever."""


@dataclass(frozen=True, slots=True)
class Device:
    """Something that can be recorded from.

    `kind` is microphone, or monitor for what an output of the machine plays; with `name`, or a part of it, after a
    colon it is a name of `open_source`. `index` is PortAudio's number, good only within the process that listed it;
    of a monitor, the sound server's. `host_api` is the way it is reached (ALSA, Core Audio, MME, PulseAudio,
    PipeWire ...). `default_rate` is in Hz, and `rates` are those of `RATES` that it takes itself, none when it cannot
    be opened just now; audio at other rates is resampled.
    """

    index: int
    name: str
    host_api: str
    default: bool
    channels: int
    default_rate: int
    rates: tuple[int, ...] = ()
    kind: str = "microphone"


async def list_devices() -> list[Device]:
    """Return what can be recorded from, as of now: microphones, then monitors where a sound server has them.

    PortAudio looks for devices once in the life of a process, so every listing is made in a fresh one. Raises
    InputError when PortAudio is missing or does not answer.
    """
    import asyncio

    from captions.audio.monitor import list_monitors

    microphones, monitors = await asyncio.gather(_microphones(), list_monitors())
    return microphones + monitors


async def _microphones() -> list[Device]:
    import asyncio

    from captions.audio import portaudio

    process = await portaudio.start("devices")
    try:
        output, _ = await asyncio.wait_for(process.communicate(), LISTING_LIMIT)
    except TimeoutError:
        raise portaudio.silent("It did not list the microphones") from None
    finally:
        await portaudio.end(process)
    reply = portaudio.parse(output)
    return [Device(**{**row, "rates": tuple(row["rates"])}) for row in reply["devices"]]


def dump(devices: list[Device]) -> str:
    """Return the listing as one line of JSON, as `list_devices` reads it."""
    rows = [{name: getattr(device, name) for name in Device.__slots__} for device in devices]
    return json.dumps({"devices": rows})


def find_device(devices: list[Device], part: str) -> Device:
    """Return the device that `part` means: the default one when it is empty.

    A device whose whole name is `part` comes first, then the one whose name has it as a part, in any case. A device
    that several host APIs offer is taken from the default device's, so on Windows, where each is listed up to four
    times, a name is still enough. Raises InputError, naming what there is, unless exactly one device fits.
    """
    if not devices:
        raise InputError("There is no microphone.", "Plug one in, or caption a file, or the sample.")
    noun = "output" if devices[0].kind == "monitor" else "microphone"
    default = next((device for device in devices if device.default), None)
    if not part:
        if default is None:
            raise InputError(f"No {noun} is set as the default one.", f"Name one: {_names(devices)}.")
        return default
    wanted = part.casefold()
    fitting = [device for device in devices if device.name.casefold() == wanted]
    fitting = fitting or [device for device in devices if wanted in device.name.casefold()]
    if not fitting:
        raise InputError(f"There is no {noun} named {plain(part)!r}.", _nearest(part, devices))
    home = (default or devices[0]).host_api
    fitting = [device for device in fitting if device.host_api == home] or fitting
    if len({device.name for device in fitting}) > 1:
        raise InputError(f"Several {noun}s are named {plain(part)!r}.", f"Say which is meant: {_names(fitting)}.")
    return fitting[0]


def _nearest(part: str, devices: list[Device]) -> str:
    by_folded = {device.name.casefold(): device.name for device in devices}
    close = difflib.get_close_matches(part.casefold(), by_folded, n=3, cutoff=0.4)
    if close:
        return f"Did you mean {' or '.join(by_folded[name] for name in close)}?"
    return f"There are: {_names(devices)}."


def _names(devices: list[Device]) -> str:
    return ", ".join(dict.fromkeys(device.name for device in devices))
