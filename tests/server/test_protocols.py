"""What stands beside the service at its address: TLS, health, reflection."""

import asyncio

import grpc
import grpc.aio
import trustme
from google.protobuf import descriptor_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from captions.server.engines import Engine
from captions.server.limits import Limits
from captions.server.service import SERVICES
from captions.server.serving import SttServer
from tests.server.clients import Client, config, messages, seconds, words
from tests.server.conftest import Serving

SERVING = health_pb2.HealthCheckResponse.SERVING


async def test_a_client_that_trusts_the_authority_is_heard_over_tls_and_another_is_not(engine: Engine) -> None:
    authority, other = trustme.CA(), trustme.CA()
    certificate = authority.issue_cert("localhost")
    tls = certificate.private_key_pem.bytes(), certificate.cert_chain_pems[0].bytes()
    server = SttServer([engine], Limits(), tls=tls)
    port = (await server.start("127.0.0.1:0")).rpartition(":")[2]

    async def code(trusted: trustme.CA) -> grpc.StatusCode:
        credentials = grpc.ssl_channel_credentials(trusted.cert_pem.bytes())
        client = Client(f"localhost:{port}", credentials)
        stream = client.open()
        try:
            await stream.send(config(), *messages(seconds(0, 3)))
            await stream.half_close()
            answer = await stream.end()
            assert words(answer.text)[:3] == ["it", "was", "the"]
            return answer.code
        except grpc.aio.AioRpcError as error:
            return error.code()
        finally:
            await client.aclose()

    try:
        assert await code(authority) is grpc.StatusCode.OK
        assert await code(other) is grpc.StatusCode.UNAVAILABLE
    finally:
        await server.stop(0.5)


async def test_health_says_that_the_service_serves_and_at_the_end_that_it_does_not(engine: Engine) -> None:
    server = SttServer([engine], Limits())
    async with grpc.aio.insecure_channel(await server.start("127.0.0.1:0")) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for service in ("", *SERVICES):
            answer = await health.Check(health_pb2.HealthCheckRequest(service=service), timeout=5)
            assert answer.status == SERVING
        watch = health.Watch(health_pb2.HealthCheckRequest(service=SERVICES[0]), timeout=10)
        assert (await watch.read()).status == SERVING
        stopping = asyncio.create_task(server.stop(1))
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watch.cancel()
        await stopping


async def test_reflection_tells_the_services_and_their_messages(serving: Serving) -> None:
    client = await serving()
    stub = reflection_pb2_grpc.ServerReflectionStub(client.channel)

    async def ask(request: reflection_pb2.ServerReflectionRequest) -> reflection_pb2.ServerReflectionResponse:
        async for answer in stub.ServerReflectionInfo(iter([request]), timeout=5):
            return answer
        raise AssertionError("no answer")

    listed = await ask(reflection_pb2.ServerReflectionRequest(list_services=""))
    names = {service.name for service in listed.list_services_response.service}
    assert names == {*SERVICES, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}
    for name in names:
        answer = await ask(reflection_pb2.ServerReflectionRequest(file_containing_symbol=name))
        files = [
            descriptor_pb2.FileDescriptorProto.FromString(file)
            for file in answer.file_descriptor_response.file_descriptor_proto
        ]
        assert any(f"{file.package}.{service.name}" == name for file in files for service in file.service)
