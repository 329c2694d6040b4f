"""A recogniser at an address, spoken to over gRPC in the dialect of its service."""

import asyncio
import uuid
from typing import TYPE_CHECKING

from captions.errors import CredentialsError
from captions.recognition.authorization import Authorization
from captions.recognition.connection import KEEPALIVE_MS, Access, Caller, Connection
from captions.recognition.credentials import Credentials
from captions.recognition.dialect import Dialect
from captions.recognition.endpoint import SPEECHKIT, Endpoint, parse_endpoint
from captions.recognition.limits import StreamLimits
from captions.recognition.metadata_file import NO_METADATA, ExtraMetadata, read_metadata
from captions.recognition.recognizer import Encoding, RecognitionOptions
from captions.recognition.remote_stream import SEND_SECONDS, RemoteStream

if TYPE_CHECKING:
    from captions.audio.ogg_opus import OggOpusEncoder

CONNECT_SECONDS = 10.0
"""How long a connection, TLS included, may take."""


class RemoteRecognizer:
    """A recogniser at an address: HOST:PORT, or unix:PATH, which is never encrypted.

    The certificate is checked against the usual authorities, or those in the PEM file `ca_file`; `client_certificate`
    and `client_key` are PEM files of our own, for a server that asks for them. `metadata_file` is read for every
    stream, so that what changes in it holds from the next one on; an `authorization` in it takes the place of
    credentials. Without `tls`, neither credentials nor that metadata is sent beyond this machine. Raises SettingError
    for an endpoint that is none. Belongs to one event loop.
    """

    def __init__(
        self,
        dialect: Dialect,
        endpoint: str = SPEECHKIT,
        *,
        tls: bool = True,
        ca_file: str = "",
        client_certificate: str = "",
        client_key: str = "",
        metadata_file: str = "",
        authorization: Authorization | None = None,
        limits: StreamLimits | None = None,
        name: str = "",
        connect_seconds: float = CONNECT_SECONDS,
        send_seconds: float = SEND_SECONDS,
    ) -> None:
        self.name = name or dialect.service
        self.kind = dialect.kind
        self.limits = dialect.limits if limits is None else limits
        self.languages = dialect.languages
        self.preparing = ""
        self._dialect = dialect
        self._endpoint = parse_endpoint(endpoint)
        self._tls = tls and not self._endpoint.is_socket_file
        self._access = Access(ca_file, client_certificate, client_key) if self._tls else None
        self._metadata_file = metadata_file
        self._authorization = authorization
        self._connect_seconds = connect_seconds
        self._send_seconds = send_seconds
        self._connection: Connection | None = None
        self._connecting = asyncio.Lock()

    async def prepare(self) -> None:
        """Have what may be sent to the endpoint. Connects to nothing there: the first stream does."""
        await self._caller()

    async def open(self, options: RecognitionOptions) -> RemoteStream:
        """Begin a stream: connect where there is no connection, and send the settings.

        What the service says to them comes with the results. Raises StreamError, or CredentialsError where there are
        no credentials or they must not go, or where a file cannot be used.
        """
        caller = await self._caller()
        # A service account has a folder of its own, and must not be sent another: only what was given goes.
        folder_id = options.folder_id if caller.credentials is None else caller.credentials.folder_id
        conversation = self._dialect.converse(options, folder_id)
        encoder = None
        if options.audio_encoding is Encoding.OGG_OPUS:
            encoder = await asyncio.to_thread(_encoder, options.sample_rate_hertz)
        stream = RemoteStream(
            self._dialect, conversation, await self._connected(), caller, caller.metadata, encoder, self._send_seconds
        )
        try:
            await stream.write_settings(self._connect_seconds)
        except BaseException:
            await stream.cancel()
            raise
        return stream

    async def renew(self) -> bool:
        """Have better credentials than those that were refused; whether there are any to try."""
        if self._metadata_file and (await self._extra()).has_authorization:
            return True  # it is read again for every stream
        return self._authorization is not None and await self._authorization.renew()

    async def aclose(self) -> None:
        """Close the connection; open streams end. Idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.channel.close()

    async def _caller(self) -> Caller:
        """Who asks: read and fetched anew, and free to be sent to the endpoint. Raises CredentialsError."""
        extra = await self._extra()
        credentials: Credentials | None = None
        if self._authorization is not None and not extra.has_authorization:
            credentials = await self._authorization.current()
        if not self._tls and not self._endpoint.is_this_machine:
            if credentials is not None:
                raise _unencrypted(self._endpoint, "credentials were", "set the setting credentials to none")
            if extra.entries:
                raise _unencrypted(self._endpoint, "metadata was", "leave the setting metadata_file empty")
        return Caller(str(uuid.uuid4()), credentials, extra)

    async def _extra(self) -> ExtraMetadata:
        if not self._metadata_file:
            return NO_METADATA
        return await asyncio.to_thread(read_metadata, self._metadata_file)

    async def _connected(self) -> Connection:
        async with self._connecting:
            previous = self._connection
            if previous is None or previous.failed:
                self._connection = Connection(
                    self._endpoint,
                    tls=await asyncio.to_thread(self._access.read) if self._access is not None else None,
                    connect_seconds=self._connect_seconds,
                    keepalive_ms=previous.keepalive_ms if previous else KEEPALIVE_MS,
                    service=self._dialect.service,
                )
            assert self._connection is not None
            return self._connection


def _unencrypted(endpoint: Endpoint, what: str, instead: str) -> CredentialsError:
    return CredentialsError(
        f"The {what} not sent, because the connection to {endpoint} would not be encrypted.",
        f"Turn on the setting tls, or {instead}.",
    )


def _encoder(rate: int) -> "OggOpusEncoder":
    from captions.audio.ogg_opus import OggOpusEncoder  # FFmpeg: only for those who ask for it

    return OggOpusEncoder(rate)
