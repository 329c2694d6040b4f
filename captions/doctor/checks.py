"""A check and what it finds. Each is on its own: one that raises, or does not end, is a finding like any other."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from captions.audio.threads import DaemonThread
from captions.errors import CaptionsError

T = TypeVar("T")

LIMIT = 5.0
"""Seconds that a check may take unless it says otherwise."""


class Verdict(StrEnum):
    """What a check comes to. A problem keeps something from working; a warning makes it work less well."""

    GOOD = "good"
    WARNING = "warning"
    PROBLEM = "problem"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, in a sentence, and the step that mends it; `lines` say more, one thing each.

    `facts` are the same for programs: numbers and names, told with --json only. Texts may be from outside: whoever
    shows them makes them plain.
    """

    verdict: Verdict
    found: str
    mend: str = ""
    lines: tuple[str, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """Something to look at. `name` is for programs, `title` and `group` for people; `limit` is in seconds."""

    name: str
    group: str
    title: str
    look: Callable[[], Awaitable[Finding]]
    limit: float = LIMIT


@dataclass(frozen=True, slots=True)
class Result:
    """A check that was carried out, and how many seconds it took."""

    check: Check
    finding: Finding
    seconds: float


async def carry_out(check: Check) -> Result:
    """Carry out a check. Raises nothing: what goes wrong in it is what it found."""
    began = time.monotonic()
    deadline = asyncio.timeout(check.limit)
    try:
        async with deadline:
            finding = await check.look()
    except CaptionsError as error:
        finding = Finding(Verdict.PROBLEM, error.message, error.advice)
    except Exception as error:
        if deadline.expired():
            finding = Finding(Verdict.PROBLEM, f"There was no answer within {check.limit:g} s.")
        else:
            finding = Finding(Verdict.PROBLEM, f"This cannot be looked at: {type(error).__name__}: {error}")
    return Result(check, finding, time.monotonic() - began)


async def in_thread(do: Callable[[], T]) -> T:
    """Do something that blocks in a thread that nobody has to wait for, not even the end of the program."""
    thread = DaemonThread("check")
    try:
        return await asyncio.get_running_loop().run_in_executor(thread, do)
    finally:
        thread.shutdown()


async def output_of(*command: str, environment: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """Run a program to its end and return its exit code, standard output and standard error.

    It is killed when whoever waits for it does not wait any more. Raises OSError when it cannot be started.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    try:
        output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, output.decode(errors="replace"), errors.decode(errors="replace")
