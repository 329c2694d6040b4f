"""What the tests of credentials share: the stand-ins, and the authority that certifies the one of the exchange."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.recognition.iam.stand_in import StandIn


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return str(tmp_path / "ca.pem")


@pytest.fixture
def cloud(authority: trustme.CA) -> Iterator[StandIn]:
    """The exchange, by HTTPS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with StandIn(context) as stand_in:
        yield stand_in


@pytest.fixture
def machine() -> Iterator[StandIn]:
    """The metadata service, by HTTP."""
    with StandIn() as stand_in:
        yield stand_in
