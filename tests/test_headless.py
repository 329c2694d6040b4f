"""`captions transcribe` in the shell: words on standard output, the rest on standard error, honest exit codes."""

import asyncio
import json
import os
import signal
import sys
import wave
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np
import pytest

from captions.events import Final
from captions.transcript.journal import read_journal
from tests.dashboard.terminal import Terminal
from tests.scripted_server import Script, ScriptedServer, ServedStream, final, partial


@dataclass(frozen=True, slots=True)
class Done:
    """What a command left behind."""

    code: int
    output: str
    errors: str


async def start(*words: str, **environment: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "captions", "transcribe", *words,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env={**os.environ, **environment},
    )  # fmt: skip


async def transcribe(script: Script, *words: str, **environment: str) -> Done:
    async with ScriptedServer(script) as server:
        process = await start(*words, "--endpoint", server.target, "--no-tls", **environment)
        output, errors = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode is not None
        return Done(process.returncode, output.decode(), errors.decode())


def finals_by_journal(home: Path) -> list[list[str]]:
    return [[entry.text for entry in read_journal(path) if isinstance(entry, Final)] for path in home.rglob("*.jsonl")]


def journal_finals(home: Path) -> list[str]:
    (finals,) = finals_by_journal(home)
    return finals


@pytest.fixture
def second_of_sound(tmp_path: Path) -> str:
    """A file of 1.0 s at 16 kHz."""
    path = tmp_path / "talk.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(np.zeros(16_000, "<i2").tobytes())
    return str(path)


async def says_two_things(stream: ServedStream) -> None:
    await stream.config()
    await stream.reply(partial("it was"))
    await stream.reply(final("it was the best", end_of_utterance=True))
    await stream.until_half_close()
    await stream.reply(final("[of] times \x1b[31mred", end_of_utterance=True))


async def test_finals_are_lines_on_standard_output_and_kept_in_the_journal(
    second_of_sound: str, own_environment: Path
) -> None:
    done = await transcribe(says_two_things, second_of_sound, "--speed", "max")
    assert done.code == 0
    assert done.output == "it was the best\n[of] times [31mred\n"
    assert done.errors == ""
    assert journal_finals(own_environment) == done.output.splitlines()


async def test_partials_are_shown_when_asked_for(second_of_sound: str) -> None:
    done = await transcribe(says_two_things, second_of_sound, "--speed", "max", "--partials", "--stability", "raw")
    assert done.output.splitlines()[0] == "… it was"


async def test_ndjson_has_every_event_with_its_times(second_of_sound: str) -> None:
    done = await transcribe(says_two_things, second_of_sound, "--speed", "max", "--format", "ndjson", "--partials")
    records = [json.loads(line) for line in done.output.splitlines()]
    kinds = [record["type"] for record in records]
    assert kinds[0] == "session"
    assert records[0]["version"] == 1
    assert kinds.count("session") == 1
    assert kinds.count("final") == 2
    assert kinds.index("input") < kinds.index("partial") < kinds.index("final")
    assert records[-1] == {"type": "state", "phase": "end of file", "recognizer": records[-1]["recognizer"],
                           "language": "en-US", "detail": "talk.wav"}  # fmt: skip
    last = next(record for record in reversed(records) if record["type"] == "final")
    assert 0 <= last["start"] <= last["end"] == pytest.approx(1.0)
    assert last["wall"].endswith("+00:00")


async def times_its_words(stream: ServedStream) -> None:
    await stream.config()
    await stream.message()
    await stream.reply(final("it was", end_of_utterance=True, words=[("it", 0.0, 0.02), ("was", 0.03, 0.05)]))
    await stream.until_half_close()


async def test_stats_tell_what_is_known_of_delays_and_what_was_heard(second_of_sound: str) -> None:
    done = await transcribe(times_its_words, second_of_sound, "--stats")
    assert done.output == "it was\n"
    *delays, counted = [line.removeprefix("captions: ") for line in done.errors.splitlines()]
    assert delays[0].split() == ["delays", "p50", "p95"]
    assert [line[:18].strip() for line in delays[1:]] == ["capture to send", "caption to final"]
    assert all(0 <= float(line[18:25]) <= float(line[28:35]) < 10 for line in delays[1:])
    assert counted.startswith("1.0 s of audio: 1 final, 2 words, 1 stream, 0 gaps")


async def test_stats_tell_no_delays_of_a_file_that_is_read_as_fast_as_it_can_be(second_of_sound: str) -> None:
    done = await transcribe(times_its_words, second_of_sound, "--stats", "--speed", "max")
    (line,) = done.errors.splitlines()
    assert line.startswith("captions: 1.0 s of audio: 1 final, 2 words, 1 stream, 0 gaps")


async def test_stats_are_told_after_a_signal_and_delays_are_records_of_ndjson(second_of_sound: str) -> None:
    async with ScriptedServer(times_its_words) as server:
        process = await start(second_of_sound, "--endpoint", server.target, "--no-tls", "--stats", "--format", "ndjson")
        assert process.stdout is not None
        while json.loads(await asyncio.wait_for(process.stdout.readline(), 20))["type"] != "final":
            pass
        process.send_signal(signal.SIGINT)
        output, errors = await asyncio.wait_for(process.communicate(), 20)
        assert process.returncode == 130
        assert " s of audio: 1 final, 2 words, 1 stream, 0 gaps" in errors.decode()
        records = [json.loads(line) for line in output.splitlines()]
        delays = [record for record in records if record["type"] == "delays"]
        assert 0 <= delays[-1]["finals"]["p50"] <= delays[-1]["finals"]["p95"]
        assert delays[-1]["service"] is None


async def test_without_stats_delays_are_not_told(second_of_sound: str) -> None:
    done = await transcribe(times_its_words, second_of_sound, "--format", "ndjson")
    assert '"delays"' not in done.output
    assert done.errors == ""


async def test_a_raw_file_of_the_services_own_example_is_sent_as_it_is(tmp_path: Path) -> None:
    seen: list[ServedStream] = []

    async def script(stream: ServedStream) -> None:
        seen.append(stream)
        await stream.config()
        await stream.until_half_close()
        await stream.reply(final("привет", end_of_utterance=True))

    samples = np.arange(8_000, dtype="<i2")
    (tmp_path / "speech.pcm").write_bytes(samples.tobytes())
    done = await transcribe(
        script, str(tmp_path / "speech.pcm"), "--pcm-rate", "8000", "--sample-rate", "8000", "--language", "ru-RU",
        "--profanity-filter", "--speed", "max", IAM_TOKEN="t1.secret-of-a-test", FOLDER_ID="b1gfolder",
    )  # fmt: skip
    assert done.output == "привет\n"
    (stream,) = seen
    assert stream.received == samples.tobytes()
    assert stream.metadata["authorization"] == "Bearer t1.secret-of-a-test"
    assert stream.settings is not None
    assert stream.settings.folder_id == "b1gfolder"
    specification = stream.settings.specification
    assert (specification.language_code, specification.sample_rate_hertz) == ("ru-RU", 8_000)
    assert (specification.profanity_filter, specification.partial_results) == (True, True)
    assert "t1.secret" not in done.output + done.errors


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (grpc.StatusCode.UNAUTHENTICATED, 5),
        (grpc.StatusCode.PERMISSION_DENIED, 5),
        (grpc.StatusCode.INVALID_ARGUMENT, 4),
    ],
)
async def test_a_refusal_ends_with_the_services_words_and_ids_and_a_code_of_its_kind(
    second_of_sound: str, status: grpc.StatusCode, code: int
) -> None:
    async def refuses(stream: ServedStream) -> None:
        await stream.config()
        await stream.abort(status, "the service's own words", {"x-request-id": "request-17"})

    done = await transcribe(refuses, second_of_sound)
    assert done.code == code
    assert status.name in done.errors
    assert "the service's own words" in done.errors
    assert "request-17" in done.errors
    assert done.output == ""
    assert "Traceback" not in done.errors


async def test_an_input_that_is_not_there_ends_with_code_3(tmp_path: Path) -> None:
    done = await transcribe(says_two_things, str(tmp_path / "none.wav"))
    assert done.code == 3
    assert "none.wav" in done.errors


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_signal_ends_it_after_the_last_words(second_of_sound: str, number: signal.Signals, code: int) -> None:
    async def script(stream: ServedStream) -> None:
        await stream.config()
        await stream.reply(final("first", end_of_utterance=True))
        await stream.until_half_close()
        await stream.reply(final("last words", end_of_utterance=True))

    async with ScriptedServer(script) as server:
        process = await start(second_of_sound, "--endpoint", server.target, "--no-tls")
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 20) == b"first\n"
        process.send_signal(number)
        output, errors = await asyncio.wait_for(process.communicate(), 20)
        assert (process.returncode, output.decode()) == (code, "last words\n"), errors


async def test_a_reader_that_goes_away_ends_it_quietly(second_of_sound: str) -> None:
    async def script(stream: ServedStream) -> None:
        await stream.config()
        while await stream.message():
            await stream.reply(final("again", end_of_utterance=True))

    async with ScriptedServer(script) as server:
        process = await asyncio.create_subprocess_shell(
            f"{sys.executable} -m captions transcribe {second_of_sound} --endpoint {server.target} --no-tls"
            ' | head -n 1; echo "${PIPESTATUS[0]}"',
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            executable="/bin/bash",
        )
        output, errors = await asyncio.wait_for(process.communicate(), 20)
        assert output.decode().split() == ["again", "141"]
        assert errors == b""


# Several sources in one call


async def says_a_word(stream: ServedStream) -> None:
    await stream.config()
    await stream.until_half_close()
    await stream.reply(final("a word", end_of_utterance=True))


async def test_several_sources_are_captioned_in_turn_each_in_a_session_of_its_own(
    second_of_sound: str, tmp_path: Path, own_environment: Path
) -> None:
    missing = str(tmp_path / "none.wav")
    done = await transcribe(says_a_word, second_of_sound, missing, second_of_sound, "--speed", "max")
    assert done.output == "a word\na word\n"
    headers = [f"captions: {name}:" for name in (second_of_sound, missing, second_of_sound)]
    told = done.errors.splitlines()
    assert [line for line in told if line in headers] == headers
    (error,) = (line for line in told if line not in headers)
    assert told.index(error) == 2
    assert "none.wav" in error
    assert done.code == 3
    assert sorted(finals_by_journal(own_environment)) == [[], ["a word"], ["a word"]]


async def test_records_of_several_sources_follow_one_of_their_session_each(
    second_of_sound: str, tmp_path: Path
) -> None:
    missing = str(tmp_path / "none.wav")
    done = await transcribe(says_a_word, missing, second_of_sound, "--speed", "max", "--format", "ndjson")
    kinds = [json.loads(line)["type"] for line in done.output.splitlines()]
    assert kinds.count("session") == 2
    second = len(kinds) - kinds[::-1].index("session") - 1
    assert kinds[0] == kinds[second] == "session"
    assert "notice" in kinds[:second]
    assert "final" not in kinds[:second]
    assert "final" in kinds[second:]


async def test_a_refusal_of_the_recogniser_is_told_once_and_no_other_source_is_tried(second_of_sound: str) -> None:
    async def refuses(stream: ServedStream) -> None:
        await stream.config()
        await stream.abort(grpc.StatusCode.UNAUTHENTICATED, "the service's own words")

    done = await transcribe(refuses, second_of_sound, second_of_sound)
    assert done.code == 5
    assert done.errors.count("the service's own words") == 1


async def test_a_signal_ends_all_of_several_sources(second_of_sound: str) -> None:
    async with ScriptedServer(says_a_word) as server:
        process = await start(second_of_sound, *[second_of_sound] * 20, "--endpoint", server.target, "--no-tls")
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 20) == b"a word\n"
        process.send_signal(signal.SIGINT)
        output, _ = await asyncio.wait_for(process.communicate(), 20)
        assert process.returncode == 130
        assert len(output.splitlines()) <= 2


async def test_one_output_file_for_several_sources_is_refused(second_of_sound: str, tmp_path: Path) -> None:
    process = await start(second_of_sound, second_of_sound, "--output", str(tmp_path / "all.srt"))
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert errors.decode().count("\n") == 1
    assert not (tmp_path / "all.srt").exists()


# Standard input


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_signal_ends_it_while_it_waits_for_sound_through_a_pipe(number: signal.Signals, code: int) -> None:
    async def script(stream: ServedStream) -> None:
        await stream.config()
        await stream.message()
        await stream.reply(final("first", end_of_utterance=True))
        await stream.until_half_close()
        await stream.reply(final("last words", end_of_utterance=True))

    async with ScriptedServer(script) as server:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "captions", "transcribe", "-", "--endpoint", server.target, "--no-tls",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(bytes(2 * 8_000))  # a second, and then nothing, without an end
        assert await asyncio.wait_for(process.stdout.readline(), 20) == b"first\n"
        process.send_signal(number)
        output, errors = await asyncio.wait_for(process.stdout.read(), 20), await process.stderr.read()  # type: ignore[union-attr]
        assert (await process.wait(), output, errors) == (code, b"last words\n", b"")


async def test_a_reader_that_goes_away_ends_it_quietly_with_a_pipe_on_both_sides() -> None:
    async def script(stream: ServedStream) -> None:
        await stream.config()
        while await stream.message():
            await stream.reply(final("again", end_of_utterance=True))

    async with ScriptedServer(script) as server:
        process = await asyncio.create_subprocess_shell(
            f"head -c 1000000 /dev/zero | {sys.executable} -m captions transcribe - --endpoint {server.target} --no-tls"
            ' 2>&1 | head -n 1; echo "${PIPESTATUS[1]}"',
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            executable="/bin/bash",
        )
        output, errors = await asyncio.wait_for(process.communicate(), 20)
        assert output.decode().split() == ["again", "141"]
        assert errors == b""


# Progress


@pytest.fixture
def five_seconds_of_sound(tmp_path: Path) -> str:
    path = tmp_path / "talk.pcm"
    path.write_bytes(bytes(2 * 8_000 * 5))
    return str(path)


async def test_progress_is_a_bar_below_the_captions_and_gone_at_the_end(
    five_seconds_of_sound: str, tmp_path: Path
) -> None:
    async with ScriptedServer(says_two_things) as server:
        words = ("-m", "captions", "transcribe", five_seconds_of_sound, "--endpoint", server.target, "--no-tls")
        with await asyncio.to_thread(lambda: Terminal(*words, home=tmp_path)) as terminal:
            await asyncio.to_thread(terminal.wait_for, "of 0:05  1.0x  0:0")
            rows = [row.rstrip() for row in terminal.text().splitlines() if row.strip()]
            assert rows[0] == "it was the best"
            assert rows[-1].startswith("[#")
            assert await asyncio.to_thread(terminal.wait_for_end, 20) == 0
        assert [row.rstrip() for row in terminal.text().splitlines() if row.strip()] == [
            "it was the best",
            "[of] times [31mred",
        ]


async def test_progress_never_gets_into_standard_output(five_seconds_of_sound: str, tmp_path: Path) -> None:
    with (tmp_path / "captions.txt").open("wb") as file:
        async with ScriptedServer(says_two_things) as server:
            words = ("-m", "captions", "transcribe", five_seconds_of_sound, "--endpoint", server.target, "--no-tls")
            with await asyncio.to_thread(lambda: Terminal(*words, home=tmp_path, stdout=file.fileno())) as terminal:
                await asyncio.to_thread(terminal.wait_for, "of 0:05")
                assert await asyncio.to_thread(terminal.wait_for_end, 20) == 0
    assert (tmp_path / "captions.txt").read_text() == "it was the best\n[of] times [31mred\n"
