"""Each check is on its own: what goes wrong in it is what it found."""

import asyncio
import os
import sys
import threading
import time
from pathlib import Path

import pytest

from captions.doctor.checks import Check, Finding, Verdict, carry_out, in_thread, output_of
from captions.doctor.machine import PACKAGES, Imports, look_at_packages, look_at_python
from captions.errors import InputError


def check(look: object, limit: float = 5.0) -> Check:
    return Check("name", "Group", "Title", look, limit)  # type: ignore[arg-type]


async def test_what_a_check_finds_is_kept_with_its_time() -> None:
    async def look() -> Finding:
        return Finding(Verdict.GOOD, "well")

    result = await carry_out(check(look))
    assert (result.finding.verdict, result.finding.found) == (Verdict.GOOD, "well")
    assert 0 <= result.seconds < 1


async def test_an_error_of_ours_is_a_problem_with_its_hint() -> None:
    async def look() -> Finding:
        raise InputError("There is no microphone.", "Plug one in.")

    finding = (await carry_out(check(look))).finding
    assert (finding.verdict, finding.found, finding.mend) == (
        Verdict.PROBLEM,
        "There is no microphone.",
        "Plug one in.",
    )


@pytest.mark.parametrize("error", [ZeroDivisionError("x"), ImportError("libfoo.so"), TimeoutError("slow disk")])
async def test_any_other_error_is_a_problem_that_names_it(error: Exception) -> None:
    async def look() -> Finding:
        raise error

    finding = (await carry_out(check(look))).finding
    assert finding.verdict is Verdict.PROBLEM
    assert f"{type(error).__name__}: {error}" in finding.found


async def test_what_does_not_end_is_given_up() -> None:
    async def look() -> Finding:
        await asyncio.Event().wait()
        raise AssertionError

    finding = (await carry_out(check(look, limit=0.05))).finding
    assert (finding.verdict, finding.found) == (Verdict.PROBLEM, "There was no answer within 0.05 s.")


def test_a_thread_that_hangs_keeps_neither_the_check_nor_the_program() -> None:
    released = threading.Event()

    def hang() -> Finding:
        released.wait()
        raise AssertionError

    began = time.monotonic()
    result = asyncio.run(carry_out(check(lambda: in_thread(hang), limit=0.05)))
    assert result.finding.verdict is Verdict.PROBLEM
    assert time.monotonic() - began < 2
    released.set()


def test_a_program_that_hangs_is_ended_with_its_check(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    program = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(600)"

    async def look() -> Finding:
        await output_of(sys.executable, "-c", program)
        raise AssertionError

    result = asyncio.run(carry_out(check(look, limit=1.0)))
    assert result.finding.verdict is Verdict.PROBLEM
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)


async def test_python_is_told_with_where_it_is() -> None:
    finding = await look_at_python()
    assert finding.verdict is Verdict.GOOD
    assert finding.found.startswith("CPython 3.")
    assert sys.prefix in finding.found


async def test_packages_that_can_be_imported_are_told_with_their_versions() -> None:
    finding = await look_at_packages(Imports())()
    assert finding.verdict is Verdict.GOOD, finding
    assert "grpcio 1." in finding.found


@pytest.fixture
def breaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which modules are found before the real ones."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


async def test_a_package_that_cannot_be_imported_is_a_problem(breaks: Path) -> None:
    (breaks / "tomlkit.py").write_text("raise ImportError('made for another machine')")
    imports = Imports()
    finding = await look_at_packages(imports)()
    assert finding.verdict is Verdict.PROBLEM
    assert finding.lines == ("tomlkit: ImportError: made for another machine",)
    assert finding.mend.endswith("-m pip install --force-reinstall tomlkit")
    needing = await imports.missing("numpy", "tomlkit")
    assert needing is not None
    assert needing.verdict is Verdict.NOT_CHECKED
    assert await imports.missing("numpy") is None


async def test_a_package_that_ends_python_takes_nothing_else_with_it(breaks: Path) -> None:
    (breaks / "numpy.py").write_text("import os; os._exit(132)")
    finding = await look_at_packages(Imports())()
    assert finding.verdict is Verdict.PROBLEM
    assert "numpy: it ends Python (exit code 132)" in finding.lines
    assert not any(line.startswith("textual:") for line in finding.lines)
    assert set(PACKAGES) > {"numpy", "textual"}
