"""The way to the endpoint: its name, a connection, and whose certificate it has, without a word to the service."""

import importlib.util
import os
import socket
import ssl
import time
import urllib.parse
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any

from captions.certificates import Pair, read_client_pair, valid_until
from captions.doctor.checks import Finding, Verdict, in_thread
from captions.doctor.recognisers import HERE, Asked
from captions.errors import CredentialsError
from captions.plain_text import plain
from captions.recognition.chosen import check
from captions.recognition.endpoint import Endpoint, parse_endpoint
from captions.recognition.hints import Circumstances, hint
from captions.settings import Settings

CONNECTING_SECONDS = 4.0
FIRST_WORD_SECONDS = 1.0
"""How long a server may take to begin to speak HTTP/2, which it does by itself."""
SOON_DAYS = 14
"""A certificate that ends within so many days is warned of."""


def look_at_endpoint(asked: Asked) -> Callable[[], Awaitable[Finding]]:
    """Return the check of the way to the service: its name, a connection, and whose certificate it has until when.

    Nothing of the service's own is sent, and nothing billed.
    """

    def look() -> Finding:
        settings = asked.settings
        if not asked.uses_service():
            return Finding(Verdict.NOT_CHECKED, HERE)
        check(settings, settings.recognizer)
        endpoint = parse_endpoint(settings.endpoint)
        proxy = None if endpoint.is_this_machine else _proxy(asked.environment, endpoint.host)
        ours = read_client_pair(settings.client_certificate, settings.client_key) if settings.tls else None
        at = Circumstances(endpoint, settings.tls, bool(settings.ca_file), None, client_certificate=ours is not None)
        began = time.monotonic()
        try:
            certificate, answered = _connect(endpoint, settings, ours, proxy)
        except (OSError, HTTPException, ValueError) as error:
            return Finding(Verdict.PROBLEM, f"{endpoint}: {_reason(error)}", hint("UNAVAILABLE", _as_grpc(error), at))
        milliseconds = 1000 * (answered - began)
        through = f" through the proxy {plain(proxy.hostname or '')}" if proxy is not None else ""
        text = f"{endpoint} answers{through} in {milliseconds:.0f} ms"
        facts: dict[str, object] = {"endpoint": str(endpoint), "milliseconds": round(milliseconds), "tls": settings.tls}
        if certificate is None:
            return Finding(Verdict.GOOD, f"{text}, without encryption", facts=facts)
        return _with_certificates(text, facts, certificate, ours)

    return lambda: in_thread(look)


def _connect(
    endpoint: Endpoint, settings: Settings, ours: Pair | None, proxy: urllib.parse.SplitResult | None
) -> tuple[dict[str, Any] | None, float]:
    """Connect, and return the server's certificate, None where there is no encryption, and the time when it answered.

    Raises OSError and others.
    """
    if endpoint.is_socket_file:
        with socket.socket(socket.AF_UNIX) as connected:
            connected.settimeout(CONNECTING_SECONDS)
            connected.connect(endpoint.target.removeprefix("unix:"))
        return None, time.monotonic()
    port = int(endpoint.target.rpartition(":")[2])
    if not settings.tls:
        with socket.create_connection((endpoint.host, port), CONNECTING_SECONDS):
            return None, time.monotonic()
    context = _context(settings, ours)
    if proxy is None:
        connection = HTTPSConnection(endpoint.host, port, timeout=CONNECTING_SECONDS, context=context)
    else:
        connection = HTTPSConnection(
            proxy.hostname or "", proxy.port or 80, timeout=CONNECTING_SECONDS, context=context
        )
        connection.set_tunnel(endpoint.host, port, headers=_proxy_headers(proxy))
    try:
        connection.connect()
        answered = time.monotonic()
        certificate: dict[str, Any] | None = connection.sock.getpeercert()
        if connection.sock.selected_alpn_protocol() != "h2":
            raise ConnectionError("it does not offer HTTP/2")
        _see_that_it_speaks(connection.sock)
        return certificate, answered
    finally:
        connection.close()


def _see_that_it_speaks(connection: socket.socket) -> None:
    """Wait for the first byte of a server's HTTP/2 settings. Raises ConnectionResetError when it hangs up instead.

    Since TLS 1.3 the handshake is over on our side before the server has seen our certificate, or that there is none.
    A server that waits for our first word, as some proxies do, is left alone.
    """
    connection.settimeout(FIRST_WORD_SECONDS)
    try:
        if connection.recv(1):
            return
    except TimeoutError:
        return
    except ssl.SSLError as error:
        if "ALERT" in (error.reason or ""):
            raise
    except ConnectionError:
        pass
    raise ConnectionResetError("it closed the connection at once")


def _context(settings: Settings, ours: Pair | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=_authorities(settings))
    except OSError as error:
        raise CredentialsError(
            f"The certificates in {settings.ca_file} cannot be used: {error.strerror or error}.",
            "The setting ca_file names a PEM file of the authority's.",
        ) from None
    if ours is not None:
        context.load_cert_chain(*ours.files)
    context.set_alpn_protocols(["h2"])
    return context


def _authorities(settings: Settings) -> str | None:
    """Return the file of the authorities that gRPC trusts, which are not the system's; None for those."""
    if settings.ca_file:
        return str(Path(settings.ca_file).expanduser())
    if path := os.environ.get("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"):
        return path
    found = importlib.util.find_spec("grpc")
    roots = Path(found.origin).parent / "_cython" / "_credentials" / "roots.pem" if found and found.origin else None
    return str(roots) if roots is not None and roots.exists() else None


def _proxy(environment: Mapping[str, str], host: str) -> urllib.parse.SplitResult | None:
    """Return the proxy through which gRPC goes to a host, by the variables that it reads; None for none."""
    proxies = {"no": environment.get("no_grpc_proxy") or environment.get("no_proxy") or ""}
    if urllib.request.proxy_bypass_environment(host, proxies):  # type: ignore[attr-defined]
        return None
    for variable in ("grpc_proxy", "https_proxy", "http_proxy"):
        if value := environment.get(variable):
            return urllib.parse.urlsplit(value if "://" in value else f"http://{value}")
    return None


def _proxy_headers(proxy: urllib.parse.SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    import base64

    pair = f"{urllib.parse.unquote(proxy.username)}:{urllib.parse.unquote(proxy.password or '')}"
    return {"Proxy-Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def _with_certificates(text: str, facts: dict[str, object], certificate: dict[str, Any], ours: Pair | None) -> Finding:
    names = {name: value for row in certificate.get("issuer", ()) for name, value in row}
    issuer = names.get("organizationName") or names.get("commonName") or "somebody unnamed"
    until = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
    days = (until - datetime.now(UTC)).days
    text = f"{text}; its certificate is by {issuer}, until {until:%Y-%m-%d}"
    facts = {**facts, "issuer": issuer, "valid_until": until.isoformat()}
    own_until = valid_until(ours.certificate) if ours is not None else None
    if own_until is not None:
        text += f"; it takes yours, until {own_until:%Y-%m-%d}"
        facts["client_valid_until"] = own_until.isoformat()
    if days < SOON_DAYS:
        return Finding(Verdict.WARNING, text, f"It ends in {days} days: tell who runs the server.", facts=facts)
    if own_until is not None and (own_days := (own_until - datetime.now(UTC)).days) < SOON_DAYS:
        return Finding(Verdict.WARNING, text, f"Yours ends in {own_days} days: get another one.", facts=facts)
    return Finding(Verdict.GOOD, text, facts=facts)


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return str(error.reason or error).replace("_", " ").lower()
    if isinstance(error, TimeoutError):
        return f"it did not answer within {CONNECTING_SECONDS:g} s"
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def _as_grpc(error: Exception) -> str:
    """Return the words by which gRPC would tell the same, from which the hints are made."""
    match error:
        case ssl.SSLCertVerificationError() if "match" in error.verify_message.lower():
            return "hostname verification"
        case ssl.SSLCertVerificationError():
            return "certificate_verify_failed"
        case ssl.SSLError():
            return str(error)
        case ConnectionError() if "HTTP/2" in str(error):
            return "http/2"
        case socket.gaierror():
            return "dns resolving"
        case ConnectionRefusedError():
            return "refused"
        case ConnectionResetError():
            return "last error: connection reset"
        case _:
            return "cannot reach"
