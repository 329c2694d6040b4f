"""A recogniser at an address, spoken to over gRPC in the dialect of its service."""

import asyncio
import uuid
from typing import TYPE_CHECKING

from captions.errors import CredentialsError
from captions.recognition.authorization import Authorization
from captions.recognition.connection import KEEPALIVE_MS, Access, Caller, Connection
from captions.recognition.credentials import Credentials
from captions.recognition.dialect import Dialect
from captions.recognition.endpoint import SPEECHKIT, parse_endpoint
from captions.recognition.limits import StreamLimits
from captions.recognition.recognizer import Encoding, RecognitionOptions
from captions.recognition.remote_stream import SEND_SECONDS, RemoteStream

if TYPE_CHECKING:
    from captions.audio.ogg_opus import OggOpusEncoder

CONNECT_SECONDS = 10.0
"""How long a connection, TLS included, may take."""


class RemoteRecognizer:
    """A recogniser at an address: HOST:PORT, or unix:PATH, which is never encrypted.

    The certificate is checked against the usual authorities, or those in the PEM file `ca_file`. Without `tls`,
    credentials are sent to this machine only. Raises SettingError for an endpoint that is none. Belongs to one event
    loop.
    """

    def __init__(
        self,
        dialect: Dialect,
        endpoint: str = SPEECHKIT,
        *,
        tls: bool = True,
        ca_file: str = "",
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
        self._access = Access(ca_file) if self._tls else None
        self._authorization = authorization
        self._connect_seconds = connect_seconds
        self._send_seconds = send_seconds
        self._connection: Connection | None = None
        self._connecting = asyncio.Lock()

    async def prepare(self) -> None:
        """Have credentials that may be sent to the endpoint. Connects to nothing there: the first stream does."""
        await self._credentials()

    async def open(self, options: RecognitionOptions) -> RemoteStream:
        """Begin a stream: connect where there is no connection, and send the settings.

        What the service says to them comes with the results. Raises StreamError, or CredentialsError where there are
        no credentials or they must not go, or where `ca_file` cannot be used.
        """
        credentials = await self._credentials()
        # A service account has a folder of its own, and must not be sent another: only what was given goes.
        folder_id = options.folder_id if credentials is None else credentials.folder_id
        conversation = self._dialect.converse(options, folder_id)
        encoder = None
        if options.audio_encoding is Encoding.OGG_OPUS:
            encoder = await asyncio.to_thread(_encoder, options.sample_rate_hertz)
        caller = Caller(str(uuid.uuid4()), credentials)
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
        return self._authorization is not None and await self._authorization.renew()

    async def aclose(self) -> None:
        """Close the connection; open streams end. Idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.channel.close()

    async def _credentials(self) -> Credentials | None:
        credentials = None if self._authorization is None else await self._authorization.current()
        if credentials is not None and not self._tls and not self._endpoint.is_this_machine:
            raise CredentialsError(
                f"The credentials were not sent, because the connection to {self._endpoint} would not be encrypted.",
                "Turn on the setting tls, or set the setting credentials to none.",
            )
        return credentials

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


def _encoder(rate: int) -> "OggOpusEncoder":
    from captions.audio.ogg_opus import OggOpusEncoder  # FFmpeg: only for those who ask for it

    return OggOpusEncoder(rate)
