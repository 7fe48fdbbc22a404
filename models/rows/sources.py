"""Where several networks come from."""

from __future__ import annotations

from ..network import File

PAPER = "https://github.com/OpenTalker/video-retalking/releases/download/v0.0.1"
HUGGING_FACE = (
    "https://huggingface.co/vinthony/videoretalking/resolve/main",
    "https://huggingface.co/camenduru/video-retalking/resolve/main",
)
FACEXLIB = "https://github.com/xinntao/facexlib/releases/download"
UNSTATED = "none stated (VideoReTalking's release)"
TRAINED_ON_LRS2 = "personal, research and non-commercial use only (trained on LRS2)"  # Wav2Lip's


def of_the_paper(name: str, sha256: str = "", size: int = 0, known: str = "") -> File:
    """A file of the paper's release, which two mirrors hold too."""
    return File(name, tuple(f"{base}/{name}" for base in (PAPER, *HUGGING_FACE)), sha256, size, known=known)
