"""Which engine dubs, and what is said of files that would have made a better one possible."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from retalk_nodes.models.catalog import PRESETS
from retalk_nodes.models.errors import CheckpointError
from retalk_nodes.retalk_core.compute.provider import LocalNetworks
from retalk_nodes.retalk_core.dub.choose import choose_engine
from retalk_nodes.retalk_core.dub.options import DubOptions
from retalk_nodes.retalk_core.reports.report import Report
from retalk_nodes.retalk_core.weights.files import ModelFiles
from torch import nn

PAGE = b"<!DOCTYPE html><html>Sign in</html>"


def lent(*but: str) -> dict[str, nn.Module]:
    """Stand-ins for whatever the preset `paper` needs, but for some."""
    keys = {key for need in PRESETS["paper"] for key in need}
    return {key: nn.Identity() for key in keys if key not in but}


def report_of(networks: LocalNetworks) -> Report:
    choice = choose_engine(DubOptions(engine="auto"), networks)
    return Report(
        output="out.mp4",
        engine=choice.engine,
        engine_note=choice.note,
        frame_size=(2, 2),
        frames_in=1,
        frames_out=1,
        frames_edited=1,
        seconds_out=1.0,
        faces_seen=1,
        untouched=[],
        warnings=[],
        lacking=list(choice.lacking),
        refused=dict(choice.refused),
    )


def test_auto_tells_what_is_wrong_with_a_refused_file(tmp_path: Path) -> None:
    (tmp_path / "LNet.pth").write_bytes(PAGE)
    networks = LocalNetworks(ModelFiles([tmp_path]), device="cpu", lent=lent("lnet", "gfpgan", "gpen"))
    report = report_of(networks)
    assert report.engine == "embedded" and report.lacking == ["L-Net", "GFPGAN or GPEN-BFR-512"]
    assert f"can't be used: L-Net: {tmp_path / 'LNet.pth'} is a web page" in report.to_text()
    assert "not found: GFPGAN or GPEN-BFR-512; " in report.to_text()
    assert "is a web page" in json.loads(report.to_json())["refused"]["L-Net"]


def test_a_lesser_preset_tells_it_too(tmp_path: Path) -> None:
    (tmp_path / "GPEN-BFR-512.pth").write_bytes(PAGE)
    networks = LocalNetworks(ModelFiles([tmp_path]), device="cpu", lent=lent("gfpgan", "gpen"))
    report = report_of(networks)
    assert "preset fast" in report.engine_note
    assert "not found" not in report.to_text() and "GPEN-BFR-512.pth is a web page" in report.to_text()


def test_the_engine_retalk_says_what_is_wrong_with_a_refused_file(tmp_path: Path) -> None:
    (tmp_path / "LNet.pth").write_bytes(PAGE)
    networks = LocalNetworks(ModelFiles([tmp_path]), device="cpu", lent=lent("lnet"))
    with pytest.raises(CheckpointError) as caught:
        choose_engine(DubOptions(engine="retalk"), networks)
    words = str(caught.value)
    assert "needs files that can't be used: L-Net." in words and "is a web page" in words
    assert "not found" not in words
    (tmp_path / "LNet.pth").unlink()
    with pytest.raises(CheckpointError, match=r"needs files that were not found: L-Net\. Run"):
        choose_engine(DubOptions(engine="retalk"), networks)


def test_a_used_file_that_is_not_official_is_named(tmp_path: Path) -> None:
    report = report_of(LocalNetworks(ModelFiles([tmp_path]), device="cpu", lent=lent()))
    words = "LNet.pth is not the official file"
    used = {"lnet": {"file": "LNet.pth", "sha256": "0" * 64, "warning": words}}
    report.networks = {"device": "CPU", "precision": "fp32", "networks": used}
    assert f"note: {words}" in report.to_text().splitlines()
