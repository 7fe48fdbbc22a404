"""A statement as a C2PA manifest: what was done, by what, which mark leads back to it; and where it lies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .statement import Statement

HOLDS_MANIFEST = {  # files that hold their manifest themselves, by their endings
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
UNKNOWN_TYPE = "application/octet-stream"
SIDECAR = ".c2pa"

STATEMENT_LABEL = "org.retalk.dub"  # of the assertion that holds the statement
PICTURE_MARK, SOUND_MARK = "org.retalk.picture.1", "org.retalk.sound.1"  # soft bindings; not registered
TERMS = "http://cv.iptc.org/newscodes/digitalsourcetype/"  # IPTC's words for where pictures come from
GENERATIVE = TERMS + "compositeWithTrainedAlgorithmicMedia"
# The embedded engine moves the clip's own pictures of the mouth and draws none that it has learnt.
REARRANGED = TERMS + "composite"
CONTEXT: dict[str, Any] = {  # nothing is fetched, neither for reading nor for signing
    "builder": {"thumbnail": {"enabled": False}},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
}
SENTENCE = "The speaker's voice was replaced, and the lips were made to follow it."


def media_type(path: Path) -> str:
    """A file's media type, by its name."""
    suffix = path.suffix.lower()
    return HOLDS_MANIFEST.get(suffix) or OTHERS.get(suffix, UNKNOWN_TYPE)


def sidecar_of(path: Path) -> Path:
    """The file that holds the manifest of one that can't hold it itself, clip.mkv.c2pa for clip.mkv."""
    return path.with_name(f"{path.name}{SIDECAR}")


def shared_sidecar_of(path: Path) -> Path:
    """The same as other tools name it, clip.c2pa: it may be that of clip.mp4 as well as of clip.mkv."""
    return path.with_suffix(SIDECAR)


def manifest_of(statement: Statement, format: str) -> dict[str, Any]:
    """The definition of a manifest, for c2pa's Builder.

    format: the file's media type
    It names no person and no file: titles are words for what something is.
    """
    assertions: list[dict[str, Any]] = [
        {"label": "c2pa.actions.v2", "data": {"actions": [_edited(statement)]}},
        {"label": STATEMENT_LABEL, "data": statement.to_dict()},
    ]
    for method, bits in ((PICTURE_MARK, statement.picture_bits), (SOUND_MARK, statement.sound_bits)):
        if bits:
            blocks = [{"scope": {}, "value": statement.id[: bits // 4]}]
            binding = {"alg": method, "blocks": blocks}
            assertions.append({"label": "c2pa.soft-binding", "data": binding})
    return {
        "claim_generator_info": [{"name": "ReTalk", "version": statement.version}],
        "title": f"dub {statement.id}",
        "format": format,
        "assertions": assertions,
    }


def _edited(statement: Statement) -> dict[str, Any]:
    return {
        "action": "c2pa.edited",
        "description": SENTENCE,
        "softwareAgent": {"name": "ReTalk", "version": statement.version},
        "digitalSourceType": GENERATIVE if statement.generative else REARRANGED,
        "parameters": {"engine": statement.engine},
    }


def created(statement: Statement) -> dict[str, Any]:
    """The action that comes first where the clip isn't known as a file."""
    return {"action": "c2pa.created", "digitalSourceType": _edited(statement)["digitalSourceType"]}
