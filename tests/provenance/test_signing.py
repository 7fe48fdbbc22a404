"""Signed files still play, say nothing of a person, and keep what their sources said."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from retalk_nodes.retalk_core.errors import RetalkError
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.media.saving.keep import keep
from retalk_nodes.retalk_core.provenance.certificate import Certificate
from retalk_nodes.retalk_core.provenance.credentials import read_credentials
from retalk_nodes.retalk_core.provenance.manifest import CONTEXT, sidecar_of
from retalk_nodes.retalk_core.provenance.signing import sign
from retalk_nodes.retalk_core.provenance.sources import archive_of
from retalk_nodes.retalk_core.provenance.statement import Statement
from scenes import pixels_of
from signable import make_file
from videos import leftovers


def manifest_in(path: Path, manifest: bytes | None = None) -> dict:
    """The active manifest of a file, read without the code under test."""
    import c2pa

    kind = "video/mp4" if manifest is None else "video/x-matroska"
    with path.open("rb") as file:
        reader = c2pa.Reader(kind, file, manifest, context=c2pa.Context.from_dict(CONTEXT))
    told = json.loads(reader.json())
    return told["manifests"][told["active_manifest"]]


def assertions(manifest: dict) -> dict:
    return {each["label"]: each["data"] for each in manifest["assertions"]}


def test_a_signed_file_plays_and_keeps_its_words(
    tmp_path: Path, statement: Statement, certificate: Certificate
) -> None:
    path = tmp_path / "clip.mp4"
    keep(make_file(tmp_path / "plain.mp4"), path, {"workflow": "{}"})
    before = pixels_of(path)
    done = sign(path, statement, certificate)
    assert done.manifest == path and not done.note
    assert all((one == other).all() for one, other in zip(before, pixels_of(path), strict=True))
    import av

    with av.open(str(path)) as container:
        assert container.metadata["workflow"] == "{}"
    assert leftovers(tmp_path) == ["clip.mp4", "plain.mp4"]


def test_the_manifest_says_what_was_done_and_which_mark_leads_to_it(
    tmp_path: Path, statement: Statement, certificate: Certificate
) -> None:
    clip, path = make_file(tmp_path / "source.mp4"), make_file(tmp_path / "clip.mp4")
    voice = make_file(tmp_path / "voice.wav")
    sign(path, statement, certificate, [archive_of(clip, "parentOf"), archive_of(voice, "componentOf")])
    found = manifest_in(path)
    said = assertions(found)
    opened, edited = said["c2pa.actions.v2"]["actions"]
    assert opened["action"] == "c2pa.opened" and edited["action"] == "c2pa.edited"
    assert edited["digitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert said["org.retalk.dub"] == statement.to_dict()
    bindings = {
        each["data"]["alg"]: each["data"]["blocks"][0]["value"]
        for each in found["assertions"]
        if each["label"] == "c2pa.soft-binding"
    }
    assert bindings == {"org.retalk.picture.1": "012345", "org.retalk.sound.1": "0123"}
    roles = [(each["title"], each["relationship"]) for each in found["ingredients"]]
    assert roles == [("clip", "parentOf"), ("voice", "componentOf")]
    words = json.dumps(found)
    assert "source" not in words.replace("digitalSourceType", "").replace("digitalsourcetype", "")
    assert str(tmp_path) not in words  # no name of a file


def test_an_engine_that_draws_nothing_says_so(tmp_path: Path, certificate: Certificate) -> None:
    plain = Statement(id="f" * 16, version="0.2.0", engine="embedded", generative=False)
    path = make_file(tmp_path / "clip.mp4")
    sign(path, plain, certificate)
    first, second = assertions(manifest_in(path))["c2pa.actions.v2"]["actions"]
    assert first["action"] == "c2pa.created" and second["action"] == "c2pa.edited"
    assert {first["digitalSourceType"], second["digitalSourceType"]} == {
        "http://cv.iptc.org/newscodes/digitalsourcetype/composite"
    }
    found = read_credentials(path)
    assert not found.says_generated and found.ingredients == 0


@pytest.mark.parametrize("source_kind", [".mp4", ".mkv", ".wav"])
@pytest.mark.parametrize("kind", [".mp4", ".mkv"])
def test_what_a_source_said_is_kept(
    source_kind: str, kind: str, tmp_path: Path, statement: Statement, certificate: Certificate
) -> None:
    source, path = make_file(tmp_path / f"source{source_kind}"), make_file(tmp_path / f"clip{kind}")
    sign(source, statement, certificate)
    sign(path, statement, certificate, [archive_of(source, "parentOf")])
    found = read_credentials(path)
    assert (found.state, found.ingredients, found.earlier) == ("unknown", 1, 1)


def test_a_source_whose_manifest_is_damaged_is_named_without_it(
    tmp_path: Path, statement: Statement, certificate: Certificate
) -> None:
    source, path = make_file(tmp_path / "source.mkv"), make_file(tmp_path / "clip.mp4")
    sidecar_of(source).write_bytes(b"no manifest")
    sign(path, statement, certificate, [archive_of(source, "parentOf")])
    found = read_credentials(path)
    assert (found.state, found.ingredients, found.earlier) == ("unknown", 1, 0)


def test_a_matroska_file_stays_as_it_is(
    tmp_path: Path, statement: Statement, certificate: Certificate
) -> None:
    path = make_file(tmp_path / "clip.mkv")
    before = path.read_bytes()
    done = sign(path, statement, certificate)
    assert done.manifest == tmp_path / "clip.mkv.c2pa" and path.read_bytes() == before
    assert assertions(manifest_in(path, done.manifest.read_bytes()))["org.retalk.dub"]["id"] == statement.id


def test_signing_anew_replaces_a_signature(
    tmp_path: Path, statement: Statement, certificate: Certificate
) -> None:
    path = make_file(tmp_path / "clip.mp4")
    sign(path, Statement(id="0" * 16, version="0", engine="retalk"), certificate)
    sign(path, statement, certificate)
    assert read_credentials(path).statement == statement


def test_without_an_answer_there_is_no_time_stamp_and_a_note(
    tmp_path: Path, statement: Statement, certificate: Certificate
) -> None:
    path = make_file(tmp_path / "clip.mp4")
    nobody = {"RETALK_TIMESTAMP": "http://127.0.0.1:9/stamp"}
    done = sign(path, statement, certificate, environment=nobody)
    assert "without a time stamp" in done.note and read_credentials(path).state == "unknown"


def test_a_file_that_cannot_be_signed_stays_as_it_was(
    tmp_path: Path, statement: Statement, certificate: Certificate
) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"nothing that plays" * 100)
    with pytest.raises(RetalkError, match="could not be signed"):
        sign(path, statement, certificate)
    assert path.read_bytes() == b"nothing that plays" * 100
    assert leftovers(tmp_path) == ["clip.mp4"]


def test_without_the_library_an_error_says_how_to_get_it(
    tmp_path: Path, statement: Statement, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_file(tmp_path / "clip.mp4")
    sign(path, statement, certificate)
    monkeypatch.setitem(sys.modules, "c2pa", None)
    with pytest.raises(RetalkError, match="-m pip install"):
        sign(path, statement, certificate)
    found = read_credentials(path)
    assert found.state == "unread" and "pip install" in found.problem
    assert open_clip(path)
