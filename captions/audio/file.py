"""A file on a disk, as the decoder reads it."""

import stat
from pathlib import Path

import av
from av.container import InputContainer

from captions.audio.decoder import words
from captions.audio.stream import headerless
from captions.errors import InputError
from captions.plain_text import plain


class MediaFile:
    """Any kind of file that FFmpeg reads; `~` is the home folder."""

    def __init__(self, path: str, pcm_rate: int, pcm_channels: int) -> None:
        """`pcm_rate` and `pcm_channels` say how a headerless file is read."""
        self.shown = plain(path)
        try:
            self._path = Path(path).expanduser()
        except RuntimeError:  # no such user: it is a name that begins with ~
            self._path = Path(path)
        self._format = "s16le" if headerless(path) else None
        self._options = {"protocol_whitelist": "none"}  # a playlist must not lead to other files or addresses
        if self._format:
            self._options |= {"sample_rate": str(pcm_rate), "ch_layout": f"{pcm_channels}C"}

    def open(self) -> InputContainer:
        """See Media."""
        try:
            if not self._path.is_file() and self._path.exists():
                self._refuse(self._path.stat().st_mode)
            # FFmpeg is given an open file, never a name: "concat:..." or "http:..." mean nothing here.
            self._file = self._path.open("rb")
        except FileNotFoundError:
            raise InputError(f"There is no file {self.shown}.", "Check its path.") from None
        except PermissionError:
            raise InputError(
                f"{self.shown} must not be read.", "Check its permissions and those of its folder."
            ) from None
        except (OSError, ValueError) as error:
            raise InputError(f"{self.shown} cannot be opened: {words(error)}.") from None
        try:
            return self._container()
        except BaseException:
            self._file.close()
            raise

    def broken(self, error: Exception) -> InputError | None:
        """See Media: a disk that fails ends it, a damaged place does not."""
        if isinstance(error, av.FFmpegError):
            return None
        return InputError(f"Reading {self.shown} broke off: {words(error)}.", "Is its disk still there?")

    def close(self) -> None:
        """See Media."""
        self._file.close()

    def _refuse(self, mode: int) -> None:
        if stat.S_ISDIR(mode):
            raise InputError(f"{self.shown} is a folder.", "Name a file in it.")
        raise InputError(f"{self.shown} is not a file.", "Devices and sockets cannot be captioned as files.")

    def _container(self) -> InputContainer:
        if not self._path.stat().st_size:
            raise InputError(f"{self.shown} is empty.", "Choose another file.")
        try:
            return av.open(self._file, mode="r", format=self._format, options=self._options)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise InputError(
                f"{self.shown} cannot be read as sound or video: {words(error)}.",
                "It may be damaged, a playlist, or of another kind; a headerless recording must end in .pcm or .raw.",
            ) from None
