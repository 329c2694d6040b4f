"""A service account's key of the tests' own, as `yc iam key create` writes it."""

import functools
import json
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

KEY_ID = "ajekey00000000000001"
ACCOUNT = "ajeaccount0000000001"


@functools.cache
def private_key() -> rsa.RSAPrivateKey:
    """Return an RSA key, the same one in all tests."""
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def pem(key: Any = None) -> str:
    """Return a private key as PEM."""
    return (
        (key or private_key())
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )


def key_json(warning: bool = True, **changes: object) -> str:
    """Return the JSON of the key, with the line before the PEM that newer versions of the tool write."""
    line = f"PLEASE DO NOT REMOVE THIS LINE! Yandex.Cloud SA Key ID <{KEY_ID}>\n" if warning else ""
    content = {
        "id": KEY_ID,
        "service_account_id": ACCOUNT,
        "created_at": "2026-03-04T00:00:00.000000001Z",
        "key_algorithm": "RSA_2048",
        "public_key": "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
        "private_key": line + pem(),
        **changes,
    }
    return json.dumps({name: part for name, part in content.items() if part is not None}, indent=3)


def checked(request: str, audience: str, at: float) -> dict[str, Any]:
    """Check a signed request as the cloud does at this time, and return its claims."""
    header = jwt.get_unverified_header(request)
    assert header == {"typ": "JWT", "alg": "PS256", "kid": KEY_ID}
    claims: dict[str, Any] = jwt.decode(
        request,
        private_key().public_key(),
        algorithms=["PS256"],
        audience=audience,
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims["iat"] <= at < claims["exp"] <= claims["iat"] + 3_600
    return claims
