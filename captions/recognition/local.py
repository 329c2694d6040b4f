"""The recogniser on this machine: a process of ours that dies with us, heard over a private socket."""

import asyncio
import contextlib
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

import captions
from captions.errors import CaptionsError, RecognizerMissing, StreamError
from captions.plain_text import plain
from captions.recognition.authorization import Found
from captions.recognition.credentials import Credentials, Kind
from captions.recognition.limits import StreamLimits
from captions.recognition.local_engines import LocalEngines
from captions.recognition.recognizer import RecognitionOptions
from captions.recognition.remote import RemoteRecognizer
from captions.recognition.remote_stream import RemoteStream
from captions.recognition.speechkit_v2 import SPEECHKIT_V2
from captions.server.environment import without_ours
from captions.settings import SERVE_TOKEN_VARIABLE

START_SECONDS = 30.0
"""How long the process may take to load its model."""
END_SECONDS = 3.0
"""How long it may take to end when it is told to, before it is made to."""
RETIRE_SECONDS = 10.0
"""How long one that another follows may take for the last words of its streams."""
LONGEST_SOCKET_PATH = 100
"""Bytes that every system allows a socket's path to have (Linux 107, macOS 103)."""
STDERR_KEPT = 8_192
"""Bytes of what the process says on its standard error that are kept; older ones are dropped."""

_READY = re.compile(r"listening on (?P<address>\S+), languages (?P<languages>[\w,-]+)")


class LocalRecognizer:
    """Starts `captions serve` when it is first needed, and again when it has died or a model has come.

    The process reads a pipe that ends when this process does, however it does, and then ends too. It is in a session
    of its own, so that Ctrl-C at the terminal reaches it only through us. `command` is what it is started with, for
    tests; then only `engines` that are given have a say. Belongs to one event loop.
    """

    def __init__(
        self,
        engines: LocalEngines | None = None,
        *,
        command: Sequence[str] | None = None,
        start_seconds: float = START_SECONDS,
        end_seconds: float = END_SECONDS,
    ) -> None:
        self.name = "local recogniser"
        self.kind = "local"
        self.limits = StreamLimits()
        self.preparing = "loading the model"
        self._engines = engines or (None if command else LocalEngines())
        self.languages: tuple[str, ...] = self._engines.languages() if self._engines else ()
        self._command = command
        self._start_seconds = start_seconds
        self._end_seconds = end_seconds
        self._starting = asyncio.Lock()
        self._closed = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._folder: Path | None = None
        self._said = b""
        self._listening_to_it: set[asyncio.Task[None]] = set()
        self._client: RemoteRecognizer | None = None
        self._has_model = False
        """Whether the process was started with a model of whisper's."""
        self._retiring: set[asyncio.Task[None]] = set()

    async def prepare(self) -> None:
        """Have the process running and its model loaded; it is worth calling early. Raises RecognizerMissing."""
        await self._running()

    async def open(self, options: RecognitionOptions) -> RemoteStream:
        """Begin a stream. Raises StreamError, RecognizerMissing, and ModelMissing before anything is started for it."""
        if (missing := await asyncio.to_thread(self.lacks, options)) is not None:
            raise missing
        with_model = self._engines is not None and self._engines.needs_model(options.language_code)
        if self._engines is not None:
            engine = "whisper" if with_model else "moonshine"
            self.name, self.preparing = f"{engine} on this machine", f"loading the model of {engine}"
        client = await self._running(with_model)
        try:
            return await client.open(options)
        except StreamError:
            # Nobody answers in the moment between the death of the process and our hearing of it.
            if not await self._has_ended():
                raise
        client = await self._running(with_model)
        return await client.open(options)

    def lacks(self, options: RecognitionOptions) -> CaptionsError | None:
        """Say what is not here that is needed to hear so, None when nothing is. Looks at the disk."""
        return self._engines.missing(options.language_code) if self._engines else None

    async def renew(self) -> bool:
        """There are no credentials to read again."""
        return False

    async def aclose(self) -> None:
        """End the process, for good: its input is closed, then it is terminated, then killed. Idempotent.

        One that is still starting is not waited for; whoever does is told with RecognizerMissing.
        """
        self._closed.set()
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)
        async with self._starting:
            await self._end()

    async def _has_ended(self) -> bool:
        process = self._process
        if process is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 1.0)
        return process is None or process.returncode is not None

    async def _running(self, with_model: bool = False) -> RemoteRecognizer:
        """Return the client of a process that runs, started anew where it must have a model and has none."""
        async with self._starting:
            if self._client is not None and self._process is not None and self._process.returncode is None:
                if self._has_model or not with_model:
                    return self._client
                self._retire(self._client, self._process, self._folder)
            else:
                await self._end()
            if self._engines and (missing := await asyncio.to_thread(self._engines.missing)) is not None:
                raise missing
            try:
                self._client = await self._start()
            except BaseException:
                await self._end()
                raise
            return self._client

    async def _start(self) -> RemoteRecognizer:
        self._folder = await asyncio.to_thread(lambda: Path(tempfile.mkdtemp(prefix="captions-")))
        listen = f"unix:{self._folder / 'socket'}"
        credentials = None
        environment = without_ours()
        if sys.platform == "win32" or len(os.fsencode(listen)) > LONGEST_SOCKET_PATH:
            listen = "127.0.0.1:0"
            credentials = Credentials(Kind.API_KEY, secrets.token_urlsafe(32))
            environment[SERVE_TOKEN_VARIABLE] = credentials.secret
        flags = await asyncio.to_thread(self._engines.flags) if self._engines else ()
        command = self._command or (sys.executable, "-m", "captions", "serve", "--unlimited")
        self._has_model = "--whisper-model" in flags
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                *flags,
                "--listen",
                listen,
                "--until-stdin-closes",
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                # Where this very package is found first, whatever lies in the folder that the user is in.
                cwd=Path(captions.__file__).parents[1],
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        except OSError as error:
            raise RecognizerMissing(
                f"The recogniser on this machine cannot be started: {plain(error.strerror or str(error))}."
            ) from None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._said = b""
        errors = self._listen(self._keep_errors(self._process.stderr))
        ready = await self._ready(self._process.stdout)
        if ready is None:
            await asyncio.wait({errors}, timeout=self._end_seconds)
            raise RecognizerMissing(f"The recogniser on this machine ended while it was starting: {self._last_words()}")
        self._listen(_discard(self._process.stdout))
        self.languages = tuple(dict.fromkeys((*self.languages, *ready["languages"].split(","))))
        authorization = Found(lambda: credentials)
        return RemoteRecognizer(SPEECHKIT_V2, ready["address"], tls=False, authorization=authorization, name=self.name)

    async def _ready(self, stdout: asyncio.StreamReader) -> re.Match[str] | None:
        """Return the line that says where the process listens, None when it ends without it."""
        ready = asyncio.create_task(_ready_line(stdout))
        closed = asyncio.create_task(self._closed.wait())
        try:
            await asyncio.wait({ready, closed}, timeout=self._start_seconds, return_when=asyncio.FIRST_COMPLETED)
            if closed.done():
                raise RecognizerMissing("The recogniser on this machine was closed while it was starting.")
            if not ready.done():
                raise RecognizerMissing(
                    f"The recogniser on this machine was not ready within {self._start_seconds:g} s.",
                    "Try again, or use one elsewhere with --recognizer speechkit-v2 or --endpoint.",
                )
            return ready.result()
        finally:
            ready.cancel()
            closed.cancel()
            await asyncio.gather(ready, closed, return_exceptions=True)

    def _retire(self, client: RemoteRecognizer, process: asyncio.subprocess.Process, folder: Path | None) -> None:
        """Let a process end in peace that another one follows: streams that it has get their last words."""
        self._client, self._process, self._folder = None, None, None

        async def retire() -> None:
            assert process.stdin is not None
            process.stdin.close()  # it takes no more streams, and ends with its last
            try:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), RETIRE_SECONDS)
            finally:
                await self._end_of(client, process, folder)

        task = asyncio.create_task(retire())
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def _end(self) -> None:
        client, self._client = self._client, None
        process, self._process = self._process, None
        folder, self._folder = self._folder, None
        try:
            await self._end_of(client, process, folder)
        finally:
            for task in self._listening_to_it:
                task.cancel()
            await asyncio.gather(*self._listening_to_it, return_exceptions=True)

    async def _end_of(
        self, client: RemoteRecognizer | None, process: asyncio.subprocess.Process | None, folder: Path | None
    ) -> None:
        try:
            if client is not None:
                await client.aclose()
            if process is not None:
                await self._end_process(process)
        finally:
            if process is not None and process.returncode is None:
                process.kill()
            if folder is not None:
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _end_process(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        process.stdin.close()
        for harder in (process.terminate, process.kill):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), self._end_seconds)
                return
            with contextlib.suppress(ProcessLookupError):
                harder()
        await process.wait()

    def _listen(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(coroutine)
        self._listening_to_it.add(task)
        task.add_done_callback(self._listening_to_it.discard)
        return task

    async def _keep_errors(self, stderr: asyncio.StreamReader) -> None:
        while said := await stderr.read(STDERR_KEPT):
            self._said = (self._said + said)[-STDERR_KEPT:]

    def _last_words(self) -> str:
        lines = [line for line in self._said.decode(errors="replace").splitlines() if line.strip()]
        return plain(lines[-1]).strip() if lines else "it did not say why."


async def _ready_line(stdout: asyncio.StreamReader) -> re.Match[str] | None:
    with contextlib.suppress(ValueError):  # a line of more than 64 KiB is not ours
        while line := await stdout.readline():
            if match := _READY.fullmatch(line.decode(errors="replace").strip()):
                return match
    return None


async def _discard(stdout: asyncio.StreamReader) -> None:
    while await stdout.read(4096):
        pass
