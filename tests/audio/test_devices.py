"""Microphones are listed afresh, found by a part of their name, and what is missing is told."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from captions.audio import portaudio
from captions.audio.devices import Device, dump, find_device, list_devices
from captions.audio.source import AudioFormat, open_source
from captions.errors import InputError


def device(name: str, host_api: str = "ALSA", default: bool = False) -> Device:
    return Device(0, name, host_api, default, 2, 48_000, (16_000, 48_000))


USB, WEBCAM, HEADSET = device("USB Microphone"), device("Webcam HD"), device("Headset USB", default=True)


def test_no_name_means_the_default_device() -> None:
    assert find_device([USB, WEBCAM, HEADSET], "") is HEADSET


def test_a_part_of_a_name_in_any_case_is_enough() -> None:
    assert find_device([USB, WEBCAM, HEADSET], "webc") is WEBCAM


def test_a_whole_name_comes_before_a_part() -> None:
    pulse, longer = device("pulse"), device("pulse monitor", default=True)
    assert find_device([longer, pulse], "PULSE") is pulse


def test_where_several_fit_they_are_named() -> None:
    with pytest.raises(InputError, match=r"Several .* 'usb'.*USB Microphone, Headset USB"):
        find_device([USB, WEBCAM, HEADSET], "usb")


def test_where_none_fits_the_nearest_is_named() -> None:
    with pytest.raises(InputError, match=r"no microphone named 'webcan hd'\. Did you mean Webcam HD\?"):
        find_device([USB, WEBCAM, HEADSET], "webcan hd")
    with pytest.raises(InputError, match="There are: USB Microphone, Webcam HD, Headset USB"):
        find_device([USB, WEBCAM, HEADSET], "qqq")


def test_what_was_asked_for_is_shown_as_plain_text() -> None:
    with pytest.raises(InputError) as caught:
        find_device([USB], "\x1b[31mred")
    assert "\x1b" not in str(caught.value)


def test_a_device_that_several_host_apis_offer_is_taken_from_the_default_ones() -> None:
    offered = [device("USB Microphone", api, default=api == "MME") for api in ("WASAPI", "MME", "WDM-KS")]
    assert find_device(offered, "usb").host_api == "MME"


def test_without_devices_or_a_default_one_it_is_told() -> None:
    with pytest.raises(InputError, match="There is no microphone"):
        find_device([], "")
    with pytest.raises(InputError, match=r"default.*USB Microphone, Webcam HD"):
        find_device([USB, WEBCAM], "")


def test_a_listing_survives_its_way_through_json() -> None:
    rows = portaudio.parse(dump([USB, HEADSET]).encode())["devices"]
    assert [Device(**{**row, "rates": tuple(row["rates"])}) for row in rows] == [USB, HEADSET]


@pytest.fixture
def before_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that has Python code run at the start of every child process."""

    def prepare(code: str) -> None:
        (tmp_path / "sitecustomize.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH")))))

    return prepare


DISTRIBUTIONS = {
    ("debian", ""): "apt install libportaudio2",
    ("linuxmint", "ubuntu debian"): "apt install libportaudio2",
    ("fedora", ""): "dnf install portaudio",
    ("rocky", "rhel centos fedora"): "dnf install portaudio",
    ("manjaro", "arch"): "pacman -S portaudio",
    ("alpine", ""): "apk add portaudio",
    ("opensuse-leap", "suse opensuse"): "zypper install libportaudio2",
    ("slackware", ""): "your system's package",
}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere sounddevice brings PortAudio with it")
@pytest.mark.parametrize(("ids", "advice"), DISTRIBUTIONS.items())
async def test_without_portaudio_it_is_told_how_this_distribution_installs_it(
    ids: tuple[str, str], advice: str, before_start: Callable[[str], None]
) -> None:
    before_start(
        "import ctypes.util, platform\n"
        "ctypes.util.find_library = lambda name: None\n"
        f"platform.freedesktop_os_release = lambda: {{'ID': {ids[0]!r}, 'ID_LIKE': {ids[1]!r}}}\n"
    )
    with pytest.raises(InputError, match=advice) as listing:
        await list_devices()
    assert "PortAudio" in listing.value.message
    with pytest.raises(InputError, match=advice):
        await open_source("microphone", AudioFormat())


async def test_a_portaudio_that_crashes_is_told(before_start: Callable[[str], None]) -> None:
    before_start("import os; os.abort()")
    with pytest.raises(InputError, match="gave no answer"):
        await list_devices()
    with pytest.raises(InputError, match="gave no answer"):
        await open_source("microphone", AudioFormat())


async def test_a_portaudio_that_hangs_is_given_up(
    before_start: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("captions.audio.devices.LISTING_LIMIT", 0.5)
    monkeypatch.setattr("captions.audio.microphone.OPENING_LIMIT", 0.5)
    before_start("import threading; threading.Event().wait()")
    with pytest.raises(InputError, match="gave no answer"):
        await list_devices()
    with pytest.raises(InputError, match="gave no answer"):
        await open_source("microphone", AudioFormat())


async def test_a_module_in_the_current_folder_does_not_pass_for_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('taken from the wrong folder')")
    (tmp_path / "sounddevice.py").write_text("raise SystemExit('taken from the wrong folder')")
    monkeypatch.chdir(tmp_path)
    process = await portaudio.start("devices")
    assert process.stdout is not None
    assert (await process.stdout.readline()).startswith((b'{"devices"', b'{"error"'))
    await portaudio.end(process)
