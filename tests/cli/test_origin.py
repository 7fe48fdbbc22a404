"""`retalk origin` and `retalk marks`: what they print, and what they refuse."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from retalk_nodes.retalk_core.cli.main import main
from retalk_nodes.retalk_core.files import sha256_of
from retalk_nodes.retalk_core.provenance.certificate import LOCAL, LOCAL_ROOT, read_certificate
from retalk_nodes.retalk_core.provenance.ledger import Ledger
from retalk_nodes.retalk_core.provenance.signing import sign
from retalk_nodes.retalk_core.provenance.statement import Statement
from signable import make_file

SAID = Statement(id="0123456789abcdef", version="0.2.0", engine="retalk", preset="paper", frames=9, edited=8)


def said(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> str:
    assert main([*words]) == status
    heard = capsys.readouterr()
    return heard.err if status else heard.out


@pytest.fixture
def records(tmp_path: Path) -> tuple[str, str]:
    return "--records", str(tmp_path / "records")


def test_a_certificate_is_made_once_and_shown_after_that(
    tmp_path: Path, records: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    made = said(capsys, "marks", "certificate", "--holder", "Studio", *records)
    shown = said(capsys, "marks", "certificate", *records)
    assert made.startswith("made:") and made.removeprefix("made:\n") == shown
    assert "holder: Studio" in shown and "unknown signer" in shown
    assert "PRIVATE" not in shown and (tmp_path / "records" / LOCAL).is_file()


def test_a_signed_file_is_told_in_words_and_as_json(
    tmp_path: Path, records: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, path = tmp_path / "records", make_file(tmp_path / "clip.png")
    said(capsys, "marks", "certificate", *records)
    assert "does not mean that it is real" in said(capsys, "origin", str(path), "-q", *records)
    sign(path, SAID, read_certificate(folder / LOCAL))
    Ledger(folder).record(SAID, [sha256_of(path)])
    told = said(capsys, "origin", str(path), "-q", *records)
    assert "signed, unknown signer" in told and "this machine's own certificate" in told
    trusting = ("--trust", str(folder / LOCAL_ROOT))
    assert "signed and trusted" in said(capsys, "origin", str(path), "-q", *trusting, *records)
    heat = tmp_path / "heat.png"
    facts = json.loads(said(capsys, "origin", str(path), "--json", "-q", "--heat", str(heat), *records))
    assert facts["retalk"] and facts["ids"] == [SAID.id] and facts["signature"]["state"] == "local"
    assert np.asarray(Image.open(heat)).ndim == 3


def test_dubs_are_listed_shown_and_forgotten(
    tmp_path: Path, records: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "remembers no dub" in said(capsys, "marks", "list", *records)
    ledger = Ledger(tmp_path / "records")
    for id in (SAID.id, "0123999999999999", "fedcba9876543210"):
        ledger.record(replace(SAID, id=id, weights={"lnet": "3" * 64}), [f"hash of {id}"])
    listed = said(capsys, "marks", "list", *records)
    assert listed.count("\n") == 3 and "retalk paper, 8 of 9 frames" in listed
    assert len(json.loads(said(capsys, "marks", "list", "--json", *records))) == 3
    shown = said(capsys, "marks", "show", "FEDC", *records)
    assert "fedcba9876543210" in shown and "hash of fedc" in shown and "lnet 333" in shown
    (facts,) = json.loads(said(capsys, "marks", "show", "fedc", "--json", *records))
    assert facts["files"] == ["hash of fedcba9876543210"]
    assert "means several dubs" in said(capsys, "marks", "forget", "0123", *records, status=1)
    assert "forgotten: 0123456789abcdef" in said(capsys, "marks", "forget", "01234", *records)
    assert [entry.id for entry in ledger.entries()] == ["fedcba9876543210", "0123999999999999"]
    said(capsys, "marks", "forget", "--all", *records)
    assert ledger.entries() == []


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("marks", "show", "012"), "is no id"),
        (("marks", "show", "xyzzy"), "is no id"),
        (("marks", "show", "0123"), "knows no dub"),
        (("marks", "forget"), "Say what to forget"),
        (("marks", "forget", "0123", "--all"), "Say what to forget"),
        (("origin", "missing.mp4"), "does not exist"),
        (("origin", "missing.mp4", "--trust", "missing.pem"), "can't be read"),
        (("origin", "missing.mp4", "--heat", "map.txt"), "can't hold a picture"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(
    words: tuple[str, ...],
    answer: str,
    records: tuple[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert answer in said(capsys, *words, *records, status=1)
