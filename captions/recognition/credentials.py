"""Who asks: an IAM token or an API key, found where the service's own examples keep them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from captions.errors import CredentialsError
from captions.plain_text import plain

_LINE = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*=\s*(?P<value>.*)")


class Kind(StrEnum):
    """How the secret is presented: the first word of the `authorization` header."""

    IAM_TOKEN = "Bearer"
    API_KEY = "Api-Key"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A secret and, for a user account, the folder it is used in.

    The secret is in no `repr`, and a secret that could not be a header's value is refused. Raises CredentialsError.
    """

    kind: Kind
    secret: str = field(repr=False)
    folder_id: str = ""

    def __post_init__(self) -> None:
        if not self.secret or not all("!" <= character <= "~" for character in self.secret):
            what = "IAM token" if self.kind is Kind.IAM_TOKEN else "API key"
            raise CredentialsError(
                f"The {what} is not usable: it is empty, or has spaces, line breaks or letters that no {what} has.",
                "Copy it again, whole and on one line.",
            )

    @property
    def authorization(self) -> str:
        """Value of the `authorization` header. Secret."""
        return f"{self.kind} {self.secret}"


def find_credentials(
    environment: Mapping[str, str], credentials_file: str = "", folder_id: str = ""
) -> Credentials | None:
    """Return the credentials to use, or None where there are none.

    With `credentials_file` only that file counts: lines `IAM_TOKEN=`, `API_KEY=` and `FOLDER_ID=` as in a shell
    script or .env file; it must hold one of the first two. It should be readable by its owner alone. Otherwise the
    variables of the same names in `environment` count. Where both secrets are set the API key wins: it lasts, while
    an IAM token in an environment is at most 12 hours from running out. `folder_id` goes before any FOLDER_ID; with
    neither no folder is sent, as the service wants it for service accounts.

    Reads a file: not for the event loop. Raises CredentialsError.
    """
    values = _read(credentials_file) if credentials_file else environment
    folder = folder_id or values.get("FOLDER_ID", "").strip()
    for kind, name in ((Kind.API_KEY, "API_KEY"), (Kind.IAM_TOKEN, "IAM_TOKEN")):
        if secret := values.get(name, "").strip():
            return Credentials(kind, secret, folder)
    if credentials_file:
        raise CredentialsError(
            f"The credentials file {plain(credentials_file)} holds neither IAM_TOKEN= nor API_KEY=.",
            "Put one of them there, on a line of its own.",
        )
    return None


def _read(name: str) -> dict[str, str]:
    try:
        text = Path(name).expanduser().read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is not a UTF-8 text"
        raise CredentialsError(f"The credentials file {plain(name)} cannot be read: {plain(reason)}.") from None
    values = {}
    for line in text.splitlines():
        if match := _LINE.fullmatch(line.strip()):
            value = match["value"].strip()
            if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
                value = value[1:-1]
            values[match["name"]] = value
    return values
