"""The token of whoever is logged in with `yc`, the cloud's command-line tool, and the folder that it works in.

`yc iam create-token --format json` prints {"iam_token": ..., "expires_at": ...}; versions that print the bare token are
understood as well. `yc config get NAME` prints a value of the tool's profile, or nothing.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from captions.errors import CredentialsError, StreamError
from captions.plain_text import plain
from captions.recognition.credentials import Credentials, Kind
from captions.recognition.iam.exchange import without_secrets
from captions.recognition.iam.json_object import json_object
from captions.recognition.iam.token import DOUBTFUL_LIFE, Token, life

SECONDS = 30.0
"""How long the tool may take; it goes to the network, and may ask for a new version of itself."""
ENDING_SECONDS = 2.0
"""How long its end may take once it was killed."""
LONGEST_OUTPUT = 1 << 16
"""Bytes."""
_TEMPORARY = ("unavailable", "deadline", "timeout", "timed out", "connection", "dial tcp", "no such host", "network")
"""In what the tool says when it could not reach the cloud."""


def find_yc(environment: Mapping[str, str]) -> str | None:
    """Return where the tool is; None where there is none on the PATH."""
    return shutil.which("yc", path=environment.get("PATH", os.defpath))


class NoTool(CredentialsError):
    """There is no yc."""


class YcTool:
    """See Source. `folder_id` goes before the tool's own; a service account's profile has none that is sent."""

    name = "yc"

    def __init__(
        self, environment: Mapping[str, str], folder_id: str = "", clock: Callable[[], float] = time.time
    ) -> None:
        self.where = "the tool yc"
        self._environment = environment
        self._folder_id = folder_id
        self._clock = clock

    async def fetch(self) -> Token:
        """See Source."""
        program = await asyncio.to_thread(find_yc, self._environment)
        if program is None:
            raise NoTool(
                "The tool yc is not on the PATH.", "Install it and log in (yc init), or choose other credentials."
            )
        code, output, complaint = await self._run(program, "iam", "create-token", "--format", "json")
        if code != 0:
            words = without_secrets(complaint, *output.split())
            told = f": {words}" if words else ""
            if any(sign in words.lower() for sign in _TEMPORARY):
                raise StreamError("UNAVAILABLE", f"yc cannot reach the cloud{told}".rstrip("."))
            raise CredentialsError(
                f"yc gives no token (exit code {code}){told}".rstrip(".") + ".", "See what `yc iam create-token` says."
            )
        secret, lasts = self._token(output)
        folder, *of_a_service_account = await asyncio.gather(
            # Of the last two only whether there is one counts.
            *(self._setting(program, name) for name in ("folder-id", "service-account-key", "instance-service-account"))
        )
        service_account = any(value not in ("", "false") for value in of_a_service_account)
        credentials = Credentials(
            Kind.IAM_TOKEN, secret, self._folder_id or folder, service_account=service_account, renewed=True
        )
        return Token(credentials, lasts)

    def _token(self, output: str) -> tuple[str, float]:
        secret, end = output.strip(), ""
        if secret.startswith(("{", "[")):
            content = json_object(secret)
            secret, end = str(content.get("iam_token", "")), str(content.get("expires_at", ""))
        if not secret or any(character.isspace() for character in secret):
            raise CredentialsError("yc prints something that is no token.", "See what `yc iam create-token` says.")
        return secret, life(end, None, self._clock) if end else DOUBTFUL_LIFE

    async def _setting(self, program: str, name: str) -> str:
        code, output, _ = await self._run(program, "config", "get", name)
        return output.strip() if code == 0 else ""

    async def _run(self, program: str, *words: str) -> tuple[int, str, str]:
        """Run the tool and return its exit code and what it printed. It is killed when it takes too long."""
        # In a session of its own it cannot ask on the terminal, which may be a dashboard's, nor be interrupted there.
        apart: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            apart = {"creationflags": subprocess.CREATE_NO_WINDOW}
        try:
            process = await asyncio.create_subprocess_exec(
                program,
                *words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=dict(self._environment),
                **apart,
            )
        except OSError as error:
            reason = plain(error.strerror or type(error).__name__)
            raise CredentialsError(f"yc cannot be run: {reason}.") from None
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            async with asyncio.timeout(SECONDS):
                output, complaint = await asyncio.gather(_all_of(process.stdout), _all_of(process.stderr))
                code = await process.wait()
        except TimeoutError:
            raise StreamError("UNAVAILABLE", f"yc did not end within {SECONDS:g} s", "Does it wait for you?") from None
        finally:
            _kill(process)
            with contextlib.suppress(TimeoutError):  # somebody may have got away with the other end of a pipe
                async with asyncio.timeout(ENDING_SECONDS):
                    await asyncio.gather(_discard(process.stdout), _discard(process.stderr), process.wait())
        return code, output.decode(errors="replace"), complaint.decode(errors="replace")


async def _all_of(stream: asyncio.StreamReader) -> bytes:
    output = b""
    while len(output) < LONGEST_OUTPUT and (part := await stream.read(LONGEST_OUTPUT)):
        output += part
    return output[:LONGEST_OUTPUT]


async def _discard(stream: asyncio.StreamReader) -> None:
    """Read what is left, so that the pipe is closed."""
    while await stream.read(LONGEST_OUTPUT):
        pass


def _kill(process: asyncio.subprocess.Process) -> None:
    """End it, and what it started, if it has not ended."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
