"""A finished dub is signed and remembered where that is wished, and nothing that fails takes it along."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from retalk_nodes.retalk_core.errors import RetalkError
from retalk_nodes.retalk_core.files import sha256_of
from retalk_nodes.retalk_core.provenance import finish as module
from retalk_nodes.retalk_core.provenance.certificate import LOCAL, Certificate
from retalk_nodes.retalk_core.provenance.credentials import read_credentials
from retalk_nodes.retalk_core.provenance.finish import Files, Records, finish, finish_copy, open_records
from retalk_nodes.retalk_core.provenance.ledger import Ledger
from retalk_nodes.retalk_core.provenance.statement import Statement
from signable import flip_a_byte, make_file, remux


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(make_file(tmp_path / "source.mp4"), make_file(tmp_path / "voice.wav"))


def test_what_is_neither_marked_nor_signed_leaves_no_trace(
    tmp_path: Path, statement: Statement, files: Files
) -> None:
    path, plain = make_file(tmp_path / "dub.mp4"), replace(statement, picture_bits=0, sound_bits=0)
    before = path.read_bytes()
    assert finish(path, plain, Records(tmp_path / "records"), files) == ("", ())
    assert path.read_bytes() == before and not (tmp_path / "records").exists()


def test_a_marked_dub_is_remembered_and_a_signed_one_too(
    tmp_path: Path, statement: Statement, files: Files, certificate: Certificate
) -> None:
    path, ledger = make_file(tmp_path / "dub.mp4"), Ledger(tmp_path)
    assert finish(path, statement, Records(tmp_path), files).signed == ""
    assert ledger.of_file(sha256_of(path)) is not None
    plain = replace(statement, id="f" * 16, picture_bits=0, sound_bits=0)
    told = finish(path, plain, Records(tmp_path, certificate), files)
    assert "viewers show as unknown" in told.signed and told.notes == ()
    found = read_credentials(path)
    assert (found.state, found.ingredients, found.statement) == ("unknown", 2, plain)
    known = ledger.of_file(sha256_of(path))
    assert known is not None and known.statement == plain


def test_a_dub_that_is_saved_later_is_signed_then(
    tmp_path: Path, statement: Statement, files: Files, certificate: Certificate
) -> None:
    assert files.clip is not None
    finish(
        files.clip, statement, Records(tmp_path / "earlier", certificate), Files(None, None)
    )  # has a history
    made, records = make_file(tmp_path / "made.mp4"), Records(tmp_path, certificate, at_once=False)
    assert finish(made, statement, records, files) == ("", ())
    assert read_credentials(made).state == "none"
    copy = remux(made, tmp_path / "saved.mp4")
    told = finish_copy(copy, sha256_of(made), records)
    found = read_credentials(copy)
    assert told.signed and (found.state, found.ingredients, found.earlier) == ("unknown", 2, 1)
    assert Ledger(tmp_path).of_file(sha256_of(copy)) is not None


def test_nothing_but_what_was_made_here_is_signed_later(
    tmp_path: Path, statement: Statement, files: Files, certificate: Certificate
) -> None:
    made, records = make_file(tmp_path / "made.mp4"), Records(tmp_path, certificate, at_once=False)
    finish(made, statement, records, files)
    flip_a_byte(made)
    told = finish_copy(remux(files.clip or made, tmp_path / "saved.mp4"), sha256_of(made), records)
    assert told.signed == "" and "isn't as Dub Video wrote it" in told.notes[0]
    assert read_credentials(tmp_path / "saved.mp4").state == "none"
    assert finish_copy(made, "aa", Records(tmp_path)) == ("", ())  # no certificate: nothing to say


def test_a_signature_that_an_earlier_file_left_is_told(
    tmp_path: Path, statement: Statement, files: Files, certificate: Certificate
) -> None:
    path = make_file(tmp_path / "dub.mkv")
    assert finish(path, statement, Records(tmp_path, certificate), files).notes == ()
    flip_a_byte(path)
    (note,) = finish(path, statement, Records(tmp_path), files).notes
    assert "dub.mkv.c2pa beside it signs an earlier file" in note


def test_what_fails_is_told_and_the_file_stays(
    tmp_path: Path, statement: Statement, files: Files, certificate: Certificate
) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "dub.mp4"
    path.write_bytes(b"nothing that plays" * 100)
    told = finish(path, statement, Records(tmp_path / "file" / "records", certificate), files)
    assert told.signed == "" and path.read_bytes() == b"nothing that plays" * 100
    assert "could not be signed" in told.notes[0] and "not remembered" in told.notes[1]


def test_the_records_are_opened_before_the_work(
    tmp_path: Path, records: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = open_records(records)
    assert found.certificate is not None and found.certificate.path == records / LOCAL and found.at_once
    assert open_records(tmp_path).certificate is None
    with pytest.raises(RetalkError, match="can't be read"):
        open_records(records, tmp_path / "missing.pem")

    def homeless() -> Path:
        raise module.InputError("Your home folder is not known.")

    monkeypatch.setattr(module, "records_folder", homeless)
    assert open_records() == Records(None, None)
