"""What comes from outside is text in everything that is printed or kept: never a control sequence."""

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest

from captions.events import Entry, Final, Gap, InputChanged, Notice, Phase, SessionState, Severity
from captions.plain import Sentences
from captions.plain_text import plain
from captions.settings_file import save
from captions.transcript.journal import begin_journal, read_journal
from tests.hostile import FILE_NAMES, HOSTILE, controls
from tests.scripted_server import ScriptedServer, ServedStream, final, partial
from tests.test_headless import second_of_sound  # noqa: F401 - a fixture

NOW = datetime(2026, 3, 4, 12, 4, 31, tzinfo=UTC)
SENDABLE = {name: text for name, text in HOSTILE.items() if name != "half a character"}
"""What a message of the service can hold."""
each = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())


async def run(*words: str, **environment: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "captions", *words,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )  # fmt: skip
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, output.decode(), errors.decode()


@pytest.mark.parametrize(
    "words", [["transcribe", "--partials"], ["transcribe", "--partials", "--format", "ndjson"], []]
)
async def test_what_is_said_is_printed_as_text(second_of_sound: str, words: list[str]) -> None:  # noqa: F811
    async def says_everything(stream: ServedStream) -> None:
        await stream.config()
        for text in SENDABLE.values():
            await stream.reply(partial(text))
            await stream.reply(final(text, end_of_utterance=True, words=[(text[:50], 0.0, 0.5)]))
        await stream.until_half_close()

    async with ScriptedServer(says_everything) as server:
        partials = ["--partials"] if words else []
        code, output, errors = await run(*words, *partials, second_of_sound, "--endpoint", server.target, "--no-tls")
    assert code == 0, errors
    assert controls(output + errors, sequences_too=True) == set()
    lines = output.splitlines()
    if "ndjson" in words:
        finals = [record["text"] for line in lines if (record := json.loads(line))["type"] == "final"]
    elif words:
        finals = [line for line in lines if not line.startswith("… ")]
    else:
        own = ("[Starting", "[Playing", "[SpeechKit", "[End")
        finals = [line[9:] for line in lines if not line[9:].startswith(own)]
    assert finals == [said for text in SENDABLE.values() if (said := plain(text).strip())]


@pytest.mark.parametrize("words", [["transcribe"], ["transcribe", "--format", "ndjson"], []])
async def test_a_services_error_is_printed_as_text(second_of_sound: str, words: list[str]) -> None:  # noqa: F811
    details = "".join(text for name, text in SENDABLE.items() if not name.startswith(("long", "marks", "joiners")))

    async def refuses(stream: ServedStream) -> None:
        await stream.config()
        await stream.abort(grpc.StatusCode.INVALID_ARGUMENT, details)

    async with ScriptedServer(refuses) as server:
        code, output, errors = await run(*words, second_of_sound, "--endpoint", server.target, "--no-tls")
    assert code == 4
    assert "[@click=app.quit]" in output + errors
    assert controls(output + errors, sequences_too=True) == set()


@pytest.mark.parametrize("name", FILE_NAMES)
@pytest.mark.parametrize("there", [True, False])
async def test_the_name_of_a_file_is_printed_as_text(tmp_path: Path, name: str, there: bool) -> None:
    path = tmp_path / f"{name}.wav"
    if there:
        await asyncio.to_thread(path.write_bytes, b"no sound")
    for words in (["transcribe"], ["transcribe", "--format", "ndjson"], []):
        code, output, errors = await run(*words, str(path), "--endpoint", "127.0.0.1:1", "--no-tls")
        assert code == 3, errors
        assert controls(output + errors, sequences_too=True) == set()


@pytest.mark.parametrize(
    "words",
    [
        ["settings", "--endpoint", "{}"],
        ["settings", "--encoding", "{}"],
        ["settings", "--settings", "/nowhere/{}"],
        ["settings", "{}"],
        ["--{}"],
        ["transcribe", "sample", "--endpoint", "{}"],
        ["transcribe", "sample", "--recognizer", "speechkit-v2", "--credentials-file", "/nowhere/{}"],
        ["transcribe", "microphone:{}"],
    ],
    ids=" ".join,
)
async def test_what_was_typed_is_printed_as_text(words: list[str]) -> None:
    text = "".join(FILE_NAMES)
    _, output, errors = await run(*(word.replace("{}", text) for word in words))
    assert controls(output + errors, sequences_too=True) == set()
    assert "Traceback" not in errors


async def test_the_settings_file_and_the_environment_are_printed_as_text(tmp_path: Path) -> None:
    text = "".join(FILE_NAMES).replace("\udcff", "")
    file = tmp_path / "\x1b[31m\x9b1m.toml"
    save({"model": text, "endpoint": text}, file)
    code, output, errors = await run("settings", "--settings", str(file), CAPTIONS_FOLDER_ID=text)
    assert code == 0, errors
    assert controls(output + errors, sequences_too=True) == set()
    for content in ('[keys]\n"\x7f\\u001b[2J" = "p"\n', '[keys]\npause = "\\u001b[2J"\n', '"\\u009b31m" = 1\n',
                    "model = '\\u009b\n", 'language = ["\\u001b[2J\\u202e"]\n'):  # fmt: skip
        file.write_text(content.replace("\x7f", ""), encoding="utf-8")
        code, output, errors = await run("settings", "--settings", str(file))
        assert code == 2
        assert controls(output + errors, sequences_too=True) == set()


@each
def test_every_sentence_is_one_plain_line(text: str) -> None:
    for event in (
        Final("1", 0.0, 1.0, NOW, text, True),
        Gap("1", 0.0, 1.0, NOW, text),
        InputChanged("1", 0.0, NOW, "microphone", text),
        Notice(0.0, NOW, Severity.ERROR, text, text),
        SessionState(Phase.RECONNECTING, text, text, 0.0),
    ):
        line = Sentences().line(event) or ""
        assert controls(line, sequences_too=True) == set()
        assert "\n" not in line
        assert "\r" not in line


@each
def test_a_journal_gives_back_what_it_was_given(tmp_path: Path, text: str) -> None:
    said = text.encode("utf-8", "replace").decode()  # half a character cannot be written in UTF-8
    entries: list[Entry] = [
        Final("1", 0.0, 1.0, NOW, said, True),
        InputChanged("1", 1.0, NOW, "file", said),
        Notice(1.0, NOW, Severity.ERROR, said, said),
    ]
    journal = begin_journal(tmp_path, {"input": text})
    journal.write(*entries)
    journal.close()
    assert list(read_journal(journal.path)) == entries
    assert len(journal.path.read_bytes().splitlines()) == 2 + len(entries)


def test_devices_are_listed_as_text(tmp_path: Path) -> None:
    """Through the program's own listing, with devices that PortAudio could have found."""
    program = (
        "import asyncio, sys\n"
        "from captions.audio import devices, portaudio\n"
        "from captions.cli import main\n"
        "from tests.hostile import HOSTILE\n"
        "async def listed():\n"
        "    return [devices.Device(0, portaudio.plain(name), 'ALSA', True, 1, 48000) for name in HOSTILE.values()]\n"
        "devices.list_devices = listed\n"
        "main(['devices']); main(['devices', '--json'])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert controls(done.stdout + done.stderr, sequences_too=True) == set()
