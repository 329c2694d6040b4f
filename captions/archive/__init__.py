"""Sessions that are kept: `captions sessions`, `search`, `follow`, `show`, `export`, `redo` and `title`."""
