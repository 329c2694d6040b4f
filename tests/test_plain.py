"""`captions --plain`: captions with their time of day, what happens as sentences, each once, and nothing else."""

import asyncio
import os
import re
import signal
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest

from captions.events import (
    Event,
    Final,
    Gap,
    InputChanged,
    Level,
    Mark,
    Notice,
    Partial,
    Paused,
    Phase,
    Resumed,
    SessionState,
    Severity,
)
from captions.plain import SILENCE_SECONDS, STEADY_SECONDS, Sentences, command
from tests.dashboard.terminal import Terminal
from tests.scripted_server import Script, ScriptedServer, ServedStream, final, partial
from tests.test_headless import journal_finals, second_of_sound  # noqa: F401 - a fixture

START = datetime(2026, 3, 4, 12, 4, 31, tzinfo=UTC)
LINE = re.compile(r"\d\d:\d\d:\d\d .+")


def state(phase: Phase, detail: str = "", recognizer: str = "SpeechKit") -> SessionState:
    return SessionState(phase, recognizer, detail, 0.0)


def told(*events: Event) -> list[str]:
    """What is told of events, without the times."""
    sentences = Sentences()
    return [line[9:] for event in events if (line := sentences.line(event))]


def level(time: float) -> Level:
    return Level(time, -40.0, -30.0, -30.0, False)


def caption(text: str, end: float = 2.0) -> Final:
    return Final("1", 0.0, end, START, text, True)


def test_a_caption_has_the_time_of_day_at_which_it_began() -> None:
    assert Sentences().line(caption("hello [world]")) == f"{START.astimezone():%H:%M:%S} hello [world]"


def test_another_language_is_told_where_it_begins() -> None:
    spoken = ["", "en-US", "de-DE", "", "de-AT", "en-GB"]
    captions = [replace(caption(f"word {number}"), language=code) for number, code in enumerate(spoken)]
    assert told(*captions) == ["word 0", "word 1", "[de-DE] word 2", "word 3", "word 4", "[en-GB] word 5"]


def test_what_is_no_speech_is_a_sentence_in_brackets() -> None:
    until = f"{START.astimezone():%H:%M:%S} to {START.astimezone() + timedelta(seconds=4):%H:%M:%S}"
    assert told(
        state(Phase.STARTING),
        InputChanged("1", 0.0, START, "microphone", "USB Audio"),
        state(Phase.CONNECTING),
        state(Phase.LISTENING),
        Paused(1.0, START),
        state(Phase.PAUSED),
        Resumed(1.0, START),
        Mark("1", 1.0, START),
        Mark("1", 1.0, START, removed=True),
        Gap("1", 1.0, 5.0, START, "the link was down"),
        Notice(1.0, START, Severity.WARNING, "The disk is nearly full.", "Make room."),
        InputChanged("1", 1.0, START, "file", "talk.mp3"),
        InputChanged("1", 1.0, START, "sample", "sample (A Tale of Two Cities)"),
        InputChanged("1", 1.0, START, "address", "radio.example/live"),
        InputChanged("1", 1.0, START, "nothing", ""),
        state(Phase.ENDED),
    ) == [
        "[Starting.]",
        "[Listening to the microphone USB Audio.]",
        "[SpeechKit listens.]",
        "[Paused.]",
        "[Going on.]",
        "[Marked.]",
        "[The mark is taken away.]",
        f"[Nobody heard {until}: the link was down.]",
        "[Warning: The disk is nearly full. Make room.]",
        "[Playing the file talk.mp3.]",
        "[Playing the sample (A Tale of Two Cities).]",
        "[Listening to radio.example/live.]",
        "[No input.]",
        "[End of the file.]",
    ]


def test_partials_and_new_streams_are_not_told() -> None:
    streams: list[Event] = [state(Phase.LISTENING), state(Phase.CONNECTING), state(Phase.LISTENING)]
    assert told(*streams, Partial("1", 0.0, 1.0, "he")) == ["[SpeechKit listens.]"]


def test_a_link_that_breaks_at_every_try_is_told_once_until_it_holds() -> None:
    tries: list[Event] = []
    for number in range(5):
        tries += [state(Phase.RECONNECTING, f"UNAVAILABLE: try {number}"), state(Phase.LISTENING), level(number)]
    broken = "[The connection to SpeechKit is broken, and is tried again: UNAVAILABLE: try 0.]"
    assert told(state(Phase.LISTENING), *tries)[1:] == [broken]
    assert told(state(Phase.LISTENING), *tries, level(4.0 + STEADY_SECONDS))[1:] == [
        broken,
        "[SpeechKit listens again.]",
    ]
    assert told(state(Phase.LISTENING), *tries, Partial("1", 0.0, 1.0, "he"), caption("hello"))[1:] == [
        broken,
        "[SpeechKit listens again.]",
        "hello",
    ]


def test_another_recogniser_is_told_by_its_notice_and_not_twice() -> None:
    now = Notice(1.0, START, Severity.INFORMATION, "vosk listens now.")
    listening, another = state(Phase.LISTENING), state(Phase.LISTENING, recognizer="vosk")
    for between in (state(Phase.CONNECTING), state(Phase.RECONNECTING, "x"), state(Phase.FAILED, "no")):
        assert (
            told(listening, between, now, another, level(2.0), level(2.0 + STEADY_SECONDS))[-1] == "[vosk listens now.]"
        )
    again: list[Event] = [state(Phase.RECONNECTING, "x"), another, level(1.0), level(1.0 + STEADY_SECONDS)]
    assert told(listening, now, another, *again)[-1] == "[vosk listens again.]"
    assert told(state(Phase.STARTING), state(Phase.FAILED, "no"), another)[-1] == "[vosk listens.]"


def test_a_long_silence_is_told_once_until_there_are_words_again() -> None:
    listening = state(Phase.LISTENING)
    said = caption("hello", end=2.0)
    quiet = [level(2.0 + SILENCE_SECONDS - 0.1), level(2.0 + SILENCE_SECONDS), level(3 * SILENCE_SECONDS)]
    assert told(listening, said, *quiet)[2:] == ["[Nothing was said for a minute.]"]
    again = caption("again", end=200.0)
    assert told(listening, said, *quiet, again, level(200.0 + SILENCE_SECONDS))[3:] == [
        "again",
        "[Nothing was said for a minute.]",
    ]
    assert told(listening, state(Phase.RECONNECTING, "x"), level(100.0))[2:] == []


def test_a_word_is_known_by_its_beginning() -> None:
    assert [command(typed) for typed in ("pause", "P\n", " q ", "res", "mark", "", "x", "pausee")] == [
        "pause", "pause", "quit", "resume", "mark", None, None, None,
    ]  # fmt: skip


# The program


async def start(server: ScriptedServer, *words: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "captions", *words, "--endpoint", server.target, "--no-tls",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def run(script: Script, *words: str) -> tuple[int | None, list[str], str]:
    async with ScriptedServer(script) as server:
        process = await start(server, *words)
        output, errors = await asyncio.wait_for(process.communicate(), 30)
        return process.returncode, output.decode().splitlines(), errors.decode()


async def says_two_things(stream: ServedStream) -> None:
    await stream.config()
    await stream.reply(partial("it was"))
    await stream.reply(final("it was the best", end_of_utterance=True))
    await stream.until_half_close()
    await stream.reply(final("[of] times \x1b[31mred", end_of_utterance=True))


@pytest.mark.parametrize("words", [["--plain"], ["live", "--plain"], []])
async def test_without_a_terminal_or_asked_for_it_prints_lines(second_of_sound: str, words: list[str]) -> None:  # noqa: F811
    code, lines, errors = await run(says_two_things, *words, second_of_sound)
    assert (code, errors) == (0, "")
    assert all(LINE.fullmatch(line) for line in lines)
    texts = [line[9:] for line in lines]
    assert texts[:2] == ["[Starting.]", "[Playing the file talk.wav.]"]
    assert [text for text in texts if not text.startswith("[")] == ["it was the best"]
    assert texts[-2:] == ["[of] times [31mred", "[End of the file.]"]


async def test_an_error_is_told_once_and_ends_it_with_its_code(second_of_sound: str) -> None:  # noqa: F811
    async def refuses(stream: ServedStream) -> None:
        await stream.config()
        await stream.abort(grpc.StatusCode.UNAUTHENTICATED, "the service's own words")

    code, lines, errors = await run(refuses, "--plain", second_of_sound)
    assert (code, errors) == (5, "")
    assert sum("the service's own words" in line for line in lines) == 1
    assert [line[9:] for line in lines].count("[Stopped.]") == 1


async def test_an_input_that_is_not_there_ends_it_with_code_3(tmp_path: Path) -> None:
    code, lines, _ = await run(says_two_things, "--plain", str(tmp_path / "none.wav"))
    assert code == 3
    assert any("none.wav" in line for line in lines)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_ends_it_after_the_last_words(
    long_sound: str, number: signal.Signals, own_environment: Path
) -> None:
    async def script(stream: ServedStream) -> None:
        await stream.config()
        await stream.reply(final("first", end_of_utterance=True))
        await stream.until_half_close()
        await stream.reply(final("last words", end_of_utterance=True))

    async with ScriptedServer(script) as server:
        process = await start(server, "--plain", long_sound)
        assert process.stdout is not None
        while b"first" not in await asyncio.wait_for(process.stdout.readline(), 20):
            pass
        process.send_signal(number)
        output, _ = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 128 + number
    assert "last words" in output.decode()
    assert journal_finals(own_environment) == ["first", "last words"]


async def in_a_terminal(server: ScriptedServer, sound: str, home: Path, *words: str, term: str) -> Terminal:
    words = ("-m", "captions", *words, sound, "--endpoint", server.target, "--no-tls")
    return await asyncio.to_thread(Terminal, *words, home=home, TERM=term)


async def talks_on(stream: ServedStream) -> None:
    await stream.config()
    while await stream.message():
        await stream.reply(final("and again", end_of_utterance=True))


@pytest.fixture
def long_sound(tmp_path: Path) -> str:
    path = tmp_path / "long.pcm"
    path.write_bytes(bytes(2 * 8_000 * 60))
    return str(path)


async def test_a_dumb_terminal_gets_it_by_itself_and_takes_words_for_commands(long_sound: str, tmp_path: Path) -> None:
    async with ScriptedServer(talks_on) as server:
        terminal = await in_a_terminal(server, long_sound, tmp_path, term="dumb")
        with terminal:
            await asyncio.to_thread(terminal.wait_for, "and again")
            for typed, answer in (
                ("pause\n", "[Paused.]"),
                ("what\n", "[Type one of these words, then Enter: pause, resume, mark, quit.]"),
                ("m\n", "[Marked.]"),
                ("resume\n", "[Going on.]"),
            ):
                terminal.type(typed)
                await asyncio.to_thread(terminal.wait_for, answer)
            terminal.type("quit\n")
            assert await asyncio.to_thread(terminal.wait_for_end) == 0
    written = bytes(terminal.received)
    assert b"\x1b" not in written
    assert not re.search(rb"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]|\r[^\r\n]", written)  # the terminal adds \r before \n


async def test_where_standard_input_is_sound_nothing_is_read_from_it_as_a_command(tmp_path: Path) -> None:
    async def script(stream: ServedStream) -> None:
        await stream.config()
        await stream.until_half_close()
        await stream.reply(final(f"{len(stream.received)} bytes", end_of_utterance=True))

    async with ScriptedServer(script) as server:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "captions", "--plain", "-", "--endpoint", server.target, "--no-tls",
            "--sample-rate", "8000",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        output, _ = await asyncio.wait_for(process.communicate(b"\n\0q\n" * 4_000), 20)
    texts = [line[9:] for line in output.decode().splitlines()]
    assert "[Listening to standard input.]" in texts
    assert "16000 bytes" in texts
    assert process.returncode == 0


async def test_the_keyboard_is_no_sound(tmp_path: Path) -> None:
    async with ScriptedServer(talks_on) as server:
        with await in_a_terminal(server, "-", tmp_path, "--plain", term="xterm-256color") as terminal:
            await asyncio.to_thread(terminal.wait_for, "Standard input is the keyboard")
            assert await asyncio.to_thread(terminal.wait_for_end) == 3


async def test_the_end_of_what_is_typed_ends_it(long_sound: str, tmp_path: Path) -> None:
    async with ScriptedServer(talks_on) as server:
        terminal = await in_a_terminal(server, long_sound, tmp_path, "--plain", term="xterm-256color")
        with terminal:
            await asyncio.to_thread(terminal.wait_for, "and again")
            terminal.type("\x04")
            assert await asyncio.to_thread(terminal.wait_for_end) == 0


async def test_a_terminal_that_is_closed_ends_it_and_keeps_the_words(
    long_sound: str, tmp_path: Path, own_environment: Path
) -> None:
    async with ScriptedServer(talks_on) as server:
        terminal = await in_a_terminal(server, long_sound, tmp_path, "--plain", term="xterm-256color")
        with terminal:
            await asyncio.to_thread(terminal.wait_for, "and again")
            await asyncio.to_thread(terminal.hang_up)
            assert await asyncio.to_thread(terminal.wait_for_end) == 128 + signal.SIGHUP
    assert "and again" in journal_finals(own_environment)


async def test_in_a_shells_background_it_goes_on_when_somebody_types(long_sound: str, tmp_path: Path) -> None:
    """The terminal belongs to another process then, and one that reads from it is stopped unless it sees to that."""
    program = (
        "import os, signal, subprocess, sys\n"
        "signal.signal(signal.SIGTTOU, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-m', 'captions', *sys.argv[1:]], process_group=0)\n"
        "sys.stdin.readline()\n"
        "child.wait(20)\n"
        "print('ended with', child.returncode)\n"
    )

    async def says_one_thing_late(stream: ServedStream) -> None:
        await stream.config()
        await stream.reply(final("early", end_of_utterance=True))
        await stream.until_half_close()
        await stream.reply(final("late", end_of_utterance=True))

    short = tmp_path / "short.pcm"
    short.write_bytes(bytes(2 * 8_000 * 3))
    async with ScriptedServer(says_one_thing_late) as server:
        words = ("-c", program, "--plain", str(short), "--endpoint", server.target, "--no-tls")
        with await asyncio.to_thread(lambda: Terminal(*words, home=tmp_path)) as terminal:
            await asyncio.to_thread(terminal.wait_for, "early")
            terminal.type("quit\n")
            await asyncio.to_thread(terminal.wait_for, "late")
            await asyncio.to_thread(terminal.wait_for, "ended with 0")


async def test_a_word_that_the_output_cannot_write_does_not_end_it(second_of_sound: str) -> None:  # noqa: F811
    async def russian(stream: ServedStream) -> None:
        await stream.config()
        await stream.reply(final("привет", end_of_utterance=True))
        await stream.until_half_close()
        await stream.reply(final("world", end_of_utterance=True))

    os.environ["PYTHONIOENCODING"] = "latin-1"
    try:
        code, lines, _ = await run(russian, "--plain", second_of_sound)
    finally:
        del os.environ["PYTHONIOENCODING"]
    assert code == 0
    assert "??????" in lines[-3] + lines[-2]
    assert any(line.endswith("world") for line in lines)
