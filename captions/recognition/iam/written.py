"""Credentials as a person writes them down: lines of a shell script, or a key's JSON, in a file or the environment.

The names are those of the service's own examples (API_KEY, IAM_TOKEN, FOLDER_ID) and, for a key, of its Terraform
provider: YC_SERVICE_ACCOUNT_KEY_FILE is "either a path to or the contents of the Service Account file in JSON format".
"""

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path

from captions.errors import CredentialsError
from captions.plain_text import plain
from captions.recognition.credentials import Credentials, Kind
from captions.recognition.iam.exchange import Exchange
from captions.recognition.iam.key import ServiceAccountKey
from captions.recognition.iam.token import Token

KEY_FILE = "YC_SERVICE_ACCOUNT_KEY_FILE"
LONGEST_FILE = 1 << 16
"""Bytes; a key has 3 kB."""
_LINE = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*=\s*(?P<value>.*)")

Written = Credentials | ServiceAccountKey


async def token_of(written: Written, exchange: Exchange) -> Token:
    """Return what is sent: what is written, or the token that it is exchanged for. Raises as `Source.fetch`."""
    return await exchange.token(written) if isinstance(written, ServiceAccountKey) else Token(written)


class CredentialsFile:
    """See Source: a file, read anew each time."""

    name = "credentials_file"

    def __init__(self, file: str, exchange: Exchange, folder_id: str = "") -> None:
        self.where = f"the file {plain(file)}"
        self.file = file
        self._exchange = exchange
        self._folder_id = folder_id

    def read(self) -> Written:
        """Read the file: not for the event loop. Raises CredentialsError."""
        return in_file(self.file, self._folder_id)

    async def fetch(self) -> Token:
        """See Source."""
        return await token_of(await asyncio.to_thread(self.read), self._exchange)


class Environment:
    """See Source: the environment, of which a key's file is read anew each time."""

    name = "environment"
    where = "the environment"

    def __init__(self, environment: Mapping[str, str], exchange: Exchange, folder_id: str = "") -> None:
        self._environment = environment
        self._exchange = exchange
        self._folder_id = folder_id

    @property
    def file(self) -> str:
        """The file of a key that is named, empty where none is."""
        named = self._environment.get(KEY_FILE, "").strip()
        return "" if named.startswith("{") else named

    def read(self) -> Written:
        """Read what is there: not for the event loop. Raises CredentialsError, also where nothing is."""
        written = in_environment(self._environment, self._folder_id)
        if written is None:
            raise CredentialsError(
                f"The environment has neither API_KEY nor IAM_TOKEN nor {KEY_FILE}.",
                "Set one of them, or the setting credentials to something else.",
            )
        return written

    async def fetch(self) -> Token:
        """See Source."""
        return await token_of(await asyncio.to_thread(self.read), self._exchange)


def in_file(name: str, folder_id: str = "") -> Written:
    """Return the credentials in a file. Reads it: not for the event loop. Raises CredentialsError."""
    try:
        with Path(name).expanduser().open("rb") as file:
            text = file.read(LONGEST_FILE).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError, RuntimeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is not a UTF-8 text"
        raise CredentialsError(f"The credentials file {plain(name)} cannot be read: {plain(reason)}.") from None
    return in_text(text, f"The credentials file {plain(name)}", folder_id)


def in_text(text: str, where: str, folder_id: str = "") -> Written:
    """Return the credentials in a text: a service account's key as JSON, or lines as in a shell script or .env file.

    Of the lines `IAM_TOKEN=` and `API_KEY=` there must be one; with both the API key counts, which lasts. A line
    `FOLDER_ID=` counts unless `folder_id` is given. Raises CredentialsError, which says `where`.
    """
    if text.lstrip().startswith("{"):
        return ServiceAccountKey.parse(text, where)
    values = {}
    for line in text.splitlines():
        if match := _LINE.fullmatch(line.strip()):
            value = match["value"].strip()
            if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
                value = value[1:-1]
            values[match["name"]] = value
    written = _in_variables(values, folder_id)
    if written is None:
        raise CredentialsError(
            f"{where} holds neither IAM_TOKEN= nor API_KEY=, nor the JSON of a service account's key.",
            "Put one of them there, the first two on a line of their own.",
        )
    return written


def in_environment(environment: Mapping[str, str], folder_id: str = "", *, key_file: bool = True) -> Written | None:
    """Return the credentials in the environment, None where there are none; an API key goes before a token.

    With `key_file` also the key that YC_SERVICE_ACCOUNT_KEY_FILE names or holds. May read that file: not for the event
    loop. Raises CredentialsError.
    """
    written = _in_variables(environment, folder_id)
    named = environment.get(KEY_FILE, "").strip()
    if written is not None or not named or not key_file:
        return written
    if named.startswith("{"):
        return ServiceAccountKey.parse(named, f"The variable {KEY_FILE}")
    key = in_file(named)
    if isinstance(key, Credentials):
        raise CredentialsError(f"The file that {KEY_FILE} names, {plain(named)}, is no service account's key.")
    return key


def _in_variables(values: Mapping[str, str], folder_id: str) -> Credentials | None:
    folder = folder_id or values.get("FOLDER_ID", "").strip()
    for kind, name in ((Kind.API_KEY, "API_KEY"), (Kind.IAM_TOKEN, "IAM_TOKEN")):
        if secret := values.get(name, "").strip():
            return Credentials(kind, secret, folder)
    return None
