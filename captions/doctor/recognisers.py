"""Who listens: the service with the credentials for it, and the recogniser on this machine."""

import importlib.util
import os
import stat
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from captions.doctor.checks import Finding, Verdict, in_thread
from captions.doctor.machine import Imports
from captions.errors import CredentialsError, StreamError
from captions.recognition.chosen import chosen, is_elsewhere
from captions.recognition.iam.sources import Told, find_source, none_there, tell
from captions.recognition.iam.token import Source
from captions.recognition.iam.yc import find_yc
from captions.recognition.metadata_file import read_metadata
from captions.settings import Settings

if TYPE_CHECKING:
    from captions.recognition.recognizer import RecognitionOptions, Recognizer

SAMPLE_SECONDS = 4.0
"""How much of the sample is recognised."""
STARTING_LIMIT = 40.0
"""Seconds for the start of the recogniser on this machine and its test."""
OPENING_LIMIT = 20.0
"""Seconds for a stream to be opened and ended."""
SILENCE_SAMPLES = 3_200
"""Of the one stream that is opened: 0.2 s at 16 kHz, far within the first unit that is billed."""


class Asked:
    """What the settings ask for. `environment` holds credentials and proxies."""

    def __init__(self, settings: Settings, imports: Imports, environment: Mapping[str, str] = os.environ) -> None:
        self.settings = settings
        self.imports = imports
        self.environment = environment

    @property
    def elsewhere(self) -> bool:
        """Whether the endpoint is another than the service's own."""
        return is_elsewhere(self.settings)

    def uses_service(self) -> bool:
        """Whether a recogniser at the endpoint listens. May read a file."""
        try:
            return chosen(self.settings, self.environment) != "local"
        except CredentialsError:
            return True


HERE = "Not needed: speech is recognised on this machine"


def look_at_credentials(asked: Asked) -> Callable[[], Awaitable[Finding]]:
    """Return the check of where credentials come from; they are never shown."""

    async def look() -> Finding:
        if not await in_thread(asked.uses_service):
            return Finding(Verdict.NOT_CHECKED, HERE)
        file = asked.settings.metadata_file
        if file and (await in_thread(lambda: read_metadata(file))).has_authorization:
            return await in_thread(lambda: _in_metadata(file))
        source = await in_thread(lambda: find_source(asked.settings, asked.environment))
        if source is None and asked.settings.recognizer == "vosk":
            return Finding(Verdict.GOOD, "None are needed: a Vosk server asks for none", facts={"kind": ""})
        if source is None and not asked.elsewhere:
            return _none()
        if source is None:
            return Finding(Verdict.GOOD, "None; other servers may do without", facts={"kind": ""})
        told = await in_thread(lambda: tell(source))
        if not told.kind:
            return await _to_be_asked_for(source, told, asked.environment)
        return await in_thread(lambda: _there(told))

    return look


def _none() -> Finding:
    return Finding(Verdict.PROBLEM, "There are none, and SpeechKit needs some", none_there().hint)


def _facts(told: Told) -> dict[str, object]:
    return {"kind": told.kind, "where": told.file or told.name, "folder": told.folder}


def _there(told: Told) -> Finding:
    """What there is, and whether others can read it."""
    return _in_file(told.text, told.file, _facts(told))


def _in_metadata(file: str) -> Finding:
    """Credentials of a server's own kind, in the file of the setting metadata_file."""
    return _in_file(f"authorization from the metadata file {file}", file, {"kind": "metadata_file", "where": file})


def _in_file(text: str, file: str, facts: dict[str, object]) -> Finding:
    if file and os.name == "posix":
        mode = Path(file).expanduser().stat().st_mode
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            return Finding(Verdict.WARNING, f"{text}, which others can read", f"chmod 600 {file}", facts=facts)
    return Finding(Verdict.GOOD, text, facts=facts)


async def _to_be_asked_for(source: Source, told: Told, environment: Mapping[str, str]) -> Finding:
    """What can be known of credentials that are got elsewhere. Only a virtual machine's are got here."""
    facts = _facts(told)
    has_yc = await in_thread(lambda: find_yc(environment)) is not None
    if source.name == "yc" and not has_yc:
        return Finding(Verdict.PROBLEM, "yc is not on the PATH", "Install it and log in: yc init", facts=facts)
    if source.name == "keyring" and importlib.util.find_spec("keyring") is None:
        return Finding(
            Verdict.PROBLEM,
            "The keyring cannot be used: its package is not installed",
            "pip install 'captions[keyring]'",
            facts=facts,
        )
    if source.name == "metadata" or (source.name == "auto" and not has_yc):
        try:
            await source.fetch()
        except (CredentialsError, StreamError) as error:
            return _none() if source.name == "auto" else Finding(Verdict.PROBLEM, error.message, error.hint)
        return Finding(Verdict.GOOD, f"a service account's token from {source.where}", facts=facts)
    found = f"Got when a stream is opened, from {told.where}; captions credentials --fetch tries it"
    return Finding(Verdict.NOT_CHECKED, found, facts=facts)


def look_at_service(asked: Asked, connect: bool) -> Callable[[], Awaitable[Finding]]:
    """Return the check whether the service accepts the credentials, by one stream; only with `connect`."""

    async def look() -> Finding:
        if not await in_thread(asked.uses_service):
            return Finding(Verdict.NOT_CHECKED, HERE)
        if not connect:
            return Finding(Verdict.NOT_CHECKED, f"Whether it accepts streams: --connect opens one{billing(asked)}")
        if (lacking := await asked.imports.missing("grpc", "google.protobuf", "numpy")) is not None:
            return lacking
        return await _try_stream(asked)

    return look


def billing(asked: Asked) -> str:
    """Return what a stream costs, to be told before one is opened."""
    if asked.settings.recognizer == "vosk":
        return ""
    return ", whose price is not known" if asked.elsewhere else ", which is billed as one unit (15 s)"


def look_at_local(asked: Asked) -> Callable[[], Awaitable[Finding]]:
    """Return the check of the recogniser on this machine: it is started, and hears the first words of the sample."""

    async def look() -> Finding:
        needed = not await in_thread(asked.uses_service)
        if (lacking := await asked.imports.missing("grpc", "google.protobuf", "numpy", "av")) is not None:
            return lacking
        from captions.recognition.local import LocalRecognizer
        from captions.recognition.local_engines import LocalEngines

        engines = LocalEngines(asked.settings.local_engine, asked.settings.whisper_model)
        if (missing := await in_thread(engines.missing)) is not None:
            if needed:
                raise missing
            return Finding(Verdict.NOT_CHECKED, "It is not installed, and not needed", missing.hint)
        recognizer = LocalRecognizer(engines)
        try:
            began = time.monotonic()
            await recognizer.prepare()
            started = time.monotonic() - began
            text, heard, took = await _recognise_sample(recognizer)
        finally:
            await recognizer.aclose()
        facts = {
            "start_seconds": round(started, 2),
            "audio_seconds": heard,
            "recognition_seconds": round(took, 2),
            **await in_thread(engines.facts),
        }
        found = f"ready in {started:.1f} s; {heard:.0f} s of the sample took {took:.1f} s"
        lines = (await in_thread(engines.summary),)
        if not text:
            return Finding(
                Verdict.WARNING, f"It is {found}, but it understood nothing of it", _reinstall(), lines, facts
            )
        if took > heard:
            return Finding(
                Verdict.WARNING,
                f"It is {found}: slower than speech, so captions will fall behind",
                "Close what else is at work, or use a recogniser elsewhere.",
                lines,
                facts,
            )
        return Finding(Verdict.GOOD, f"It is {found}", lines=lines, facts=facts)

    return look


def _reinstall() -> str:
    return "pip install --force-reinstall 'captions[local]'"


async def _recognise_sample(recognizer: "Recognizer") -> tuple[str, float, float]:
    """Return what is understood of the beginning of the sample, how long that is, and how long it took."""
    from captions.audio.source import AudioFormat, open_source
    from captions.recognition.recognizer import Hypothesis, RecognitionOptions

    source = await open_source("sample", AudioFormat(real_time=False))
    blocks = []
    try:
        async for block in source.blocks():
            blocks.append(block)
            if block.end >= SAMPLE_SECONDS * block.rate:
                break
    finally:
        await source.aclose()
    began = time.monotonic()
    stream = await recognizer.open(RecognitionOptions(language_code=recognizer.languages[0]))
    try:
        for block in blocks:
            await stream.send(block.samples)
        await stream.half_close()
        results = [result async for result in stream.results()]
        words = [result.text for result in results if isinstance(result, Hypothesis) and result.final]
    finally:
        await stream.cancel()
    return " ".join(words).strip(), blocks[-1].end / blocks[-1].rate, time.monotonic() - began


async def _try_stream(asked: Asked) -> Finding:
    import locale

    from captions.recognition.choose import make_recognizer, recognition_options

    recognizer = await in_thread(lambda: make_recognizer(asked.settings, asked.environment))
    try:
        options = recognition_options(asked.settings, recognizer.languages, locale.getlocale()[0] or "")
        began = time.monotonic()
        await _open_and_end(recognizer, options)
        seconds = time.monotonic() - began
    except StreamError as error:
        facts = {"accepted": False, "code": error.code}
        return Finding(Verdict.PROBLEM, f"{recognizer.name}: {error.message}", error.advice, facts=facts)
    finally:
        await recognizer.aclose()
    facts = {"accepted": True, "seconds": round(seconds, 2)}
    return Finding(Verdict.GOOD, f"{recognizer.name} took a stream, and ended it well, in {seconds:.1f} s", facts=facts)


async def _open_and_end(recognizer: "Recognizer", options: "RecognitionOptions") -> None:
    import numpy as np

    stream = await recognizer.open(options)
    try:
        await stream.send(np.zeros(SILENCE_SAMPLES * options.sample_rate_hertz // 16_000, np.int16))
        await stream.half_close()
        async for _ in stream.results():
            pass
    finally:
        await stream.cancel()
