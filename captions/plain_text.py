"""Text from outside, made safe to show: a recogniser's words, file names, device names, a service's error text."""

_SPACES = "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u2028\u2029"
_CONTROLS = [*range(0x20), *range(0x7F, 0xA0)]
_BIDI_OVERRIDES = [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_BYTE_ORDER_MARK = 0xFEFF

_TABLE: dict[int, str | None] = {
    **dict.fromkeys(_CONTROLS),
    **dict.fromkeys(_BIDI_OVERRIDES),
    _BYTE_ORDER_MARK: None,
    **dict.fromkeys(map(ord, _SPACES), " "),
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),
}


def plain(text: str) -> str:
    """Return `text` as one line that a terminal shows and does not obey.

    - Line breaks, tabs and the other control characters that separate become a space.
    - All other control characters (C0 with ESC, DEL, C1) are left out: a terminal would run what begins with them.
    - Bidirectional embeddings, overrides and isolates are left out, because one that is not closed turns around what
      the program itself writes after it. The marks (U+200E, U+200F, U+061C) and joiners that honest text uses stay.
    - Lone surrogates, as in a file name that is not UTF-8, become U+FFFD: they cannot be written out.
    """
    return text.translate(_TABLE)
