"""Detect Origin: what it looks at, what it hands on, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from retalk_nodes.nodes import host
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.files import sha256_of
from retalk_nodes.retalk_core.provenance.certificate import make_certificate
from retalk_nodes.retalk_core.provenance.ledger import Ledger
from retalk_nodes.retalk_core.provenance.signing import sign
from retalk_nodes.retalk_core.provenance.statement import Statement
from signable import make_file
from stand_in import VideoFromComponents, VideoFromFile

SAID = Statement(id="0123456789abcdef", version="0.2.0", engine="retalk")
FRAMES = torch.rand(3, 64, 64, 3, generator=torch.Generator().manual_seed(0))
SOUND = {"waveform": torch.zeros(1, 1, 8000), "sample_rate": 16_000}


@pytest.fixture
def detect(nodes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401
    monkeypatch.setenv("RETALK_RECORDS", str(tmp_path / "records"))
    return nodes["ReTalkDetectOrigin"]


def test_a_signed_video_is_told_with_its_id(detect: Any, tmp_path: Path) -> None:  # noqa: ANN401
    path = make_file(tmp_path / "clip.mp4")
    sign(path, SAID, make_certificate(host.records_folder()))
    report, facts, found, id, heat = detect.execute(clip=VideoFromFile(str(path))).args
    assert "signed, unknown signer" in report and json.loads(facts)["signature"]["state"] == "local"
    assert found is True and id == SAID.id
    assert heat.ndim == 4 and heat.shape[3] == 3 and 0 <= float(heat.min()) <= float(heat.max()) <= 1


def test_frames_and_sound_have_marks_only(detect: Any) -> None:  # noqa: ANN401
    for given in ({"clip": FRAMES}, {"audio": SOUND}, {"clip": FRAMES, "audio": SOUND, "fps": 30.0}):
        report, facts, found, id, _ = detect.execute(**given).args
        assert "does not mean that it is real" in report and not found and id == ""
        told = json.loads(facts)
        assert told["signature"] is None and (told["picture"] is None) is ("clip" not in given)
        assert (told["sound"] is None) is ("audio" not in given)


def test_a_video_in_memory_is_looked_at_too(detect: Any) -> None:  # noqa: ANN401
    from fractions import Fraction
    from types import SimpleNamespace

    parts = SimpleNamespace(images=FRAMES, frame_rate=Fraction(25), audio=SOUND)
    _, facts, found, _, _ = detect.execute(clip=VideoFromComponents(parts)).args
    told = json.loads(facts)
    assert not found and told["picture"] is not None and told["sound"] is not None


def test_a_named_file_is_looked_at_anew_when_it_or_the_ledger_changes(
    detect: Any,  # noqa: ANN401
    base: Path,
) -> None:
    (base / "input").mkdir(exist_ok=True)
    path = make_file(base / "input" / "named.png")
    before = detect.fingerprint_inputs(file="named.png")
    assert detect.execute(file="named.png").args[2] is False
    assert detect.fingerprint_inputs(file="named.png") == before
    Ledger(host.records_folder()).record(SAID, [sha256_of(path)])
    assert detect.fingerprint_inputs(file="named.png") != before
    report, _, found, id, _ = detect.execute(file="named.png").args
    assert "known file" in report and found and id == SAID.id
    before = detect.fingerprint_inputs(file="named.png")
    path.write_bytes(path.read_bytes() + b" ")
    assert detect.fingerprint_inputs(file="named.png") != before


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "nothing to look at"),
        ({"file": "../secret.mp4"}, "leads out of ComfyUI's folders"),
        ({"file": "gone.mp4"}, "does not exist"),
        ({"file": "gone.mp4", "clip": FRAMES}, "Both a file and"),
    ],
)
def test_what_cannot_be_looked_at_is_refused_in_words(
    detect: Any,  # noqa: ANN401
    given: dict[str, Any],
    words: str,
) -> None:
    with pytest.raises(InputError, match=words):
        detect.execute(**given)
