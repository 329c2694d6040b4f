"""A connection to a recogniser: one gRPC channel, and what its errors mean."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from captions.errors import CredentialsError, StreamError
from captions.plain_text import plain
from captions.recognition.credentials import Credentials
from captions.recognition.endpoint import Endpoint
from captions.recognition.hints import Circumstances, hint

KEEPALIVE_MS = 10_000
"""After so much silence the link is tested. Servers may take tests less than 10 s apart for an attack."""
PING_MS = 4_000
"""A link that does not answer the test for so long is dead."""
LONGEST_RESPONSE = 64 * 2**20
"""Bytes; gRPC's own limit for what is received, 4 MiB, would end a stream with a long response."""


class Connection:
    """A channel, shared by streams. One that failed is not used for new streams, and closes with the last of its own.

    A channel can hang for many minutes while a new one works at once, and after a refusal it makes its own pauses
    between attempts, so a new stream after a failure gets a new channel. Belongs to one event loop.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        authorities: bytes | None,
        tls: bool,
        credentials: Credentials | None,
        connect_seconds: float,
        keepalive_ms: int,
    ) -> None:
        self.endpoint = endpoint
        self.keepalive_ms = keepalive_ms
        self.failed = False
        self._streams = 0
        self._credentials = credentials
        self._at = Circumstances(endpoint, tls, authorities is not None, credentials is not None)
        options: list[tuple[str, Any]] = [
            ("grpc.max_receive_message_length", LONGEST_RESPONSE),
            # A new channel must not be given the failed connection of another, with its pauses still running.
            ("grpc.use_local_subchannel_pool", 1),
            # How long one attempt to connect may take, in spite of its name; 20 s otherwise.
            ("grpc.min_reconnect_backoff_ms", round(connect_seconds * 1000)),
        ]
        if endpoint.is_this_machine:
            # A proxy from the environment would be asked for this machine too, and be sent what must stay on it.
            options.append(("grpc.enable_http_proxy", 0))
        if not endpoint.is_socket_file:
            # Measured: a dead link is noticed after keepalive_time and ping_timeout together; keepalive_timeout alone
            # leaves the latter at 60 s, and the default of max_pings_without_data ends the tests after two.
            options += [
                ("grpc.keepalive_time_ms", keepalive_ms),
                ("grpc.keepalive_timeout_ms", PING_MS),
                ("grpc.http2.ping_timeout_ms", PING_MS),
                ("grpc.http2.max_pings_without_data", 0),
            ]
        if tls:
            roots = grpc.ssl_channel_credentials(root_certificates=authorities)
            self.channel = grpc.aio.secure_channel(endpoint.target, roots, options=options)
        else:
            self.channel = grpc.aio.insecure_channel(endpoint.target, options=options)

    def take(self) -> None:
        """Count one stream more."""
        self._streams += 1

    async def let_go(self) -> None:
        """Count one stream less."""
        self._streams -= 1
        if self.failed and self._streams == 0:
            await self.channel.close()

    def verdict(self, code: str, details: str, client_request_id: str, metadata: Mapping[str, str]) -> StreamError:
        """Return the error that ended a stream, in the service's words, with its ids and what to do about it."""
        if code in {"UNAVAILABLE", "DEADLINE_EXCEEDED"}:
            self.failed = True
        if "too_many_pings" in details.lower() or "too many pings" in details.lower():
            self.keepalive_ms *= 2
        if self._credentials is not None:
            details = details.replace(self._credentials.secret, "***")
        return StreamError(
            code,
            plain(details),
            hint(code, details, self._at),
            client_request_id=client_request_id,
            request_id=plain(metadata.get("x-request-id", "")),
            trace_id=plain(metadata.get("x-server-trace-id", "")),
        )


def read_authorities(ca_file: str) -> bytes:
    """Return the PEM certificates in a file. Reads a file: not for the event loop. Raises CredentialsError."""
    try:
        content = Path(ca_file).expanduser().read_bytes()
    except (OSError, RuntimeError) as error:
        reason = plain(getattr(error, "strerror", None) or str(error))
        raise CredentialsError(f"The certificates in {plain(ca_file)} cannot be read: {reason}.") from None
    try:
        ssl.create_default_context(cadata=content.decode("ascii"))
    except (ssl.SSLError, ValueError):
        raise CredentialsError(
            f"The file {plain(ca_file)} holds no PEM certificate.",
            "It must hold the authority's, beginning with -----BEGIN CERTIFICATE-----.",
        ) from None
    return content
