"""What is learnt from is what a dub sees, to the last bit; what can't be used is told."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scenes
import torch
from retalk_nodes.models.expression.dnet import Portrait
from retalk_nodes.models.lips.enet import shrink
from retalk_nodes.models.training.sync_expert import SyncExpert, SyncShape
from retalk_nodes.retalk_core.crops.cut import cut_crop, reframe
from retalk_nodes.retalk_core.crops.framing import SIDES, frame_faces
from retalk_nodes.retalk_core.errors import CheckpointError, InputError
from retalk_nodes.retalk_core.faces.detect import load_face_networks
from retalk_nodes.retalk_core.faces.follow import track_faces
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.media.sound import read_mono
from retalk_nodes.retalk_core.stages.lips.lnet import LNET, pair_faces
from retalk_nodes.retalk_core.training.checkpoints import RunState
from retalk_nodes.retalk_core.training.data import prepare, sets
from retalk_nodes.retalk_core.training.data.cartoons import Cartoon
from retalk_nodes.retalk_core.training.data.kept import KeptTalk
from retalk_nodes.retalk_core.training.data.layouts import Video, find_videos
from retalk_nodes.retalk_core.training.data.offsets import found_offset
from retalk_nodes.retalk_core.training.data.pairs import pair_to_learn
from retalk_nodes.retalk_core.training.data.prepare import Prepared, frames_at_rate
from retalk_nodes.retalk_core.training.data.sets import open_set, prepare_set, read_list, split_clips
from retalk_nodes.retalk_core.training.export import export_state
from retalk_nodes.retalk_core.training.settings import to_plain
from retalk_nodes.retalk_core.training.tasks.lnet import LNET_PRESETS, LNET_TINY, LNetTask
from standins import DNetStandIn, Face3DStandIn
from torch import nn


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two talking portraits with sound, one without a face, and one without sound."""
    folder = tmp_path_factory.mktemp("videos")
    for person in ("ann", "bob"):
        (folder / person).mkdir()
        scenes.speaking_clip(folder / person / "talk.mkv", 30 if person == "ann" else 34)
    scenes.speaking_clip(folder / "wall.mkv", 20, np.full((20, 96, 96, 3), 90, np.uint8))
    scenes.write_clip(folder / "mute.mkv", scenes.talking(16))
    return folder


@pytest.fixture(scope="module")
def made(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Prepared]]:
    place = tmp_path_factory.mktemp("set")
    return place, prepare_set(find_videos(folder), place, "drawn for this test", processes=2)


def assert_like_a_dub(video: Path, talk: KeptTalk, rows: range) -> None:
    """Crops, pairs and speech are those that a dub of the video would have."""
    clip = open_clip(video)
    track = track_faces(clip.frames(), load_face_networks()).track
    shown = frames_at_rate(clip)
    crops = {framing: frame_faces(track, framing) for framing in ("face", "portrait")}
    faces = []
    for row, frame in zip(rows, clip.frames(shown[list(rows)].tolist()), strict=True):
        for framing, crop in crops.items():
            affine = crop.frame_to_crop[shown[row]].numpy()
            expected = cut_crop(frame.pixels, affine, SIDES[framing])
            assert np.array_equal(talk.crop(framing, row), expected), f"{framing} {row}"
            if framing == "face":
                faces.append(torch.from_numpy(expected))
    given, others = talk.faces(list(rows), 384), talk.faces(list(reversed(rows)), 384)
    whole = torch.stack(faces)
    assert torch.equal(pair_to_learn(given, others, 96), shrink(pair_faces(whole, whole.flip(0))))
    voice = LNET.spectrogram(read_mono(video, 16_000))
    assert torch.equal(talk.mels(list(rows)), LNET.windows(voice, [talk.times[row] for row in rows]))


def test_crops_pairs_and_speech_are_a_dubs(folder: Path, made: tuple[Path, list[Prepared]]) -> None:
    line = next(each for each in made[1] if each.speaker == "ann")
    talk = KeptTalk(made[0] / "clips" / line.file, line.name, line.speaker, line.voice)
    assert line.frames == len(talk.usable) == 30
    assert_like_a_dub(folder / "ann" / "talk.mkv", talk, range(0, 30, 7))


@pytest.mark.parametrize("name", ["face_1.mp4", "face_3.mp4"])
def test_of_real_clips_too(media: Path, tmp_path: Path, name: str) -> None:
    """One of them isn't evenly timed."""
    video = Video(media / name, name, "one", "one")
    line = prepare.prepare_video(video, tmp_path, load_face_networks(), prepare.Filters(), "test clips")
    assert not line.dropped and line.usable > 75
    assert_like_a_dub(
        media / name, KeptTalk(tmp_path / line.file, name, "one", "one"), range(3, line.frames, 29)
    )


def test_what_was_dropped_is_told(made: tuple[Path, list[Prepared]]) -> None:
    folder, lines = made
    dropped = {each.name: each.dropped for each in lines if each.dropped}
    assert set(dropped) == {"wall.mkv", "mute.mkv"}
    assert "No face was found" in dropped["wall.mkv"] and "sound" in dropped["mute.mkv"]
    assert (folder / "sheet.png").stat().st_size > 500 and "mute.mkv" in (folder / "report.json").read_text()
    assert {each.rights for each in read_list(folder)} == {"drawn for this test"}


def test_no_face_and_no_voice_is_learnt_from_and_kept_back(made: tuple[Path, list[Prepared]]) -> None:
    talks = open_set(made[0])
    assert {talk.speaker for talk in talks.train} | {talk.speaker for talk in talks.held} == {"ann", "bob"}
    assert len(talks.train) == len(talks.held) == 1 and talks.about["licences"] == ["drawn for this test"]
    dubs = [clip(f"{face}-{voice}", face, voice) for face in "abcd" for voice in "abcd"]
    parts = split_clips(dubs)
    train, held = ([each for each in parts if each.split == split] for split in ("train", "held"))
    assert len(train) == 9 and len(held) == 1 and sum(each.split == "neither" for each in parts) == 6
    assert not {each.speaker for each in train} & {each.speaker for each in held}
    assert not {each.voice for each in train} & {each.voice for each in held}


def test_one_clip_alone_is_prepared_and_what_judges_it_is_asked_for(
    folder: Path, made: tuple[Path, list[Prepared]], tmp_path: Path
) -> None:
    place = shutil.copytree(made[0], tmp_path / "set")
    (line,) = prepare_set(
        [video for video in find_videos(folder) if video.speaker == "ann"], place, "drawn for this test"
    )
    assert (line.dropped, line.split) == ("", "train")
    with pytest.raises(InputError, match=r"holds 1 usable clips, and none to be judged by: .*two people"):
        open_set(place)


def clip(name: str, speaker: str, voice: str) -> Prepared:
    return Prepared(id=name, name=name, speaker=speaker, voice=voice, split="", rights="test", dropped="")


def test_what_is_prepared_is_not_prepared_again(
    folder: Path, made: tuple[Path, list[Prepared]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("prepared again")

    before = [each.line() for each in read_list(made[0])]
    monkeypatch.setattr(prepare, "track_faces", refuse)
    prepare_set(find_videos(folder), made[0], "drawn for this test")
    assert [each.line() for each in read_list(made[0])] == before
    with pytest.raises(AssertionError, match="prepared again"):
        prepare_set(find_videos(folder), made[0], "another licence")


@pytest.fixture(scope="module")
def calm(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A set with references, by networks that give portraits back, a little darker."""

    class Networks:
        @contextmanager
        def borrow(self, key: str) -> Iterator[nn.Module]:
            yield {"face3d": Face3DStandIn(), "dnet": DarkenedDNet()}[key]

        def file(self, key: str) -> None:
            return None

    place = tmp_path_factory.mktemp("calm")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sets, "_provider", lambda models: Networks())
        people = [video for video in find_videos(folder) if video.speaker in ("ann", "bob")]
        prepare_set(people, place, "drawn for this test", references=True)
    yield place


class DarkenedDNet(DNetStandIn):
    """Gives the portrait back, darker."""

    def forward(self, picture: torch.Tensor, coefficients: torch.Tensor) -> Portrait:
        return super().forward((picture - 1) / 2, coefficients)


def test_references_are_a_dubs_but_for_eight_bits(folder: Path, calm: Path) -> None:
    talk = open_set(calm).train[0]
    assert isinstance(talk, KeptTalk)
    rows = [3, 12]
    crops = {framing: talk.crops_of(framing, rows) for framing in ("face", "portrait")}
    cut = {framing: np.stack([talk.crop(framing, row) for row in rows]) for framing in crops}
    faces, portraits = (torch.from_numpy(cut[framing]) for framing in ("face", "portrait"))
    expected, covered = reframe(portraits / 2, crops["portrait"], crops["face"], side=384, base=faces)
    given = talk.references(rows, 384)
    assert covered.mean() > 0.9 and (given - faces).abs().mean() > 0.1
    assert (given - expected).abs().max() < 0.51 / 255
    assert talk.windows(rows).shape == (2, 73, 27)  # coefficients were read for them


def test_lnet_learns_from_references_where_a_set_has_them(
    calm: Path, made: tuple[Path, list[Prepared]]
) -> None:
    run = replace(LNET_TINY, reference="mixed")
    task = LNetTask(run, open_set(calm))
    samples = [task.draw(np.random.default_rng(seed))["pairs"][:, 3:] for seed in range(12)]
    light = [float(sample.mean()) for sample in samples]
    assert 3 <= sum(each < np.mean(light) for each in light) <= 9  # calm ones are darker
    assert LNET_PRESETS["with-dnet"].reference == "mixed"
    with pytest.raises(InputError, match=r"no calm faces.*--references, .*or choose reference=other"):
        lacking = LNetTask(replace(run, reference="neutral"), open_set(made[0]))
        lacking.draw(np.random.default_rng(0))


def test_without_dnet_the_file_is_asked_for(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    people = [video for video in find_videos(folder) if video.speaker == "ann"]
    with pytest.raises(CheckpointError, match="was not found"):
        prepare_set(
            people, tmp_path / "set", "drawn for this test", references=True, models=tmp_path / "models"
        )


def test_clips_whose_sound_is_late_are_dropped_where_an_expert_tells(
    folder: Path, made: tuple[Path, list[Prepared]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = shutil.copytree(made[0], tmp_path / "set")
    expert = export_state(expert_state(), tmp_path / "expert.safetensors")
    asked: list[str] = []

    def offset(network: SyncExpert, talk: KeptTalk, side: int) -> int:
        assert isinstance(network, SyncExpert) and side == network.shape.side == 48
        asked.append(talk.speaker)
        return {"ann": -3, "bob": 1}[talk.speaker]

    monkeypatch.setattr(sets, "found_offset", offset)
    lines = prepare_set(find_videos(folder), place, "drawn for this test", expert=expert)
    dropped = {each.speaker: each.dropped for each in lines}
    assert sorted(asked) == ["ann", "bob"]
    assert dropped["ann"] == "lips and sound are 3 frames apart" and dropped["bob"] == ""
    with pytest.raises(InputError, match=r"gone.safetensors is no file: Telling whether sound"):
        prepare_set(find_videos(folder), place, "drawn for this test", expert=tmp_path / "gone.safetensors")


def test_an_expert_that_was_taught_finds_by_how_much_sound_is_late() -> None:
    """Five frames and their speech, by an expert that reads a code which both were given."""

    class Coded(Cartoon):
        late = 0

        def faces(self, rows: Sequence[int], side: int) -> torch.Tensor:
            codes = torch.tensor([((row * 37) % 100 + 1) / 101 for row in rows])
            return codes[:, None, None, None].expand(-1, side, side, 3).contiguous()

        def mels(self, rows: Sequence[int]) -> torch.Tensor:
            codes = torch.tensor([((row - self.late) * 37 % 100 + 1) / 101 for row in rows])
            return codes[:, None, None, None].expand(-1, 1, 80, 16).contiguous()

    class Reader(SyncExpert):
        def read_lips(self, lips: torch.Tensor) -> torch.Tensor:
            return self.told(lips[:, 0].mean(dim=(1, 2)))

        def read_speech(self, mel: torch.Tensor) -> torch.Tensor:
            return self.told(mel.mean(dim=(1, 2, 3)))

        @staticmethod
        def told(codes: torch.Tensor) -> torch.Tensor:
            hot = torch.zeros(len(codes), 102)
            return hot.scatter(1, (codes * 101).round().long()[:, None], 1.0)

    talk, expert = Coded(1), Reader(SyncShape(width=4, side=48))
    assert found_offset(expert, talk, 48) == 0
    object.__setattr__(talk, "late", 4)
    assert found_offset(expert, talk, 48) == 4


def expert_state() -> RunState:
    network = SyncExpert(SyncShape(width=4, side=48))
    tensors = network.state_dict()
    return RunState(0, "sync", "sync", {"shape": to_plain(network.shape)}, {"expert": tensors}, tensors)


def test_nothing_is_learnt_from_without_leave_or_faces(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="state the licence or whose consent"):
        prepare_set(find_videos(folder), tmp_path, " ")
    with pytest.raises(InputError, match="holds no video"):
        find_videos(tmp_path)
    walls = [video for video in find_videos(folder) if video.name == "wall.mkv"]
    with pytest.raises(InputError, match="None of 1 videos can be learnt from; of the first one: No face"):
        prepare_set(walls, tmp_path / "set", "drawn")
    with pytest.raises(InputError, match="none to learn from"):
        open_set(tmp_path / "set")


def test_layouts_say_who_speaks_and_what_is_kept_back(tmp_path: Path) -> None:
    for name in ("main/63/00001.mp4", "pretrain/64/00002.mp4", "id1#abc#000#001.mp4", "RD_Radio1_000.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "val.txt").write_text("63/00001\n")
    with (tmp_path / "talks.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [("file", "speaker", "voice", "split"), ("RD_Radio1_000.mp4", "r", "v", "held")]
        )
    lrs2 = {video.name: (video.speaker, video.split) for video in find_videos(tmp_path / "", "lrs2")}
    assert lrs2["main/63/00001.mp4"] == ("63", "held") and lrs2["pretrain/64/00002.mp4"] == ("64", "train")
    assert [video.speaker for video in find_videos(tmp_path, "voxceleb")] == ["id1"]
    assert [video.speaker for video in find_videos(tmp_path, "hdtf")] == ["RD_Radio1"]
    told = {video.name: video for video in find_videos(tmp_path)}["RD_Radio1_000.mp4"]
    assert (told.speaker, told.voice, told.split) == ("r", "v", "held")
