"""Sessions that are kept: `captions sessions`, `search`, `follow`, `export` and `title`."""
