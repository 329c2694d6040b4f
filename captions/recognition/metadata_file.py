"""What a server wants with every stream beside the credentials: lines `name: value` in a file.

A file and not a flag, because what stands there is often a secret: flags are seen by everybody on the machine, and
stand in histories and journals. Light to import.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from captions.errors import CredentialsError
from captions.plain_text import plain

AUTHORIZATION = "authorization"
_NAME = re.compile(r"[0-9a-z_.-]+")
_OURS = frozenset({"connection", "content-type", "host", "te", "user-agent", "x-client-request-id"})
"""Names that gRPC or this program send themselves."""
_UNMISTAKABLE = 8
"""A value of so many characters stands for itself wherever it comes in a text; a shorter one only as a whole word."""


@dataclass(frozen=True, slots=True)
class ExtraMetadata:
    """Names and values, in no `repr`: all of them are taken for secrets."""

    entries: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def has_authorization(self) -> bool:
        """Whether it says who asks, in the place of credentials."""
        return any(name == AUTHORIZATION for name, _ in self.entries)

    def without_secrets(self, text: str) -> str:
        """Return a text without the values, and without what stands after the scheme in an authorization."""
        secrets = {value for _, value in self.entries}
        secrets |= {value.partition(" ")[2].strip() for name, value in self.entries if name == AUTHORIZATION}
        for secret in sorted(secrets - {""}, key=len, reverse=True):
            if len(secret) >= _UNMISTAKABLE:
                text = text.replace(secret, "***")
            else:
                text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "***", text)
        return text


NO_METADATA = ExtraMetadata()


def read_metadata(name: str) -> ExtraMetadata:
    """Return what a file holds: a line `name: value` for each entry, empty lines, and comments that begin with #.

    Names and values are as gRPC takes them: names of small letters, digits and _ - . that do not begin with grpc-
    nor end with -bin (binary values are not sent), values of printable ASCII. Spaces around a value are left out.
    Reads a file: not for the event loop. Raises CredentialsError, which holds no value.
    """
    extra, fault, mend = _read(name)
    if fault:
        raise CredentialsError(f"The metadata file {plain(name)} cannot be used: {fault}.", mend)
    return extra


def _read(name: str) -> tuple[ExtraMetadata, str, str]:
    """As `read_metadata`, with what is wrong and how to mend it: nothing of the file is in a frame that raises."""
    try:
        text = Path(name).expanduser().read_text(encoding="utf-8-sig")
    except (OSError, RuntimeError) as error:
        return NO_METADATA, plain(getattr(error, "strerror", None) or str(error)), ""
    except UnicodeDecodeError:
        return NO_METADATA, "it is not a UTF-8 text", ""
    entries = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            key, colon, value = line.partition(":")
            key, value = key.strip(), value.strip()
            if fault := _fault(key, value if colon else None):
                return NO_METADATA, f"line {number} {fault[0]}", fault[1]
            entries.append((key, value))
    return ExtraMetadata(tuple(entries)), "", ""


def _fault(name: str, value: str | None) -> tuple[str, str] | None:
    """What is wrong with an entry, and what to do; without the value, and without a name that may be one."""
    if value is None:
        return "has no colon", "Each line is NAME: VALUE; comments begin with #."
    if name != name.lower() and _NAME.fullmatch(name.lower()):
        return "has a name with capital letters", "gRPC takes names in small letters only."
    if not _NAME.fullmatch(name):
        return "begins with no name", "A name is of small letters, digits and _ - . and stands before the colon."
    if name.startswith("grpc-") or name in _OURS:
        return f"has the name {name}, which is not free", "gRPC and this program send that themselves."
    if name.endswith("-bin"):
        return "has a name that ends with -bin", "Binary values cannot be sent: give it as text, under another name."
    if not value or not all(" " <= character <= "~" for character in value):
        return "has a value that cannot be sent", "It must be of printable ASCII characters, and not empty."
    return None
