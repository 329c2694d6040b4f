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

THEMES = {"dark": DARK, "light": LIGHT}
"""By the value of the setting `theme`."""
