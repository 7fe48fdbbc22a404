"""What a dub was made of, for its manifest: a clip and a voice, with what their own manifests say."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from .manifest import CONTEXT, HOLDS_MANIFEST, media_type, sidecar_of

if TYPE_CHECKING:
    from c2pa import Builder

Role = Literal["parentOf", "componentOf"]  # a clip, a voice
TITLES: dict[Role, str] = {"parentOf": "clip", "componentOf": "voice"}  # a file's name may say whose it is


def archive_of(path: Path, role: Role) -> bytes:
    """A file as c2pa keeps an ingredient: its kind, and its manifest if it has one, in it or beside it.

    A manifest that can't be read is left out: it would say nothing that can be trusted.
    """
    from c2pa import C2paError

    try:
        builder = _with_manifest(path, role)
    except C2paError:
        builder = _builder([_told(path, role)])
    archive = io.BytesIO()
    builder.write_ingredient_archive(role, archive)
    return archive.getvalue()


def _with_manifest(path: Path, role: Role) -> Builder:
    """Raises C2paError where the manifest can't be read."""
    told, sidecar = _told(path, role), sidecar_of(path)
    if path.suffix.lower() not in HOLDS_MANIFEST and sidecar.is_file():
        manifest = sidecar.read_bytes()
        builder = _builder([{**told, **_sidecar_says(path, manifest)}])
        builder.add_resource(sidecar.name, io.BytesIO(manifest))
        return builder
    builder = _builder([])
    with path.open("rb") as file:
        builder.add_ingredient(told, media_type(path), file)
    return builder


def _told(path: Path, role: Role) -> dict[str, Any]:
    return {"title": TITLES[role], "format": media_type(path), "relationship": role, "label": role}


def _sidecar_says(path: Path, manifest: bytes) -> dict[str, Any]:
    from c2pa import Context, Reader

    with path.open("rb") as file:
        reader = Reader(media_type(path), file, manifest, context=Context.from_dict(CONTEXT))
    return {
        "active_manifest": json.loads(reader.json())["active_manifest"],
        "validation_results": reader.get_validation_results(),
        "manifest_data": {"format": "application/c2pa", "identifier": sidecar_of(path).name},
    }


def _builder(ingredients: list[dict[str, Any]]) -> Builder:
    from c2pa import Builder, Context

    about = {"claim_generator_info": [{"name": "ReTalk"}], "ingredients": ingredients}
    return Builder(about, context=Context.from_dict(CONTEXT))
