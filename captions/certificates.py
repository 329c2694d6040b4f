"""A certificate and its private key, as files: of our own server, and of us as a client. Light to import."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from captions.errors import CredentialsError
from captions.plain_text import plain

_VALIDITY = re.compile(
    rb"\x30[\x1c-\x22](?:\x17\x0d|\x18\x0f)\d{12,14}Z(?:\x17\x0d(?P<short>\d{12})Z|\x18\x0f(?P<long>\d{14})Z)"
)
"""The period of validity in a certificate's DER: a sequence of two UTCTimes or GeneralizedTimes (RFC 5280, 4.1.2.5)."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate, with those that lead to its authority, and its private key, in PEM. The key is in no `repr`."""

    certificate: bytes
    key: bytes = field(repr=False)
    files: tuple[Path, Path]
    """Where they were read, in that order."""


def read_pair(certificate: str | Path, key: str | Path, names: tuple[str, str]) -> Pair | None:
    """Return a pair that can be used together, None where neither is named.

    `names` is what the two are called where they are set, to be told of one that is missing. Reads files: not for the
    event loop. Raises CredentialsError.
    """
    if not certificate and not key:
        return None
    if not certificate or not key:
        raise CredentialsError("A certificate and its key go together.", f"Give {names[bool(certificate)]} too.")
    certificate_file, key_file = _expanded(certificate), _expanded(key)
    pair = Pair(_read(certificate_file, "certificate"), _read(key_file, "key"), (certificate_file, key_file))
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # Asked for a password, OpenSSL would stop at the terminal; gRPC cannot take a locked key anyway.
        context.load_cert_chain(*pair.files, password=lambda: b"")
    except (ssl.SSLError, OSError):
        raise CredentialsError(
            f"The certificate {_shown(certificate)} and the key {_shown(key)} cannot be used together.",
            "Both must be PEM, belong to each other, and the key must have no password.",
        ) from None
    return pair


def read_client_pair(certificate: str, key: str) -> Pair | None:
    """Return the pair by which a server is to know us, of the settings client_certificate and client_key.

    As `read_pair`. One that has run out is an error too: servers close the connection when they refuse one, and do not
    say why.
    """
    pair = read_pair(certificate, key, ("client_certificate", "client_key"))
    if pair is not None and (until := valid_until(pair.certificate)) is not None and until < datetime.now(UTC):
        raise CredentialsError(
            f"The certificate {_shown(certificate)} ran out on {until:%Y-%m-%d}.",
            "Get another one from who runs the server.",
        )
    return pair


def valid_until(certificate: bytes) -> datetime | None:
    """Return when the first certificate in a PEM text runs out; None where that cannot be told."""
    import ssl

    end = certificate.find(b"-----END CERTIFICATE-----") + len(b"-----END CERTIFICATE-----")
    begin = certificate.find(b"-----BEGIN CERTIFICATE-----")
    try:
        found = _VALIDITY.search(ssl.PEM_cert_to_DER_cert(certificate[begin:end].decode("ascii")))
        if found is None:
            return None
        if found["long"]:
            return datetime.strptime(found["long"].decode(), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        digits = found["short"].decode()
        century = "19" if digits >= "50" else "20"  # two digits of a year: 1950 to 2049
        return datetime.strptime(century + digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _expanded(file: str | Path) -> Path:
    try:
        return Path(file).expanduser()
    except RuntimeError:  # a home folder that nobody knows
        return Path(file)


def _shown(file: str | Path) -> str:
    return plain(str(file))


def _read(file: Path, what: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        reason = plain(error.strerror or str(error))
        raise CredentialsError(f"The {what} {_shown(file)} cannot be read: {reason}.") from None
