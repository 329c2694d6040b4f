"""An address in its parts, and what goes wrong there in words: nothing of an address is shown that may be a secret."""

import http.client
import socket
import ssl
import urllib.error
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from captions.errors import InputError
from captions.plain_text import plain


@dataclass(frozen=True, slots=True)
class Location:
    """An address in its parts. `shown` is safe to show; nothing else of it is, because queries hold tokens too."""

    scheme: str
    host: str
    port: int | None
    path: str
    query: str
    credentials: str
    """USER:PASSWORD, decoded; empty without."""
    shown: str

    @classmethod
    def parse(cls, address: str, shown: str) -> "Location | None":
        """Return an address's parts; None when it is none."""
        try:
            parts = urlsplit(address.strip())
            host, port = parts.hostname or "", parts.port
            host.encode("idna")
        except ValueError:  # UnicodeError is one
            return None
        if not host or any(ord(letter) <= 0x20 for letter in address.strip()):
            return None
        user, colon, password = (parts.username or ""), ":", (parts.password or "")
        credentials = unquote(user) + colon + unquote(password) if user or password else ""
        return cls(parts.scheme.lower(), host, port, parts.path, parts.query, credentials, shown)

    @property
    def origin(self) -> tuple[str, str, int | None]:
        """Whom credentials are for."""
        return self.scheme, self.host, self.port or {"http": 80, "https": 443}.get(self.scheme)

    @property
    def url(self) -> str:
        """The address without credentials."""
        return self._joined(self._place)

    def with_credentials(self) -> str:
        """The address with them, as FFmpeg takes it."""
        user, _, password = self.credentials.partition(":")
        before = f"{quote(user, safe='')}:{quote(password, safe='')}@" if self.credentials else ""
        return self._joined(before + self._place)

    @property
    def _place(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host.encode("idna").decode()
        return host if self.port is None else f"{host}:{self.port}"

    def _joined(self, place: str) -> str:
        return urlunsplit((self.scheme, place, quote(self.path, safe="/%:@!$&'()*+,;=~"), self.query, ""))


class Changed(OSError):
    """What is there now is another file than what was begun."""


def is_final(error: Exception) -> bool:
    """Whether another try would fail as well."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code < 500
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return isinstance(reason, Changed | ssl.SSLCertVerificationError)


def unreachable(location: Location, error: Exception) -> InputError:
    """Return what an error of a connection means, in words that hold nothing of the address that must not be shown."""
    shown, host = location.shown, plain(location.host)
    if isinstance(error, urllib.error.HTTPError):
        return _refused(location, error.code)
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, Exception):
        error = error.reason
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = plain(error.verify_message or str(error.reason)).rstrip(".")
        return InputError(
            f"{host} cannot be trusted: {reason}.",
            "If its authority is your own, name the authority's certificate in the variable SSL_CERT_FILE.",
        )
    if isinstance(error, ssl.SSLError):
        return InputError(f"{host} does not speak TLS as it should.", "Is the address one of http:// and not https://?")
    if isinstance(error, socket.gaierror | UnicodeError):
        return InputError(f"There is no host {host}, or its name cannot be looked up.", "Check the address.")
    if isinstance(error, ConnectionRefusedError):
        return InputError(f"{host} takes no connection for {shown}.", "Is what should send it running, on that port?")
    if isinstance(error, TimeoutError):
        return InputError(f"{host} does not answer.", "Check the address, and the way there: a firewall, a tunnel.")
    if isinstance(error, http.client.HTTPException):
        return InputError(f"{host} gave an answer that is not HTTP's.", "Is it a tcp:// address?")
    return InputError(f"{shown} cannot be reached: {_reason(error)}.", "Check the address.")


def _reason(error: Exception) -> str:
    """An error's words: of system errors only the system's, because others may quote the address."""
    if isinstance(error, Changed | ConnectionError) and not error.errno:
        return plain(str(error))
    return plain(getattr(error, "strerror", None) or type(error).__name__).rstrip(".")


def _refused(location: Location, code: int) -> InputError:
    try:
        answer = f"{code} {HTTPStatus(code).phrase}"
    except ValueError:
        answer = str(code)
    if code in (401, 403, 407):
        hint = "Its credentials may be wrong."
        if not location.credentials:
            hint = f"If it needs credentials, put them into the address: {location.scheme}://USER:PASSWORD@HOST/..."
        return InputError(f"{plain(location.host)} refuses {location.shown}: {answer}.", hint)
    return InputError(f"{plain(location.host)} does not have {location.shown}: {answer}.", "Check the address.")
