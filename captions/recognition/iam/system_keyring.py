"""What a person keeps in the system's keyring: a key or a token, by `captions credentials keep`.

The package `keyring` is an extra of its own. A keyring may ask its owner for a password, so a thread waits for it.
"""

import asyncio
from collections.abc import Callable
from types import ModuleType
from typing import TypeVar

from captions.audio.threads import DaemonThread
from captions.errors import CredentialsError
from captions.plain_text import plain
from captions.recognition.iam.exchange import Exchange
from captions.recognition.iam.token import Token
from captions.recognition.iam.written import Written, in_text, token_of

SERVICE = "captions"
USER = "credentials"
SECONDS = 60.0
"""How long the keyring may take: its owner may have to type a password."""

T = TypeVar("T")


class Keyring:
    """See Source."""

    name = "keyring"
    where = "the keyring"

    def __init__(self, exchange: Exchange, folder_id: str = "") -> None:
        self._exchange = exchange
        self._folder_id = folder_id

    async def fetch(self) -> Token:
        """See Source."""
        kept = await recall(self._folder_id)
        if kept is None:
            raise CredentialsError("There is nothing of captions in the keyring.", "Run: captions credentials keep")
        return await token_of(kept, self._exchange)


def check() -> None:
    """Raise CredentialsError where the package is not installed."""
    _keyring()


async def recall(folder_id: str = "") -> Written | None:
    """Return what is kept, None where nothing is. Raises CredentialsError."""
    text: str | None = await _do(lambda: _keyring().get_password(SERVICE, USER))
    return None if text is None else in_text(text, "The secret in the keyring", folder_id)


async def keep(text: str) -> str:
    """Keep credentials as they are written; return the name of the keyring. Raises CredentialsError."""

    def write() -> str:
        ring = _keyring().get_keyring()
        ring.set_password(SERVICE, USER, text)
        return plain(str(ring.name))

    return await _do(write)


async def forget() -> bool:
    """Take them out of the keyring; whether there were any. Raises CredentialsError."""

    def take_out() -> bool:
        ring = _keyring().get_keyring()
        if ring.get_password(SERVICE, USER) is None:
            return False
        ring.delete_password(SERVICE, USER)
        return True

    return await _do(take_out)


def _keyring() -> ModuleType:
    try:
        import keyring
    except ImportError:
        raise CredentialsError(
            "The keyring cannot be used: its package is not installed.", "Run: pip install 'captions[keyring]'"
        ) from None
    return keyring


async def _do(work: Callable[[], T]) -> T:
    thread = DaemonThread("keyring")
    try:
        async with asyncio.timeout(SECONDS):
            return await asyncio.get_running_loop().run_in_executor(thread, work)
    except CredentialsError:
        raise
    except TimeoutError:
        raise CredentialsError(f"The keyring did not answer within {SECONDS:g} s.", "Unlock it.") from None
    except Exception as error:  # each backend has its own, which are not told apart by their texts
        raise _refused(error) from None
    finally:
        thread.shutdown()


def _refused(error: Exception) -> CredentialsError:
    from keyring.errors import KeyringLocked, NoKeyringError

    if isinstance(error, NoKeyringError):
        return CredentialsError(
            "This system has no keyring that runs.",
            "On Linux that is GNOME Keyring or KWallet in a session with D-Bus; elsewhere use --credentials-file.",
        )
    if isinstance(error, KeyringLocked):
        return CredentialsError("The keyring is locked.", "Unlock it, and try again.")
    return CredentialsError(
        f"The keyring does not do it ({type(error).__name__}).",
        "It may be locked, or take no secret of this length: --credentials-file names a file instead.",
    )
