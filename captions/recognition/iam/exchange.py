"""Where a service account's key is exchanged for an IAM token.

Request and answer are as the service's documentation of IAM tokens for service accounts has them: POST /iam/v1/tokens
with {"jwt": ...}, answered by {"iamToken": ..., "expiresAt": ...}, or by {"code": ..., "message": ...}.
"""

import asyncio
import json
import re
import time
from collections.abc import Callable
from http import HTTPStatus

from captions.errors import CredentialsError, SettingError, StreamError
from captions.plain_text import plain
from captions.recognition.credentials import Credentials, Kind
from captions.recognition.endpoint import parse_endpoint
from captions.recognition.iam.json_object import json_object
from captions.recognition.iam.key import ServiceAccountKey
from captions.recognition.iam.token import DOUBTFUL_LIFE, Token, life
from captions.recognition.iam.web_request import Answer, ask

IAM = "iam.api.cloud.yandex.net:443"
CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 20.0
"""For all of it; an audio of so long is kept meanwhile many times over."""
SKEW = 5.0
"""Seconds by which the clocks may differ without that being why a request was refused."""
LONGEST_WORDS = 300
"""Characters of a server's own text that are shown."""
_LOOKS_SECRET = re.compile(r"[A-Za-z0-9+/_=.-]{40,}")
"""No word and no id has so many letters without a space; keys, tokens and signatures do."""


class Exchange:
    """The exchange at `endpoint`, always by TLS; `clock` is this machine's, in seconds since 1970.

    Another endpoint than the service's is trusted by the PEM file `ca_file` as well. Raises SettingError.
    """

    def __init__(self, endpoint: str = IAM, ca_file: str = "", clock: Callable[[], float] = time.time) -> None:
        self._endpoint = parse_endpoint(endpoint)
        if self._endpoint.is_socket_file:
            raise SettingError("The setting iam_endpoint takes HOST:PORT, and no socket.")
        elsewhere = self._endpoint != parse_endpoint(IAM)
        self._ca_file = ca_file if elsewhere else ""
        self._clock = clock
        self._ahead = 0.0
        self.url = f"https://{self._endpoint.target.removesuffix(':443')}/iam/v1/tokens"
        """Where it is, and whom the signed request is for."""

    async def token(self, key: ServiceAccountKey) -> Token:
        """Return a token of the key's account.

        A machine whose clock is wrong signs a request that is refused; then the time of the answer is taken, and it
        asks once more. Raises CredentialsError where it is refused, StreamError (UNAVAILABLE) where another attempt
        may succeed.
        """
        who = f"The exchange of keys for tokens at {self._endpoint}"
        answer, request = await self._ask(key, who)
        ahead = answer.now.timestamp() - self._clock() if answer.now is not None else self._ahead
        if _is_refusal(answer) and abs(ahead - self._ahead) > SKEW:
            self._ahead = ahead
            answer, request = await self._ask(key, who)
        if _is_refusal(answer):
            raise _refused(answer, key, request)
        if answer.status != HTTPStatus.OK:
            at_fault = "answers with a redirection, which is not followed" if answer.status < 400 else "has a fault"
            hint = "Check the setting iam_endpoint, and any proxy." if answer.status < 400 else ""
            raise StreamError("UNAVAILABLE", f"{who} {at_fault} (HTTP {answer.status})", hint)
        return _token(answer, who, self._clock)

    async def _ask(self, key: ServiceAccountKey, who: str) -> tuple[Answer, str]:
        request = await asyncio.to_thread(key.signed, self.url, self._clock() + self._ahead)
        answer = await ask(
            self.url,
            who,
            headers={"Content-Type": "application/json"},
            body=json.dumps({"jwt": request}).encode(),
            connect_seconds=CONNECT_SECONDS,
            seconds=ANSWER_SECONDS,
            through_proxy=not self._endpoint.is_this_machine,
            authority=self._ca_file,
        )
        return answer, request


def _is_refusal(answer: Answer) -> bool:
    later = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)
    return 400 <= answer.status < 500 and answer.status not in later


def _token(answer: Answer, who: str, clock: Callable[[], float]) -> Token:
    content = json_object(answer.body)
    secret, end = content.get("iamToken"), content.get("expiresAt")
    strange = StreamError(
        "UNAVAILABLE", f"{who} answers with what is no token", "Check the setting iam_endpoint, and any proxy."
    )
    if not isinstance(secret, str):
        raise strange
    try:
        credentials = Credentials(Kind.IAM_TOKEN, secret, service_account=True, renewed=True)
    except CredentialsError:
        raise strange from None
    lasts = life(end, answer.now, clock) if isinstance(end, str) else DOUBTFUL_LIFE
    if lasts <= 0:
        raise StreamError("UNAVAILABLE", f"{who} gave a token that has run out already")
    return Token(credentials, lasts)


def _refused(answer: Answer, key: ServiceAccountKey, request: str) -> CredentialsError:
    said = json_object(answer.body).get("message")
    words = without_secrets(said, request, key.private_key) if isinstance(said, str) else ""
    told = f": {words}" if words else ""
    if "was not found" in words:
        hint = "The key was deleted: make another (yc iam key create --service-account-name NAME --output key.json)."
    else:
        hint = "Check that it is the whole key of a service account that exists, and this machine's clock."
    message = f"The key {plain(key.id)} was not taken for a token (HTTP {answer.status}){told}".rstrip(".")
    return CredentialsError(f"{message}.", hint)


def without_secrets(text: str, *secrets: str) -> str:
    """Return a server's text as it may be shown: short, plain, and without any part of what must not be seen."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return _LOOKS_SECRET.sub("***", plain(text))[:LONGEST_WORDS].strip()
