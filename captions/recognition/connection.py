"""A connection to a recogniser: one gRPC channel, and what its errors mean."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from captions.certificates import Pair, read_client_pair
from captions.errors import CredentialsError, StreamError
from captions.plain_text import plain
from captions.recognition.credentials import Credentials
from captions.recognition.endpoint import Endpoint
from captions.recognition.hints import Circumstances, hint
from captions.recognition.metadata_file import NO_METADATA, ExtraMetadata

KEEPALIVE_MS = 10_000
"""After so much silence the link is tested. Servers may take tests less than 10 s apart for an attack."""
PING_MS = 4_000
"""A link that does not answer the test for so long is dead."""
LONGEST_RESPONSE = 64 * 2**20
"""Bytes; gRPC's own limit for what is received, 4 MiB, would end a stream with a long response."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who opens a stream: an id of its own, which the service's support asks for, and what it goes with beside that."""

    client_request_id: str
    credentials: Credentials | None = None
    extra: ExtraMetadata = NO_METADATA

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What goes with every stream. Secret."""
        metadata: tuple[tuple[str, str], ...] = (("x-client-request-id", self.client_request_id),)
        if self.credentials is not None:
            metadata += (("authorization", self.credentials.authorization),)
        return metadata + self.extra.entries

    def without_secrets(self, text: str) -> str:
        """Return a text, such as a server's own, without what must not be shown."""
        if self.credentials is not None:
            text = text.replace(self.credentials.secret, "***")
        return self.extra.without_secrets(text)


@dataclass(frozen=True, slots=True)
class Tls:
    """By what a connection is encrypted.

    `authorities` are their PEM certificates, None for the usual ones; `client` is what the endpoint knows us by, None
    where it does not ask.
    """

    authorities: bytes | None = None
    client: Pair | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """The files by which two sides trust each other; empty names for none."""

    ca_file: str = ""
    client_certificate: str = ""
    client_key: str = ""

    def read(self) -> Tls:
        """Read them: not for the event loop. Raises CredentialsError."""
        client = read_client_pair(self.client_certificate, self.client_key)
        return Tls(read_authorities(self.ca_file) if self.ca_file else None, client)


class Connection:
    """A channel, shared by streams. One that failed is not used for new streams, and closes with the last of its own.

    A channel can hang for many minutes while a new one works at once, and after a refusal it makes its own pauses
    between attempts, so a new stream after a failure gets a new channel. Belongs to one event loop.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        tls: Tls | None,
        connect_seconds: float,
        keepalive_ms: int,
        service: str,
    ) -> None:
        self.endpoint = endpoint
        self._service = service
        self.keepalive_ms = keepalive_ms
        self.failed = False
        self._streams = 0
        self._tls = tls
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
        if tls is not None:
            key, certificate = (tls.client.key, tls.client.certificate) if tls.client is not None else (None, None)
            trust = grpc.ssl_channel_credentials(tls.authorities, key, certificate)
            self.channel = grpc.aio.secure_channel(endpoint.target, trust, options=options)
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

    def verdict(self, code: str, details: str, caller: Caller, metadata: Mapping[str, str]) -> StreamError:
        """Return the error that ended a stream, in the service's words, with its ids and what to do about it."""
        if code in {"UNAVAILABLE", "DEADLINE_EXCEEDED"}:
            self.failed = True
        if "too_many_pings" in details.lower() or "too many pings" in details.lower():
            self.keepalive_ms *= 2
        details = caller.without_secrets(details)
        own_authority = self._tls is not None and self._tls.authorities is not None
        at = Circumstances(
            self.endpoint,
            self._tls is not None,
            own_authority,
            caller.credentials,
            service=self._service,
            client_certificate=self._tls is not None and self._tls.client is not None,
            own_authorization=caller.extra.has_authorization,
        )
        return StreamError(
            code,
            plain(details),
            hint(code, details, at),
            client_request_id=caller.client_request_id,
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
