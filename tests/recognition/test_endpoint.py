"""Addresses as people write them."""

import pytest

from captions.errors import SettingError
from captions.recognition.endpoint import parse_endpoint


@pytest.mark.parametrize(
    ("text", "target", "this_machine"),
    [
        ("stt.api.cloud.yandex.net:443", "stt.api.cloud.yandex.net:443", False),
        ("stt.api.cloud.yandex.net", "stt.api.cloud.yandex.net:443", False),
        (" localhost:50051 ", "localhost:50051", True),
        ("LOCALHOST:1", "LOCALHOST:1", True),
        ("127.0.0.1:1", "127.0.0.1:1", True),
        ("127.255.0.9:1", "127.255.0.9:1", True),
        ("128.0.0.1:1", "128.0.0.1:1", False),
        ("0.0.0.0:1", "0.0.0.0:1", False),
        ("[::1]:50051", "[::1]:50051", True),
        ("[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.1]:1", False),
        ("[2001:db8::1]", "[2001:db8::1]:443", False),
        ("localhost.example.org:1", "localhost.example.org:1", False),
        ("127.0.0.1.example.org:1", "127.0.0.1.example.org:1", False),
        ("unix:/run/captions/socket", "unix:/run/captions/socket", True),
        ("unix:relative", "unix:relative", True),
    ],
)
def test_an_address_is_known_to_be_on_this_machine_or_not(text: str, target: str, this_machine: bool) -> None:
    endpoint = parse_endpoint(text)
    assert (endpoint.target, endpoint.is_this_machine) == (target, this_machine)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "unix:",
        "https://stt.api.cloud.yandex.net",
        "host:port",
        "host:0",
        "host:65536",
        "dns:///host:1",
        "ipv4:127.0.0.1:1",
        "host:1/path",
        "user@127.0.0.1:1",
        "2001:db8::1",
        "a b:1",
        "\x1b[2J:1",
    ],
)
def test_what_is_no_address_is_told_with_what_is(text: str) -> None:
    with pytest.raises(SettingError, match="HOST:PORT") as caught:
        parse_endpoint(text)
    assert str(caught.value).isprintable()
