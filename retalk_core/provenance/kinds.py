"""Kinds of files: which hold a manifest themselves, and where it lies for those that don't."""

from __future__ import annotations

from pathlib import Path

HOLDS_MANIFEST = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".avi": "video/x-msvideo",
    ".m4a": "audio/mp4",
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".flac": "audio/flac",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
}
OTHERS = {
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
}
UNKNOWN = "application/octet-stream"
SIDECAR = ".c2pa"


def media_type(path: Path) -> str:
    """A file's media type, by its name."""
    suffix = path.suffix.lower()
    return HOLDS_MANIFEST.get(suffix) or OTHERS.get(suffix, UNKNOWN)


def sidecar_of(path: Path) -> Path:
    """The file that holds the manifest of one that can't hold it itself, clip.mkv.c2pa for clip.mkv."""
    return path.with_name(f"{path.name}{SIDECAR}")


def shared_sidecar_of(path: Path) -> Path:
    """The same as other tools name it, clip.c2pa: it may be that of clip.mp4 as well as of clip.mkv."""
    return path.with_suffix(SIDECAR)
