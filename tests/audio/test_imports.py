"""What is heavy, or may be missing, is loaded only when it is needed."""

import subprocess
import sys

import pytest


def loaded(program: str) -> set[str]:
    """Return which modules are loaded after `program`, in a process of its own."""
    ran = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(ran.stdout.split())


def test_naming_sources_loads_neither_portaudio_nor_ffmpeg_nor_the_screen() -> None:
    modules = loaded("import captions.audio.source, captions.audio.level, captions.audio.devices")
    assert not modules & {"sounddevice", "av", "textual", "rich"}


def test_listing_devices_does_not_load_portaudio_into_this_process() -> None:
    program = (
        "import asyncio\nfrom captions.audio.devices import list_devices\n"
        "from captions.errors import InputError\n"
        "try: asyncio.run(list_devices())\n"
        "except InputError: pass"
    )
    assert not loaded(program) & {"sounddevice", "av", "textual"}


def test_opening_the_sample_does_not_load_its_recogniser() -> None:
    pytest.importorskip("moonshine_voice", reason="the sample comes with the extra `local`")
    program = (
        "import asyncio\nfrom captions.audio.source import AudioFormat, open_source\n"
        "asyncio.run(open_source('sample', AudioFormat()))"
    )
    modules = loaded(program)
    assert "av" in modules
    assert not modules & {"moonshine_voice", "sounddevice", "textual"}
