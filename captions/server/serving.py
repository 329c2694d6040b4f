"""The gRPC server: the services of all protocols, grpc.health.v1 and reflection at one address."""

import os
from collections.abc import Sequence

os.environ.setdefault("GRPC_VERBOSITY", "NONE")
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

import grpc
import grpc.aio

from captions.errors import RecognizerMissing
from captions.plain_text import plain
from captions.server.engines import Engine
from captions.server.limits import Limits
from captions.server.service import SERVICES, SttService

OPTIONS = (
    ("grpc.so_reuseport", 0),  # else a second process takes the same port and half of the streams, without a word
    ("grpc.keepalive_time_ms", 20_000),  # a client that is gone gives its place free
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_ping_strikes", 0),  # clients may look after their connection as often as they like
)


class SttServer:
    """A server of `engines`. `tls` is a private key and a certificate, both PEM. Belongs to one event loop.

    Raises RecognizerMissing where the packages of `captions[local]` are not installed.
    """

    def __init__(
        self, engines: Sequence[Engine], limits: Limits, *, token: str = "", tls: tuple[bytes, bytes] | None = None
    ) -> None:
        try:
            from grpc_health.v1 import health, health_pb2, health_pb2_grpc
            from grpc_reflection.v1alpha import reflection, reflection_pb2
        except ImportError as error:
            raise RecognizerMissing(
                f"`captions serve` needs a package that is not installed: {error.name}.",
                "Install it with: pip install 'captions[local]'.",
            ) from None
        from google.protobuf import duration_pb2, struct_pb2
        from google.protobuf.descriptor_pool import DescriptorPool

        from captions.proto import stt_service_v2_pb2, stt_v3_pb2

        self._credentials = grpc.ssl_server_credentials([tls]) if tls else None
        self._service = SttService(engines, limits, token)
        self._server = grpc.aio.server(options=OPTIONS)
        self._server.add_generic_rpc_handlers((self._service.handler(),))
        self._health = health.aio.HealthServicer()
        self._serving = health_pb2.HealthCheckResponse.SERVING
        self._checked = (health.OVERALL_HEALTH, *SERVICES)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        # A pool that knows them all: ours are kept out of the default one, so as not to clash with the vendor's code.
        pool = DescriptorPool()
        for module in (duration_pb2, struct_pb2, stt_service_v2_pb2, stt_v3_pb2, health_pb2, reflection_pb2):
            pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
        names = (*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server, pool=pool)

    async def start(self, listen: str) -> str:
        """Listen on HOST:PORT or unix:PATH, and return that with the real port. Raises RecognizerMissing."""
        try:
            if self._credentials is None:
                port = self._server.add_insecure_port(listen)
            else:
                port = self._server.add_secure_port(listen, self._credentials)
        except RuntimeError:
            raise RecognizerMissing(
                f"The recogniser cannot listen on {plain(listen)}.",
                "The address may be in use or not be one of this machine's: give another HOST:PORT or unix:PATH with "
                "--listen (port 0 finds a free one).",
            ) from None
        for name in self._checked:
            await self._health.set(name, self._serving)
        await self._server.start()
        return listen if listen.startswith("unix:") else f"{listen.rpartition(':')[0]}:{port}"

    async def stop(self, grace_seconds: float) -> None:
        """Take no more streams, let open ones finish what they heard for up to `grace_seconds`, and end. Idempotent."""
        self._service.close()
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace_seconds)
