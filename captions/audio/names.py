"""Names of inputs as a person gives them. It loads nothing, so that whoever shows a name may ask here how."""

import re

from captions.plain_text import plain

SCHEMES = ("tcp", "http", "https", "rtsp")
"""What addresses begin with that can be heard."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def is_address(name: str) -> bool:
    """Whether a name of `open_source` is an address, of whatever scheme."""
    return _SCHEME.match(name.strip()) is not None


def shown_name(name: str) -> str:
    """Return a name of `open_source` as it may be shown: plain text, and of an address no credentials.

    Those stand before its host (USER:PASSWORD@) and in what follows a question mark, which becomes an ellipsis.
    """
    if not is_address(name):
        return plain(name)
    scheme, _, rest = plain(name.strip()).partition("://")
    rest, fragment, _ = rest.partition("#")
    rest, query, _ = rest.partition("?")
    # A password may hold a slash that somebody forgot to encode: all up to the last @ is hidden. And a part of one
    # after a question mark or a hash sign is hidden with what follows those.
    rest = rest.rpartition("@")[2]
    return f"{scheme}://{rest}{'?…' if query else ''}{'#…' if fragment else ''}"
