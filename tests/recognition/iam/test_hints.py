"""What the service says to credentials, explained by what they are; through v2 and v3 alike."""

import grpc
import pytest

from captions.errors import ExitCode, StreamError
from captions.recognition.authorization import Found
from captions.recognition.credentials import Credentials, Kind
from captions.recognition.dialect import Dialect
from captions.recognition.endpoint import parse_endpoint
from captions.recognition.hints import Circumstances, hint
from captions.recognition.remote import RemoteRecognizer
from captions.recognition.speechkit_v2 import SPEECHKIT_V2
from captions.recognition.speechkit_v3 import SPEECHKIT_V3
from tests.recognition.streams import all_of, opened

API_KEY = Credentials(Kind.API_KEY, "AQVN")
WRITTEN = Credentials(Kind.IAM_TOKEN, "t1.x")
OF_A_USER = Credentials(Kind.IAM_TOKEN, "t1.x", "b1g", renewed=True)
OF_A_SERVICE_ACCOUNT = Credentials(Kind.IAM_TOKEN, "t1.x", service_account=True, renewed=True)


@pytest.mark.parametrize(
    ("credentials", "words", "not_words"),
    [
        (None, "Set API_KEY or IAM_TOKEN", "12 hours"),
        (API_KEY, "yc.ai.speechkitStt.execute", "12 hours"),
        (WRITTEN, "12 hours at most", "scope"),
        (OF_A_USER, "which folder it is", "12 hours"),
        (OF_A_SERVICE_ACCOUNT, "service account has the role ai.speechkit-stt.user on its folder", "12 hours"),
    ],
)
def test_what_was_not_accepted_is_explained_by_what_it_was(
    credentials: Credentials | None, words: str, not_words: str
) -> None:
    at = Circumstances(parse_endpoint("stt.api.cloud.yandex.net"), True, False, credentials)
    said = hint("UNAUTHENTICATED", "The token is invalid", at)
    assert words in said
    assert not_words not in said
    assert said.endswith(".")


@pytest.mark.parametrize("dialect", [SPEECHKIT_V2, SPEECHKIT_V3], ids=["v2", "v3"])
@pytest.mark.parametrize(
    ("code", "text", "words"),
    [
        (
            "UNAUTHENTICATED",
            "You have to specify folder ID for user account",
            "set FOLDER_ID, or use a service account",
        ),
        (
            "INVALID_ARGUMENT",
            "Specified folder ID 'a' does not match with service account folder ID 'b'",
            "leave FOLDER_ID and the setting folder_id unset",
        ),
        ("UNAUTHENTICATED", "Key 'ajekey00000000000001' was not found", "The key was deleted"),
        ("PERMISSION_DENIED", "Permission denied", "the role ai.speechkit-stt.user"),
        ("UNAUTHENTICATED", "The token t1.x has expired", "12 hours at most"),
    ],
)
async def test_the_known_errors_are_explained(dialect: Dialect, code: str, text: str, words: str) -> None:
    async def refuse(_: object, context: grpc.aio.ServicerContext) -> None:  # type: ignore[type-arg]
        await context.abort(grpc.StatusCode[code], text)

    server = grpc.aio.server()
    service, _, method = dialect.method.strip("/").partition("/")
    handler = grpc.method_handlers_generic_handler(service, {method: grpc.stream_stream_rpc_method_handler(refuse)})
    server.add_generic_rpc_handlers((handler,))
    target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    recognizer = RemoteRecognizer(dialect, target, tls=False, authorization=Found(lambda: WRITTEN))
    try:
        with pytest.raises(StreamError) as caught:
            async with opened(recognizer) as stream:
                await all_of(stream)
    finally:
        await recognizer.aclose()
        await server.stop(None)
    assert words in caught.value.hint
    assert "t1.x" not in str(caught.value)
    assert caught.value.exit_code in (ExitCode.CREDENTIALS, ExitCode.REFUSED)
