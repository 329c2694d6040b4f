"""Addresses of recognisers, as people write them."""

import ipaddress
import re
from dataclasses import dataclass

from captions.errors import SettingError
from captions.plain_text import plain

SPEECHKIT = "stt.api.cloud.yandex.net:443"
"""The service, for API v2 and v3 alike."""

_HOST_AND_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?::(?P<port>[0-9]{1,5}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A parsed address. `target` is what gRPC takes, `host` a name or number without port, or "unix"."""

    target: str
    host: str

    @property
    def is_socket_file(self) -> bool:
        """Whether it is a Unix-domain socket."""
        return self.host == "unix"

    @property
    def is_this_machine(self) -> bool:
        """Whether what is sent there cannot leave this machine: Unix sockets and loopback addresses."""
        if self.is_socket_file or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return plain(self.target)


def parse_endpoint(text: str) -> Endpoint:
    """Parse `HOST:PORT`, `[IPV6]:PORT` or `unix:PATH`; without a port it is 443. Raises SettingError."""
    text = text.strip()
    if text.startswith("unix:") and len(text) > len("unix:"):
        return Endpoint(text, "unix")
    match = _HOST_AND_PORT.fullmatch(text)
    port = int(match["port"] or 443) if match else 0
    if match is None or not 0 < port < 65_536:
        raise SettingError(
            f"The endpoint cannot be {plain(text)!r}.",
            "It takes HOST:PORT, [IPV6]:PORT or unix:PATH, without https:// and without a path.",
        )
    return Endpoint(f"{match['host']}:{port}", match["host"].strip("[]").lower())
