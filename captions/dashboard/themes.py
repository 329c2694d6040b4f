"""The dashboard's own colours.

Text keeps a contrast of 4.5:1 or more to its ground (WCAG 2.2, 1.4.3), in high contrast of 7:1 (1.4.6).
"""

from textual.theme import Theme


def _theme(
    name: str,
    *,
    ground: str,
    bar: str,
    field: str,
    text: str,
    muted: str,
    faint: str,
    tentative: str,
    primary: str,
    accent: str,
    meter: str,
    listening: str,
    waiting: str,
    failed: str,
    on_chip: str,
    unlit: str,
    on_unlit: str,
    focus: str,
    on_focus: str,
    selection: str,
    scrollbar: str,
    dark: bool = True,
) -> Theme:
    """Make a theme of colours by what they are for.

    `ground` is behind captions, `bar` behind state, settings and keys, `field` behind what can be changed. `muted` text
    is for what is read when it is looked for, `faint` is for what only decorates. `unlit` is the chip of a session
    that doesn't listen because nobody wants it to.
    """
    return Theme(
        name=f"captions-{name}",
        dark=dark,
        primary=primary,
        secondary=tentative,
        accent=accent,
        success=listening,
        warning=waiting,
        error=failed,
        foreground=text,
        background=ground,
        surface=bar,
        panel=field,
        variables={
            "muted": muted,
            "faint": faint,
            "tentative": tentative,
            "meter": meter,
            "on-chip": on_chip,
            "unlit": unlit,
            "on-unlit": on_unlit,
            "focus": focus,
            "on-focus": on_focus,
            "footer-background": bar,
            "footer-key-foreground": accent,
            "footer-description-foreground": muted,
            "scrollbar": scrollbar,
            "scrollbar-hover": muted,
            "scrollbar-background": ground,
            "border": primary,
            "border-blurred": faint,
            "input-selection-background": selection,
            "input-selection-foreground": text,
        },
    )


DARK = _theme(
    "dark",
    ground="#14171c",
    bar="#1b1f26",
    field="#262c36",
    text="#e8e6e1",
    muted="#98a2b0",
    faint="#4a5361",
    tentative="#a3b1c6",
    primary="#7fb7d9",
    accent="#8fd0c1",
    meter="#6aa99b",
    listening="#8ccf8c",
    waiting="#e9b872",
    failed="#f28b82",
    on_chip="#14171c",
    unlit="#a3b1c6",
    on_unlit="#14171c",
    focus="#34506a",
    on_focus="#ffffff",
    selection="#34506a",
    scrollbar="#39414d",
)

LIGHT = _theme(
    "light",
    dark=False,
    ground="#faf8f4",
    bar="#f1eee8",
    field="#e6e2da",
    text="#23262b",
    muted="#545c67",
    faint="#b3ada1",
    tentative="#4a5768",
    primary="#1f5f86",
    accent="#14665a",
    meter="#2f8074",
    listening="#256b2c",
    waiting="#875400",
    failed="#b3261e",
    on_chip="#ffffff",
    unlit="#4a5768",
    on_unlit="#ffffff",
    focus="#c5dbe8",
    on_focus="#16181b",
    selection="#b9d6e6",
    scrollbar="#c2bcb0",
)

HIGH_CONTRAST = _theme(
    "high-contrast",
    ground="#000000",
    bar="#1c1c1c",
    field="#333333",
    text="#ffffff",
    muted="#d6d6d6",
    faint="#9a9a9a",
    tentative="#e4e4e4",
    primary="#8cd3ff",
    accent="#8cd3ff",
    meter="#8cd3ff",
    listening="#7dff7d",
    waiting="#ffd75f",
    failed="#ffb0b0",
    on_chip="#000000",
    unlit="#ffffff",
    on_unlit="#000000",
    focus="#ffffff",
    on_focus="#000000",
    selection="#00436e",
    scrollbar="#ffffff",
)

# The palette of Okabe and Ito (2008), whose colours are told apart with any kind of colour vision: sky blue #56b4e9,
# yellow #f0e442, orange #e69f00, vermillion #d55e00, blue #0072b2. The chips differ in lightness as well.
COLOUR_BLIND = _theme(
    "colour-blind",
    ground="#0e1012",
    bar="#14171a",
    field="#20242a",
    text="#f2f2f2",
    muted="#a4abb5",
    faint="#4a5361",
    tentative="#b8bcc2",
    primary="#56b4e9",
    accent="#e69f00",
    meter="#0072b2",
    listening="#56b4e9",
    waiting="#f0e442",
    failed="#d55e00",
    on_chip="#000000",
    unlit="#343a42",
    on_unlit="#ffffff",
    focus="#005a8c",
    on_focus="#ffffff",
    selection="#0072b2",
    scrollbar="#39414d",
)

THEMES = {"dark": DARK, "light": LIGHT, "high-contrast": HIGH_CONTRAST, "colour-blind": COLOUR_BLIND}
"""By the value of the setting `theme`."""
