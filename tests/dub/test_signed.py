"""A dub says the same of itself in its file, its signature and the ledger, and again the next time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from retalk_nodes.retalk_core.compute.provider import LocalNetworks
from retalk_nodes.retalk_core.dub.options import DubOptions
from retalk_nodes.retalk_core.dub.pipeline import Dubbed, dub
from retalk_nodes.retalk_core.errors import RetalkError
from retalk_nodes.retalk_core.files import sha256_of
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.media.sound import SoundArray
from retalk_nodes.retalk_core.provenance.certificate import make_certificate
from retalk_nodes.retalk_core.provenance.credentials import read_credentials
from retalk_nodes.retalk_core.provenance.finish import Records, open_records
from retalk_nodes.retalk_core.provenance.ledger import Ledger
from retalk_nodes.retalk_core.provenance.statement import TAG, Statement, read_statement
from scenes import babble

PLAIN = DubOptions(engine="embedded", check=False)


def statement_in(path: Path) -> Statement:
    with av.open(str(path)) as container:
        found = read_statement({name.lower(): text for name, text in container.metadata.items()}[TAG])
    assert found is not None
    return found


def make(
    clip: Path, voice: Path | SoundArray, output: Path, networks: LocalNetworks, options: DubOptions
) -> Dubbed:
    return dub(open_clip(clip), voice, output, options, networks)


def test_a_dub_is_signed_and_remembered_under_one_id(
    talking_clip: Path, voice_file: Path, tmp_path: Path, networks_on_disk: LocalNetworks
) -> None:
    made = make_certificate(tmp_path / "studio", holder="Studio")
    records = open_records(tmp_path / "records", made.path)
    output, options = tmp_path / "dub.mp4", replace(PLAIN, mark="face", records=records)
    dubbed = make(talking_clip, voice_file, output, networks_on_disk, options)
    assert dubbed.report.signed == "Studio" and "signed: by Studio" in dubbed.report.to_text()
    said, signed = statement_in(output), read_credentials(output)
    assert (signed.state, signed.statement, signed.ingredients) == ("unknown", said, 2)
    assert said.clip == sha256_of(talking_clip) and said.voice == sha256_of(voice_file)
    assert (said.engine, said.generative, said.frames) == ("embedded", False, dubbed.report.frames_out)
    assert said.marked and said.id == dubbed.report.mark_id and said.options["mark"] == "face"
    entry = Ledger(tmp_path / "records").of_file(sha256_of(output))
    assert entry is not None and entry.statement == said


def test_the_same_dub_says_the_same_and_another_one_does_not(
    talking_clip: Path, voice_file: Path, tmp_path: Path, networks_on_disk: LocalNetworks
) -> None:
    options, said = replace(PLAIN, records=Records()), []
    for number, changed in enumerate((options, options, replace(options, mouth_opening=1.2))):
        (tmp_path / f"{number}").mkdir()
        output = tmp_path / f"{number}" / "dub.mp4"  # its name is in it
        assert make(talking_clip, voice_file, output, networks_on_disk, changed).report.signed == ""
        said.append(statement_in(output))
    assert said[0] == said[1] and said[0].id != said[2].id
    assert (tmp_path / "0" / "dub.mp4").read_bytes() == (tmp_path / "1" / "dub.mp4").read_bytes()
    assert read_credentials(tmp_path / "0" / "dub.mp4").state == "none"


def test_nothing_personal_is_said(
    talking_clip: Path, tmp_path: Path, networks_on_disk: LocalNetworks
) -> None:
    voice = SoundArray(babble(0.5)[None], 16_000)
    options = replace(
        PLAIN, transcript="Ann meets Bob", records=Records(), protect=np.zeros((8, 8), np.float32)
    )
    make(talking_clip, voice, tmp_path / "dub.mp4", networks_on_disk, options)
    said = statement_in(tmp_path / "dub.mp4")
    assert said.voice == "" and "Ann" not in said.to_json() and str(tmp_path) not in said.to_json()
    assert set(said.options) == {"engine", "check"}


def test_a_certificate_that_cannot_sign_is_refused_before_the_work(
    talking_clip: Path, voice_file: Path, tmp_path: Path, networks_on_disk: LocalNetworks
) -> None:
    options = replace(PLAIN, certificate=tmp_path / "missing.pem")
    with pytest.raises(RetalkError, match="can't be read"):
        make(talking_clip, voice_file, tmp_path / "dub.mp4", networks_on_disk, options)
    assert not (tmp_path / "dub.mp4").exists()
