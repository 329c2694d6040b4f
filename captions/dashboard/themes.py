"""The dashboard's own colours. Text on its ground keeps a contrast of 4.5:1 or more (WCAG 2.2, 1.4.3)."""

from textual.theme import Theme

DARK = Theme(
    name="captions-dark",
    dark=True,
    primary="#7fb7d9",
    secondary="#a3b1c6",
    accent="#8fd0c1",
    success="#8ccf8c",
    warning="#e9b872",
    error="#f28b82",
    foreground="#e8e6e1",
    background="#14171c",
    surface="#1b1f26",
    panel="#232831",
    variables={
        "muted": "#98a2b0",
        "faint": "#3a424e",
        "on-chip": "#14171c",
        "footer-background": "#1b1f26",
        "footer-key-foreground": "#8fd0c1",
        "footer-description-foreground": "#b4bcc8",
        "scrollbar": "#39414d",
        "scrollbar-background": "#14171c",
        "border": "#7fb7d9",
        "border-blurred": "#2c333d",
        "input-selection-background": "#7fb7d9 35%",
    },
)

LIGHT = Theme(
    name="captions-light",
    dark=False,
    primary="#1f5f86",
    secondary="#4a5768",
    accent="#14665a",
    success="#256b2c",
    warning="#875400",
    error="#b3261e",
    foreground="#23262b",
    background="#faf8f4",
    surface="#f1eee8",
    panel="#e6e2da",
    variables={
        "muted": "#5b6470",
        "faint": "#c9c4ba",
        "on-chip": "#ffffff",
        "footer-background": "#f1eee8",
        "footer-key-foreground": "#14665a",
        "footer-description-foreground": "#4b535e",
        "scrollbar": "#c2bcb0",
        "scrollbar-background": "#faf8f4",
        "border": "#1f5f86",
        "border-blurred": "#d6d1c7",
        "input-selection-background": "#1f5f86 25%",
    },
)

HIGH_CONTRAST = Theme(
    name="captions-high-contrast",
    dark=True,
    primary="#8cd3ff",
    secondary="#e0e0e0",
    accent="#7fffd4",
    success="#7dff7d",
    warning="#ffd75f",
    error="#ffa8a8",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#1a1a1a",
    variables={
        "muted": "#d0d0d0",
        "faint": "#767676",
        "on-chip": "#000000",
        "footer-background": "#000000",
        "footer-key-foreground": "#7fffd4",
        "footer-description-foreground": "#ffffff",
        "scrollbar": "#ffffff",
        "scrollbar-background": "#000000",
        "border": "#ffffff",
        "border-blurred": "#767676",
        "input-selection-background": "#004b7a",
    },
)

# Okabe and Ito's colours (Color Universal Design, 2008): told apart with any kind of colour vision.
COLOUR_BLIND = Theme(
    name="captions-colour-blind",
    dark=True,
    primary="#56b4e9",
    secondary="#b8bcc2",
    accent="#56b4e9",
    success="#56b4e9",
    warning="#f0e442",
    error="#d55e00",
    foreground="#f2f2f2",
    background="#101214",
    surface="#181b1f",
    panel="#22262b",
    variables={
        "muted": "#a4abb5",
        "faint": "#3a424e",
        "on-chip": "#000000",
        "footer-background": "#181b1f",
        "footer-key-foreground": "#e69f00",
        "footer-description-foreground": "#b8bcc2",
        "scrollbar": "#39414d",
        "scrollbar-background": "#101214",
        "border": "#56b4e9",
        "border-blurred": "#2c333d",
        "input-selection-background": "#0072b2",
    },
)

THEMES = {"dark": DARK, "light": LIGHT, "high-contrast": HIGH_CONTRAST, "colour-blind": COLOUR_BLIND}
"""By the value of the setting `theme`."""
