"""A service account's authorized key, as `yc iam key create` writes it: not sent, but signs who asks for a token."""

from dataclasses import dataclass, field

from captions.errors import CredentialsError
from captions.plain_text import plain
from captions.recognition.iam.json_object import json_object

JWT_SECONDS = 600
"""For how long a signed request may be used; the service takes 3600 at most."""


@dataclass(frozen=True, slots=True)
class ServiceAccountKey:
    """The key's parts that are needed. `private_key` is PEM, and in no `repr`."""

    id: str
    service_account_id: str
    private_key: str = field(repr=False)

    @staticmethod
    def parse(text: str, where: str) -> "ServiceAccountKey":
        """Read the JSON. `where` it stood, in plain words. Raises CredentialsError, which shows nothing of it.

        Before the PEM of `private_key` may stand a line that says whose key it is, as the cloud writes it since 2023.
        """
        content = json_object(text)
        if not content:
            raise CredentialsError(f"{where} begins as JSON, but is none.", _AGAIN)
        given = {name: content.get(name) for name in ("id", "service_account_id", "private_key")}
        parts = {name: part.strip() if isinstance(part, str) else "" for name, part in given.items()}
        lacking = [name for name, part in parts.items() if not part]
        if lacking:
            raise CredentialsError(
                f"{where} is not the key of a service account: it has no {' and no '.join(lacking)}.", _AGAIN
            )
        begin = parts["private_key"].find("-----BEGIN ")
        if begin < 0 or not parts["id"].isascii() or not parts["service_account_id"].isascii():
            raise CredentialsError(f"The private key in {where} is not PEM, so nothing can be signed by it.", _AGAIN)
        return ServiceAccountKey(parts["id"], parts["service_account_id"], parts["private_key"][begin:] + "\n")

    def signed(self, audience: str, now: float) -> str:
        """Return the JWT that is exchanged for a token; `now` is in seconds since 1970, by the service's clock.

        PS256 with these claims is what the service's documentation of IAM tokens for service accounts asks for.
        Imports cryptography and signs, some milliseconds: not for the event loop. Raises CredentialsError.
        """
        import jwt
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        unusable = CredentialsError(
            f"The private key of {plain(self.id)} cannot be used: it is damaged, or no RSA key without a password.",
            _AGAIN,
        )
        try:
            key = load_pem_private_key(self.private_key.encode(), None)
        except Exception:  # of several kinds, with texts that may quote the key
            raise unusable from None
        if not isinstance(key, RSAPrivateKey):
            raise unusable
        issued = int(now)
        claims = {"iss": self.service_account_id, "aud": audience, "iat": issued, "exp": issued + JWT_SECONDS}
        return jwt.encode(claims, key, algorithm="PS256", headers={"kid": self.id})


_AGAIN = "Make another: yc iam key create --service-account-name NAME --output key.json"
