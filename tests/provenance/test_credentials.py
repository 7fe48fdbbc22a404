"""What is said of signed files: each case has its own word."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.provenance.certificate import (
    LOCAL_ROOT,
    Certificate,
    make_certificate,
)
from retalk_nodes.retalk_core.provenance.credentials import read_credentials, trusted_anchors
from retalk_nodes.retalk_core.provenance.manifest import HOLDS_MANIFEST, shared_sidecar_of, sidecar_of
from retalk_nodes.retalk_core.provenance.signing import sign
from retalk_nodes.retalk_core.provenance.statement import Statement
from signable import KINDS, flip_a_byte, make_file, remux


@pytest.fixture(params=KINDS)
def signed(
    request: pytest.FixtureRequest, tmp_path: Path, statement: Statement, certificate: Certificate
) -> Path:
    """A signed file of each kind."""
    path = make_file(tmp_path / f"clip{request.param}")
    sign(path, statement, certificate)
    return path


def test_a_signature_by_an_unknown_signer_is_whole_but_not_trusted(
    signed: Path, statement: Statement
) -> None:
    found = read_credentials(signed)
    assert (found.state, found.statement) == ("unknown", statement)
    assert found.says_generated and found.generator == "ReTalk 0.2.0" and found.problem == ""
    assert found.beside is (signed.suffix not in HOLDS_MANIFEST)


def test_a_signature_under_a_named_authority_is_trusted(signed: Path, records: Path) -> None:
    anchors = trusted_anchors(records / LOCAL_ROOT)
    assert read_credentials(signed, anchors).state == "trusted"
    assert read_credentials(signed, anchors, records).state == "trusted"


def test_a_signature_of_this_machine_is_known_as_such(signed: Path, records: Path, tmp_path: Path) -> None:
    assert read_credentials(signed, b"", records).state == "local"
    make_certificate(tmp_path / "other")
    assert read_credentials(signed, b"", tmp_path / "other").state == "unknown"
    assert (
        read_credentials(signed, trusted_anchors(tmp_path / "other" / LOCAL_ROOT), records).state == "local"
    )


def test_one_changed_bit_breaks_a_signature(signed: Path, records: Path) -> None:
    flip_a_byte(signed)
    found = read_credentials(signed, trusted_anchors(records / LOCAL_ROOT), records)
    assert found.state == "broken" and found.problem


def test_a_changed_manifest_is_never_believed(
    tmp_path: Path, statement: Statement, certificate: Certificate, records: Path
) -> None:
    path, anchors = make_file(tmp_path / "clip.png"), trusted_anchors(records / LOCAL_ROOT)
    plain = path.read_bytes()
    sign(path, statement, certificate)
    content, chance = path.read_bytes(), random.Random(0)
    first = next(i for i, (one, other) in enumerate(zip(plain, content, strict=False)) if one != other)
    seen = set()
    for place in chance.sample(range(first, first + len(content) - len(plain)), 150):
        changed = bytearray(content)
        changed[place] ^= 1 << chance.randrange(8)
        path.write_bytes(changed)
        found = read_credentials(path, anchors)
        seen.add(found.state)
        if found.state == "trusted":  # it was room that the manifest leaves, and holds nothing
            assert found.statement == statement
    assert "broken" in seen and "unknown" not in seen


def test_a_remuxed_file_has_lost_its_signature(
    tmp_path: Path, statement: Statement, certificate: Certificate
) -> None:
    path = make_file(tmp_path / "clip.mp4")
    sign(path, statement, certificate)
    assert read_credentials(remux(path, tmp_path / "again.mp4")).state == "none"


@pytest.mark.parametrize("kind", KINDS)
def test_an_unsigned_file_has_none(kind: str, tmp_path: Path, records: Path) -> None:
    found = read_credentials(make_file(tmp_path / f"clip{kind}"), b"", records)
    assert (found.state, found.statement, found.signer) == ("none", None, "")


@pytest.mark.parametrize("kind", [".mp4", ".mkv"])
def test_an_expired_certificate_has_a_word_of_its_own(
    kind: str, tmp_path: Path, statement: Statement
) -> None:
    short = make_certificate(tmp_path / "records", days=2.2 / 86_400)
    path = make_file(tmp_path / f"clip{kind}")
    sign(path, statement, short)
    anchors = trusted_anchors(tmp_path / "records" / LOCAL_ROOT)
    while read_credentials(path, anchors).state == "trusted":
        time.sleep(0.2)
    found = read_credentials(path, anchors)
    assert (found.state, found.statement) == ("expired", statement) and "time stamp" in found.problem
    flip_a_byte(path)
    assert read_credentials(path, anchors).state == "broken"


def test_a_manifest_beside_a_file_counts_for_that_file_alone(
    tmp_path: Path, statement: Statement, certificate: Certificate
) -> None:
    path, other = make_file(tmp_path / "clip.mkv"), make_file(tmp_path / "clip.mp4")
    sign(path, statement, certificate)
    assert sidecar_of(path).name == "clip.mkv.c2pa" and read_credentials(other).state == "none"
    sidecar_of(path).rename(shared_sidecar_of(path))  # as other tools call it
    assert read_credentials(path).state == "unknown" and read_credentials(other).state == "none"
    sidecar_of(path).write_bytes(b"no manifest")
    assert read_credentials(path).state == "broken"


def test_a_file_that_is_no_medium_is_not_called_broken(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"nothing that plays" * 100)
    assert read_credentials(tmp_path / "clip.mp4").state in ("none", "unread")


def test_authorities_come_from_an_option_or_the_environment(records: Path, tmp_path: Path) -> None:
    root = records / LOCAL_ROOT
    assert trusted_anchors(None, {}) == b"" and trusted_anchors(None, {"RETALK_TRUST": ""}) == b""
    assert (
        trusted_anchors(None, {"RETALK_TRUST": str(root)}) == root.read_bytes() == trusted_anchors(root, {})
    )
    (tmp_path / "words.pem").write_text("words")
    with pytest.raises(InputError, match="holds no certificate"):
        trusted_anchors(tmp_path / "words.pem")
    with pytest.raises(InputError, match="can't be read"):
        trusted_anchors(tmp_path / "missing.pem")
