"""A certificate is found where it was configured, made when asked for, and readable for its owner alone."""

from __future__ import annotations

import os
import stat
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from retalk_nodes.retalk_core.errors import InputError, RetalkError
from retalk_nodes.retalk_core.provenance import certificate as module
from retalk_nodes.retalk_core.provenance.certificate import (
    LOCAL,
    LOCAL_ROOT,
    find_certificate,
    make_certificate,
    read_certificate,
)
from retalk_nodes.retalk_core.provenance.credentials import read_credentials, trusted_anchors
from retalk_nodes.retalk_core.provenance.signing import sign
from retalk_nodes.retalk_core.provenance.statement import Statement
from signable import make_file
from videos import leftovers


def test_nothing_is_signed_unless_a_certificate_is_configured(tmp_path: Path) -> None:
    assert find_certificate(tmp_path, None, {}) is None and find_certificate(None, None, {}) is None
    assert leftovers(tmp_path) == []  # none is made by itself


def test_an_option_counts_before_the_environment_and_that_before_the_local_one(tmp_path: Path) -> None:
    made = [make_certificate(tmp_path / name, holder=name) for name in ("local", "real", "given")]
    local, real, given = (each.path for each in made)
    named = {"RETALK_CERTIFICATE": str(real)}
    found = [
        find_certificate(local.parent, None, {}),
        find_certificate(local.parent, None, named),
        find_certificate(local.parent, given, named),
    ]
    assert [each.holder for each in found if each] == ["local", "real", "given"]
    assert [each.local for each in found if each] == [True, False, False]
    assert find_certificate(local.parent, None, {"RETALK_CERTIFICATE": ""}) is None


def test_a_local_one_is_readable_for_its_owner_alone(tmp_path: Path) -> None:
    made = make_certificate(tmp_path / "records")
    assert made.path == tmp_path / "records" / LOCAL
    if sys.platform != "win32":
        assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(made.path.parent.stat().st_mode) == 0o700
    assert b"PRIVATE KEY" in made.path.read_bytes()
    assert b"PRIVATE KEY" not in (tmp_path / "records" / LOCAL_ROOT).read_bytes()
    assert leftovers(tmp_path / "records") == [LOCAL, LOCAL_ROOT]
    assert "PRIVATE" not in repr(made)
    with pytest.raises(InputError, match="already"):
        make_certificate(tmp_path / "records")


def test_the_key_is_readable_for_nobody_else_while_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = []
    settled = os.fsync

    def look(number: int) -> None:
        modes.append(stat.S_IMODE(os.fstat(number).st_mode))
        settled(number)

    monkeypatch.setattr(module.os, "fsync", look)
    before = os.umask(0)
    try:
        make_certificate(tmp_path / "records")
    finally:
        os.umask(before)
    assert len(modes) == 2 and (sys.platform == "win32" or set(modes) == {0o600})


def test_a_key_may_lie_beside_the_certificate(tmp_path: Path) -> None:
    content = make_certificate(tmp_path / "records").path.read_bytes()
    begins = content.index(b"-----BEGIN PRIVATE KEY")
    (tmp_path / "real.pem").write_bytes(content[:begins])
    with pytest.raises(InputError, match="no private key"):
        read_certificate(tmp_path / "real.pem")
    (tmp_path / "real.key").write_bytes(content[begins:])
    assert read_certificate(tmp_path / "real.pem").algorithm == "es256"


def own_authority(folder: Path, key: object, days: float = 30) -> Path:
    """A certificate for a key, under an authority that isn't ReTalk's."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding

    folder.mkdir()
    root = ec.generate_private_key(ec.SECP256R1())
    until = datetime.now(timezone.utc) + timedelta(days=days)
    leaf = module._signed("Studio", "Studio", key, root, until, authority=False)
    above = module._signed("Studio: authority", "Studio", root, root, until, authority=True)
    pems = [each.public_bytes(Encoding.PEM) for each in (leaf, above)]
    (folder / "chain.pem").write_bytes(b"".join([module._key_pem(key), *pems]))
    (folder / "root.pem").write_bytes(pems[1])
    return folder / "chain.pem"


@pytest.mark.parametrize("kind", ["es256", "es384", "es512", "ed25519", "ps256"])
def test_every_kind_of_key_that_c2pa_takes_signs(kind: str, tmp_path: Path, statement: Statement) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    curves = {"es256": ec.SECP256R1(), "es384": ec.SECP384R1(), "es512": ec.SECP521R1()}
    if kind == "ed25519":
        key: object = ed25519.Ed25519PrivateKey.generate()
    elif kind == "ps256":
        key = rsa.generate_private_key(65537, 2048)
    else:
        key = ec.generate_private_key(curves[kind])
    found = read_certificate(own_authority(tmp_path / "studio", key))
    assert (found.algorithm, found.holder, found.local) == (kind, "Studio", False)
    path = make_file(tmp_path / "clip.wav")
    sign(path, statement, found)
    assert read_credentials(path).state == "unknown"
    assert read_credentials(path, trusted_anchors(tmp_path / "studio" / "root.pem")).state == "trusted"


def test_what_cannot_sign_is_refused_in_words(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1())
    path = own_authority(tmp_path / "studio", key)
    chain = path.read_bytes()[path.read_bytes().index(b"-----BEGIN CERTIFICATE") :]
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word"))
    stranger = module._key_pem(ec.generate_private_key(ec.SECP256R1()))
    odd = ec.generate_private_key(ec.SECP256K1())
    until = datetime.now(timezone.utc) + timedelta(days=1)
    alone = module._pem(module._signed("Alone", "Alone", key, key, until, authority=True))
    cases = {
        "no certificate": b"words",
        "passphrase": chain + locked,
        "isn't that of": chain + stranger,
        "signed by itself": alone + module._key_pem(key),
        "isn't now": own_authority(tmp_path / "old", key, days=-1 / 1440).read_bytes(),
        "kind that C2PA": own_authority(tmp_path / "odd", odd).read_bytes(),
        "too large": b"x" * (module.LARGEST_PEM + 1),
    }
    for words, content in cases.items():
        (tmp_path / "tried.pem").write_bytes(content)
        with pytest.raises(InputError, match=words):
            read_certificate(tmp_path / "tried.pem")
    with pytest.raises(InputError, match="can't be read"):
        read_certificate(tmp_path / "missing.pem")


def test_a_long_holder_is_cut_and_an_empty_one_is_the_usual(tmp_path: Path, statement: Statement) -> None:
    long = make_certificate(tmp_path / "long", holder="Studio " * 30)
    assert len(long.holder) <= module.LONGEST_HOLDER
    path = make_file(tmp_path / "clip.wav")
    sign(path, statement, long)
    assert make_certificate(tmp_path / "empty", holder="  ").holder == module.HOLDER


def test_without_the_library_an_error_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_certificate(tmp_path / "records").path
    monkeypatch.setitem(sys.modules, "cryptography", None)
    for ask in (lambda: read_certificate(path), lambda: make_certificate(tmp_path / "more")):
        with pytest.raises(RetalkError, match="-m pip install"):
            ask()
