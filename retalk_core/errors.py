"""Errors that a user can put right, each in one sentence: what was given, what is needed, what to do."""

from __future__ import annotations

from ..models.errors import CheckpointError, RetalkError

__all__ = ["CheckpointError", "InputError", "NoFaceError", "OptionError", "RetalkError", "in_a_line"]


class InputError(RetalkError):
    """A file, a picture or a sound that can't be used as it was given."""


class OptionError(RetalkError):
    """A choice that doesn't exist, or that doesn't fit the clip."""


class NoFaceError(RetalkError):
    """No frame shows a face that is large enough to edit."""

    def __init__(self, frames: int, smallest: int, frame_size: tuple[int, int]) -> None:
        height, width = frame_size
        where = f"any of the {frames} frames" if frames > 1 else "the only frame"
        super().__init__(
            f"No face was found in {where} ({width}x{height} pixels). A face must be "
            f"at least {smallest} pixels high and turned to the camera. Try a larger picture, or choose the "
            "face with a mask."
        )


def in_a_line(error: BaseException, most: int = 200) -> str:
    """What an error that isn't ours says: its type, and the first of its lines; at most so many letters."""
    return f"{type(error).__name__}: {error}".splitlines()[0][:most]
