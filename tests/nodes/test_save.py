"""Save Dub: the encoded file as it is, named as Save Video names its files, the workflow in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import pytest
from retalk_nodes.nodes import media
from retalk_nodes.nodes import save as module
from retalk_nodes.retalk_core.errors import InputError
from stand_in import VideoFromFile
from videos import gradient, write

PROMPT = {"9": {"class_type": "ReTalkSaveDub", "inputs": {"filename_prefix": "x"}}}


@pytest.fixture
def save(nodes: dict[str, Any], base: Path, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401
    node = nodes["ReTalkSaveDub"]
    hidden = SimpleNamespace(unique_id="9", prompt=PROMPT, extra_pnginfo={"workflow": {"nodes": []}})
    monkeypatch.setattr(node, "hidden", hidden, raising=False)
    return node


def stored_words(path: Path) -> dict[str, str]:
    with av.open(str(path)) as container:
        return {name.lower(): value for name, value in container.metadata.items()}


@pytest.mark.parametrize(
    ("codec", "ending", "played"),
    [("h264", ".mp4", True), ("hevc", ".mp4", True), ("prores", ".mov", False), ("ffv1", ".mkv", False)],
)
def test_a_file_is_saved_with_the_workflow_in_it(
    save: Any,  # noqa: ANN401
    base: Path,
    tmp_path: Path,
    codec: str,
    ending: str,
    played: bool,
) -> None:
    write(tmp_path / f"made{ending}", [gradient()] * 3, codec=codec)
    given = VideoFromFile(str(tmp_path / f"made{ending}"))
    prefix = f"{tmp_path.name}/%date:yyyy%/dub_%width%"
    video, path = save.execute(given, prefix).args
    assert re.fullmatch(
        rf"{tmp_path.name}/\d{{4}}/dub_96_00001_{ending}", str(Path(path).relative_to(base / "output"))
    )
    assert video.file == path and json.loads(stored_words(Path(path))["prompt"]) == PROMPT
    assert json.loads(stored_words(Path(path))["workflow"]) == {"nodes": []}
    with av.open(path) as kept, av.open(given.file) as made:
        assert kept.streams.video[0].codec.name == made.streams.video[0].codec.name
    again = save.execute(given, prefix)
    assert again.args[1].endswith(f"_00002_{ending}")
    shown = again.ui if isinstance(again.ui, dict) else again.ui.as_dict()
    assert ("images" in shown) is played and ("files" in shown) is not played


def test_who_wants_no_metadata_gets_none(
    save: Any,  # noqa: ANN401
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module.args, "disable_metadata", True)
    write(tmp_path / "made.mp4", [gradient()] * 2)
    path = save.execute(VideoFromFile(str(tmp_path / "made.mp4")), tmp_path.name).args[1]
    assert not {"prompt", "workflow"} & set(stored_words(Path(path)))


def test_no_name_leads_out_of_the_output_folder(save: Any, tmp_path: Path) -> None:  # noqa: ANN401
    write(tmp_path / "made.mp4", [gradient()] * 2)
    for prefix in ("../out", "/etc/out", "a/../../out"):
        with pytest.raises(InputError, match="leads out of ComfyUI's output folder"):
            save.execute(VideoFromFile(str(tmp_path / "made.mp4")), prefix)


def test_what_is_trimmed_off_is_not_saved(tmp_path: Path, save: Any) -> None:  # noqa: ANN401
    """Such a video is written by ComfyUI, which honours the trim, before it is kept."""
    write(tmp_path / "made.mp4", [gradient()] * 2)

    class Trimmed(VideoFromFile):
        def get_active_trim_window(self) -> tuple[float, float]:
            return 1.0, 0.0

        def save_to(self, path: str) -> None:
            Path(path).write_bytes((tmp_path / "made.mp4").read_bytes())

    @contextmanager
    def file_of(video: VideoFromFile) -> Iterator[Path]:
        with media.finished_file(video) as path:
            yield path

    with file_of(VideoFromFile(str(tmp_path / "made.mp4"))) as path:
        assert path == tmp_path / "made.mp4"
    with file_of(Trimmed(str(tmp_path / "made.mp4"))) as path:
        assert path != tmp_path / "made.mp4" and path.exists()
    assert not path.exists()


def test_what_dub_video_wrote_is_signed_once_the_workflow_is_in_it(
    save: Any,  # noqa: ANN401
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from retalk_nodes.retalk_core.provenance.certificate import make_certificate
    from retalk_nodes.retalk_core.provenance.credentials import read_credentials
    from retalk_nodes.retalk_core.provenance.finish import Files, Records, finish
    from retalk_nodes.retalk_core.provenance.statement import Statement

    monkeypatch.setenv("RETALK_RECORDS", str(tmp_path / "records"))
    said = Statement(id="0123456789abcdef", version="0.2.0", engine="retalk", picture_bits=32)
    made, other = tmp_path / "made.mp4", tmp_path / "other.mp4"
    write(made, [gradient()] * 3)
    write(other, [gradient()] * 4)
    shown = save.execute(VideoFromFile(str(made)), tmp_path.name)
    assert "signed" not in json.dumps(shown.ui if isinstance(shown.ui, dict) else shown.ui.as_dict())
    certificate = make_certificate(tmp_path / "records")
    finish(made, said, Records(tmp_path / "records", certificate, at_once=False), Files(other, None))
    kept = save.execute(VideoFromFile(str(made)), tmp_path.name)
    found = read_credentials(Path(kept.args[1]))
    assert (found.state, found.statement, found.ingredients) == ("unknown", said, 1)
    assert json.loads(stored_words(Path(kept.args[1]))["prompt"]) == PROMPT
    told = json.dumps(kept.ui if isinstance(kept.ui, dict) else kept.ui.as_dict())
    assert "signed by ReTalk (local)" in told
    plain = save.execute(VideoFromFile(str(other)), tmp_path.name)
    assert read_credentials(Path(plain.args[1])).state == "none"
    told = json.dumps(plain.ui if isinstance(plain.ui, dict) else plain.ui.as_dict())
    assert "isn't as Dub Video wrote it" in told
