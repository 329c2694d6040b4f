"""The token of the service account of a virtual machine in the cloud, from the machine's metadata service.

Address, path and header are as the service's documentation of virtual machines has them; its SDKs take another address
from YC_METADATA_ADDR.
"""

import math
from collections.abc import Mapping
from http import HTTPStatus

from captions.errors import CredentialsError, SettingError, StreamError
from captions.plain_text import plain
from captions.recognition.credentials import Credentials, Kind
from captions.recognition.endpoint import parse_endpoint
from captions.recognition.iam.json_object import json_object
from captions.recognition.iam.token import DOUBTFUL_LIFE, Token
from captions.recognition.iam.web_request import ask

ADDRESS = "169.254.169.254"
VARIABLE = "YC_METADATA_ADDR"
CONNECT_SECONDS = 1.0
"""The service is one hop away; where there is none, such an address often does not even refuse."""
ANSWER_SECONDS = 3.0
_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"
_OF_ANOTHER_CLOUD = "ya29."
"""Google's virtual machines have the same service at the same address: their tokens must not go to another cloud."""


class MetadataService:
    """See Source."""

    name = "metadata"

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = environment.get(VARIABLE, "").strip() or ADDRESS
        self.where = f"the virtual machine's metadata service at {plain(self._address)}"

    async def fetch(self) -> Token:
        """See Source. Raises Unreachable where this is no virtual machine of the cloud."""
        who = f"The virtual machine's metadata service at {plain(self._address)}"
        try:
            is_address = not parse_endpoint(self._address).is_socket_file
        except SettingError:
            is_address = False
        if not is_address:
            raise CredentialsError(f"{VARIABLE} cannot be {plain(self._address)!r}.", "It takes HOST or HOST:PORT.")
        answer = await ask(
            f"http://{self._address}{_PATH}",
            who,
            headers={"Metadata-Flavor": "Google"},
            connect_seconds=CONNECT_SECONDS,
            seconds=ANSWER_SECONDS,
            through_proxy=False,
        )
        if answer.status == HTTPStatus.NOT_FOUND:
            raise CredentialsError(
                "This virtual machine has no service account.",
                "Link one to it (yc compute instance update --service-account-name NAME).",
            )
        if 400 <= answer.status < 500 and answer.status != HTTPStatus.TOO_MANY_REQUESTS:
            raise CredentialsError(
                f"{who} gives no token (HTTP {answer.status}).",
                "Check the virtual machine's settings of its metadata service.",
            )
        if answer.status != HTTPStatus.OK:
            raise StreamError("UNAVAILABLE", f"{who} has a fault (HTTP {answer.status})")
        return _token(answer.body, who)


def _token(body: bytes, who: str) -> Token:
    strange = CredentialsError(f"{who} answers with what is no token of this cloud.", "Is this machine in another?")
    content = json_object(body)
    secret, lasts = content.get("access_token"), content.get("expires_in")
    if not isinstance(secret, str) or secret.startswith(_OF_ANOTHER_CLOUD):
        raise strange
    if not isinstance(lasts, int | float) or isinstance(lasts, bool) or not math.isfinite(lasts):
        lasts = DOUBTFUL_LIFE
    if lasts <= 0:
        raise StreamError("UNAVAILABLE", f"{who} gave a token that has run out already")
    try:
        return Token(Credentials(Kind.IAM_TOKEN, secret, service_account=True, renewed=True), lasts)
    except CredentialsError:
        raise strange from None
