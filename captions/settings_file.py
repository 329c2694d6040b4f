"""The TOML file of settings: read at the start, and written when a person saves what was changed in the dashboard."""

import contextlib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

import platformdirs

from captions.errors import SettingError


def settings_file() -> Path:
    """Where the TOML file is looked for unless --settings names another."""
    return platformdirs.user_config_path("captions") / "settings.toml"


def read(file: Path | None) -> dict[str, object]:
    """Return what stands in `file`, which must exist, or in the usual file, if it does. Raises SettingError."""
    path = file or settings_file()
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if file is None:
            return {}
        raise SettingError(f"The settings file {path} does not exist.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"The settings file {path} cannot be read: {error}.") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingError(f"The settings file {path} is not valid TOML: {error}.") from None


def save(changes: Mapping[str, object], path: Path) -> None:
    """Write these settings into the file and leave all else in it as it is: other settings, comments, order.

    A file that is missing is made, with its folders. The file is read anew, so what was edited meanwhile stays. Does
    file work: call it off the event loop. Raises SettingError; then the file is as it was.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    unchanged = "Nothing was saved."
    try:
        text = path.read_bytes().decode() if path.exists() else ""
        document = tomlkit.parse(text)
        for name, value in changes.items():
            document[name] = value
        write_whole(path, tomlkit.dumps(document).encode())
    except TOMLKitError as error:
        raise SettingError(f"The settings file {path} is not valid TOML any more: {error}.", unchanged) from None
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SettingError(f"The settings file {path} cannot be written: {reason}.", unchanged) from None


def write_whole(path: Path, content: bytes) -> None:
    """Put `content` in the place of a file's, all of it or, when the disk fails, nothing. Raises OSError.

    A link stays a link, a file keeps its permissions, and a new one is private to the user.
    """
    import tempfile

    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.exists():
        path.open("ab").close()  # taking the place of a file that is read-only would get around that
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            if path.exists():
                Path(name).chmod(path.stat().st_mode & 0o7777)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def toml(value: object) -> str:
    """Return a boolean, number or text as TOML writes it, with all that a terminal would not show as it is escaped."""
    import json

    def shown(character: str) -> str:
        if character.isprintable():
            return character
        code = ord(character)
        if 0xD800 <= code < 0xE000:  # half a character, which TOML cannot write
            return "\\ufffd"
        return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

    return "".join(map(shown, json.dumps(value, ensure_ascii=False)))
