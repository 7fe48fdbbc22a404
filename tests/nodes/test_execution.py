"""Every node that needs no checkpoint, run on drawn scenes; the others on networks of three lines."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from retalk_nodes.models.errors import CheckpointError
from retalk_nodes.nodes import networks as host_networks
from retalk_nodes.nodes.networks import HostedLips
from retalk_nodes.retalk_core.crops.originals import cut_plain
from retalk_nodes.retalk_core.errors import InputError, OptionError
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.types import FaceTrack
from retalk_nodes.retalk_core.weights.files import Found
from scenes import babble, scenery, talking
from stand_in import ModelPatcher, VideoFromFile
from torch import Tensor, nn

Nodes = dict[str, Any]


def run(nodes: Nodes, name: str, **inputs: object) -> tuple[Any, ...]:
    """Run a node, with its defaults where nothing is given."""
    schema = nodes[name].GET_SCHEMA()
    given = {
        each.id: inputs.pop(each.id, getattr(each, "default", None))
        for each in schema.inputs
        if each.id in inputs or not each.optional
    }
    assert not inputs, f"{name} has no {sorted(inputs)}"
    outputs: tuple[Any, ...] = nodes[name].execute(**given).args
    assert len(outputs) == len(schema.outputs)
    return outputs


def voice(seconds: float) -> dict[str, Any]:
    return {"waveform": torch.from_numpy(babble(seconds))[None, None], "sample_rate": 16_000}


@pytest.fixture(scope="module")
def frames() -> Tensor:
    """Twelve frames of a talking portrait, 160 pixels square."""
    return torch.from_numpy(np.stack(talking(12))).float() / 255


@pytest.fixture(scope="module")
def track(nodes: Nodes, frames: Tensor) -> FaceTrack:
    found: FaceTrack = run(nodes, "ReTalkDetectFaces", clip=frames)[0]
    return found


# Faces


def test_a_face_is_found_in_pictures_and_in_a_video(nodes: Nodes, frames: Tensor, talking_clip: Path) -> None:
    track, mask, sheet, report = run(nodes, "ReTalkDetectFaces", clip=frames)
    assert track.present.all() and len(track) == 12 and track.times[1] == Fraction(1, 25)
    assert mask.shape == (12, 160, 160) and 0.05 < mask.mean() < 0.4
    assert sheet.shape[0] == 1 and sheet.dtype == torch.float32
    assert report.startswith("160x160, 12 frames") and "faces seen: 1" in report
    streamed, one_mask, _, _ = run(nodes, "ReTalkDetectFaces", clip=VideoFromFile(str(talking_clip)))
    assert len(streamed) == 18 and one_mask.shape == (1, 160, 160)


def test_the_face_can_be_chosen(nodes: Nodes, frames: Tensor) -> None:
    mask = torch.zeros(1, 160, 160)
    with pytest.raises(OptionError, match="covers none of the faces"):
        run(nodes, "ReTalkDetectFaces", clip=frames[:2], face="in the mask", mask=mask)
    with pytest.raises(OptionError, match="There is no 4th face from the left"):
        run(nodes, "ReTalkDetectFaces", clip=frames[:2], face="index from the left", index=3)
    mask[:, 40:120, 40:120] = 1
    assert run(nodes, "ReTalkDetectFaces", clip=frames[:2], face="in the mask", mask=mask)[0].present.all()


def test_no_face_is_said_in_words(nodes: Nodes) -> None:
    with pytest.raises(InputError.__mro__[1], match="No face was found in any of the 3 frames"):
        run(nodes, "ReTalkDetectFaces", clip=torch.from_numpy(np.stack(scenery(3))).float() / 255)


def test_a_track_can_be_edited(nodes: Nodes, track: FaceTrack) -> None:
    (skipped,) = run(nodes, "ReTalkEditTrack", face_track=track, ranges="0-0.08")
    assert skipped.weight[:3].tolist() == [0, 0, float(track.weight[2])]
    (faded,) = run(nodes, "ReTalkEditTrack", face_track=track, action="strength", strength=0.5)
    torch.testing.assert_close(faded.weight, track.weight / 2)
    (bridged,) = run(nodes, "ReTalkEditTrack", face_track=track, action="interpolate", ranges="0.2-0.28")
    assert not torch.equal(bridged.mesh, track.mesh)
    mask = torch.zeros(80, 80)
    mask[10:40, 10:40] = 1
    (placed,) = run(nodes, "ReTalkEditTrack", face_track=track, action="place by mask", mask=mask)
    assert float(placed.boxes[0, 1]) == pytest.approx(20, abs=0.1)
    with pytest.raises(OptionError, match="connect a mask"):
        run(nodes, "ReTalkEditTrack", face_track=track, action="place by mask")


def test_a_track_is_drawn_over_its_clip(nodes: Nodes, frames: Tensor, track: FaceTrack) -> None:
    (video,) = run(nodes, "ReTalkPreviewTrack", clip=frames, face_track=track)
    drawn = open_clip(video.file)
    assert len(drawn) == 12 and drawn.size == (160, 160)
    with pytest.raises(InputError, match="holds 5 frames, but face track holds 12"):
        run(nodes, "ReTalkPreviewTrack", clip=frames[:5], face_track=track)


def test_comfyuis_own_landmarks_make_a_track(nodes: Nodes, frames: Tensor, track: FaceTrack) -> None:
    def face(row: int) -> dict[str, Any]:
        points = np.concatenate([track.mesh[row].numpy(), np.zeros((10, 3), np.float32)])
        return {"landmarks_xy": points[:, :2], "landmarks_3d": points * 2, "presence": 5.0}

    landmarks = {"frames": [[face(row)] if row != 6 else [] for row in range(12)], "image_size": (160, 160)}
    (made,) = run(nodes, "ReTalkFaceTrackFromLandmarks", images=frames, face_landmarks=landmarks)
    assert made.present.all() and len(made) == 12  # the gap is short enough to be filled
    torch.testing.assert_close(made.mesh[3], track.mesh[3], atol=1.0, rtol=0)
    with pytest.raises(InputError, match="5 frames"):
        run(nodes, "ReTalkFaceTrackFromLandmarks", images=frames[:5], face_landmarks=landmarks)


def test_faces_are_cut_reframed_and_put_back(nodes: Nodes, frames: Tensor, track: FaceTrack) -> None:
    faces, crops = run(nodes, "ReTalkCropFaces", images=frames, face_track=track)
    assert faces.shape == (12, 384, 384, 3)
    plain, _ = run(nodes, "ReTalkCropFaces", images=frames, face_track=track, size=96, plain=True)
    levels = (255 * plain).round()
    torch.testing.assert_close(255 * plain, levels, atol=1e-4, rtol=0)
    affine, shown = crops.frame_to_crop[0].double().numpy(), (255 * frames[0]).round().byte().numpy()
    assert torch.equal(plain[0], torch.from_numpy(cut_plain(shown, affine, "face", 96)))
    small, portrait = run(
        nodes, "ReTalkCropFaces", images=frames, face_track=track, framing="portrait", size=128
    )
    assert small.shape == (12, 128, 128, 3)
    reframed, covered, mask = run(
        nodes, "ReTalkReframeFaces", faces=small, crops_from=portrait, crops_to=crops, base=faces
    )
    assert reframed.shape == (12, 384, 384, 3) and covered.shape == (12, 384, 384)
    assert torch.equal(mask, covered)
    assert (reframed - faces).abs().mean() < 0.02
    pasted, support = run(nodes, "ReTalkPasteBack", frames=frames, faces=1 - faces, face_crops=crops)
    assert torch.equal(pasted[support == 0], frames[support == 0])
    assert (pasted - frames).abs()[support == 1].mean() > 0.05
    with pytest.raises(InputError, match="faces holds 4 frames, but frames holds 12"):
        run(nodes, "ReTalkPasteBack", frames=frames, faces=faces[:4], face_crops=crops)


def test_a_mask_is_brought_along(nodes: Nodes, frames: Tensor, track: FaceTrack) -> None:
    faces, close = run(nodes, "ReTalkCropFaces", images=frames, face_track=track)
    _, wide = run(nodes, "ReTalkCropFaces", images=frames, face_track=track, framing="portrait")
    white = {"faces": faces, "crops_from": close, "crops_to": wide, "mask": torch.ones(1, 64, 64)}
    _, covered, mask = run(nodes, "ReTalkReframeFaces", **white, size=128)
    assert mask.shape == (12, 128, 128)
    torch.testing.assert_close(mask, covered)  # black where the closer crops don't reach
    assert 0.1 < mask.mean() < 0.9
    with pytest.raises(InputError, match="mask holds 5 frames, but faces holds 12"):
        run(nodes, "ReTalkReframeFaces", **{**white, "mask": torch.ones(5, 8, 8)})


def test_what_is_protected_stays(nodes: Nodes, frames: Tensor, track: FaceTrack) -> None:
    faces, crops = run(nodes, "ReTalkCropFaces", images=frames, face_track=track)
    protect = torch.zeros(1, 80, 80)
    protect[:, :, :40] = 1
    pasted, _ = run(
        nodes, "ReTalkPasteBack", frames=frames, faces=1 - faces, face_crops=crops, protect=protect
    )
    assert torch.equal(pasted[:, :, :78], frames[:, :, :78]) and not torch.equal(pasted, frames)


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("ReTalkDetectFaces", {"face": "prettiest"}),
        ("ReTalkEditTrack", {"action": "improve"}),
        ("ReTalkPasteBack", {"region": "left half"}),
        ("ReTalkFitLength", {"voice_longer": "faster"}),
        ("ReTalkDubOptions", {"speech_sounds": "some"}),
        ("ReTalkDubFrames", {"engine": "best", "fps": 25.0}),
        ("ReTalkDubFrames", {"preset": "best", "fps": 25.0}),
        ("ReTalkDubFrames", {"pauses": "none", "fps": 25.0}),
    ],
)
def test_choices_that_dont_exist_are_refused_in_words(
    nodes: Nodes, frames: Tensor, track: FaceTrack, name: str, inputs: dict[str, Any]
) -> None:
    faces, crops = run(nodes, "ReTalkCropFaces", images=frames, face_track=track)
    given = {"clip": frames, "images": frames, "frames": frames, "faces": faces, "face_crops": crops}
    given |= {"face_track": track, "voice": voice(0.2)}
    ids = {each.id for each in nodes[name].GET_SCHEMA().inputs}
    with pytest.raises(OptionError, match=repr(next(iter(inputs.values())))):
        run(nodes, name, **{key: value for key, value in given.items() if key in ids}, **inputs)


# Speech


def test_lengths_are_fitted_in_one_place(nodes: Nodes, frames: Tensor) -> None:
    images, sound, count, fps = run(nodes, "ReTalkFitLength", images=frames, voice=voice(0.8))
    assert len(images) == count == 20 and fps == 25
    assert torch.equal(images[12], frames[10])  # to and fro
    assert sound["waveform"].shape == (1, 1, 12_800)
    short = run(nodes, "ReTalkFitLength", images=frames, voice=voice(0.2), voice_shorter="end_with_voice")
    assert len(short[0]) == 5
    same = run(nodes, "ReTalkFitLength", images=frames, voice=voice(0.2))
    assert same[0] is frames and same[1]["waveform"].shape[2] == 3200
    cut = run(nodes, "ReTalkFitLength", images=frames, voice=voice(2.0), voice_longer="cut_voice")
    assert len(cut[0]) == 12 and cut[1]["waveform"].shape[2] == 7680
    slow = run(nodes, "ReTalkFitLength", images=frames, voice=voice(0.53), voice_longer="stretch")
    assert len(slow[0]) == 12 and slow[3] == pytest.approx(12 / 0.53)
    still = run(nodes, "ReTalkFitLength", images=frames[:1], voice=voice(0.4))
    assert len(still[0]) == 10


def test_each_frame_gets_its_window_of_speech(nodes: Nodes, track: FaceTrack) -> None:
    windows, spectrogram = run(nodes, "ReTalkAudioToMel", voice=voice(0.8))
    assert windows.windows.shape == (20, 1, 80, 16) and spectrogram.shape[0] == 1
    assert len(run(nodes, "ReTalkAudioToMel", voice=voice(0.8), frames=7)[0].windows) == 7
    assert run(nodes, "ReTalkAudioToMel", voice=voice(0.8), face_track=track)[0].times == track.times


# Blending


def test_any_two_pictures_blend(nodes: Nodes, frames: Tensor) -> None:
    mask = torch.zeros(1, 80, 80)
    mask[:, 20:60, 20:60] = 1
    blended, support = run(nodes, "ReTalkLaplacianBlend", base=frames[:3], layer=frames[:1] * 0, mask=mask)
    assert blended.shape == (3, 160, 160, 3) and support.shape == (3, 160, 160)
    assert torch.equal(blended[support == 0], frames[:3][support == 0])
    assert blended[:, 80, 80].max() < 0.05
    with pytest.raises(InputError, match="base is 160x160 and the layer 80x80"):
        run(nodes, "ReTalkLaplacianBlend", base=frames, layer=frames[:, ::2, ::2], mask=mask)


# Networks


def hosted(key: str, network: nn.Module) -> host_networks.HostedNetwork:
    cpu = torch.device("cpu")
    return host_networks.HostedNetwork(key, ModelPatcher(network, cpu, cpu), Path("file"), Found("ab" * 32))


class Answer(nn.Module):
    """Answers whatever it is given by a function; has one weight, so that it has a device."""

    def __init__(self, answer: Any, **more: object) -> None:  # noqa: ANN401
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.answer = answer
        for name, value in more.items():
            setattr(self, name, value)

    def forward(self, *given: Tensor) -> Any:  # noqa: ANN401
        return self.answer(*given)


@pytest.fixture
def faces(nodes: Nodes, frames: Tensor, track: FaceTrack) -> Iterator[tuple[Tensor, Any]]:
    yield run(nodes, "ReTalkCropFaces", images=frames, face_track=track)


def test_coefficients_are_read_and_expressions_neutralised(
    nodes: Nodes, frames: Tensor, track: FaceTrack
) -> None:
    portraits, crops = run(nodes, "ReTalkCropFaces", images=frames, face_track=track, framing="portrait")
    face3d = hosted("face3d", Answer(lambda x: x.mean(dim=(1, 2, 3))[:, None].expand(-1, 257)))
    (coefficients,) = run(
        nodes, "ReTalkFit3DMM", faces=portraits, face_crops=crops, face_track=track, face3d=face3d
    )
    assert len(coefficients) == 12 and coefficients.expression.std(dim=0).max() > 0
    (expression,) = run(nodes, "ReTalkExpression", template="own calm", edits="3:0.5")
    assert expression.template is None and expression.edits == {3: 0.5}
    seen: list[Tensor] = []

    def draw(picture: Tensor, window: Tensor) -> SimpleNamespace:
        seen.append(window)
        return SimpleNamespace(picture=picture)

    (neutral,) = run(
        nodes,
        "ReTalkNeutraliseExpression",
        faces=portraits,
        coefficients=coefficients,
        expression=expression,
        dnet=hosted("dnet", Answer(draw)),
    )
    torch.testing.assert_close(neutral, portraits, atol=1e-5, rtol=0)
    windows = torch.cat(seen)
    assert windows.shape == (12, 73, 26)
    assert float(windows[0, 3, 0] - windows[0, 2, 0]) == pytest.approx(0.5, abs=1e-5)
    with pytest.raises(InputError, match="faces holds 5 frames, but coefficients holds 12"):
        run(
            nodes,
            "ReTalkNeutraliseExpression",
            faces=portraits[:5],
            coefficients=coefficients,
            expression=expression,
            dnet=hosted("dnet", Answer(draw)),
        )


def test_expressions_that_cant_be_had_are_refused_in_words(nodes: Nodes) -> None:
    with pytest.raises(InputError.__mro__[1], match=r"expression\.mat"):
        run(nodes, "ReTalkExpression", template="smile")
    with pytest.raises(OptionError, match="Connect the coefficients"):
        run(nodes, "ReTalkExpression", template="from coefficients")
    for amount in ("nan", "inf", "-1e999"):
        with pytest.raises(OptionError, match=f"'3:{amount}' is no change: write number, colon, value"):
            run(nodes, "ReTalkExpression", template="own calm", edits=f"2:1, 3:{amount}")
    with pytest.raises(OptionError, match="'x' is no change"):
        run(nodes, "ReTalkExpression", edits="x")


def test_lips_are_synced_and_enhanced(nodes: Nodes, faces: tuple[Tensor, Any], track: FaceTrack) -> None:
    windows, _ = run(nodes, "ReTalkAudioToMel", voice=voice(0.5), face_track=track)
    lnet = hosted("lnet", Answer(lambda mel, pair: pair[:, 3:]))
    (synced,) = run(
        nodes, "ReTalkLipSync", faces=faces[0], reference=faces[0][:1], mel_windows=windows, lnet=lnet
    )
    assert synced.shape == (12, 96, 96, 3)
    enet = hosted("enet", Answer(lambda mouths, looks, noise, area: looks))
    (sharp,) = run(nodes, "ReTalkEnhanceIdentity", synced=synced, reference=faces[0], enet=enet)
    torch.testing.assert_close(sharp, faces[0], atol=1e-5, rtol=0)
    with pytest.raises(InputError, match="faces holds 5 frames, but mel windows holds 12"):
        run(nodes, "ReTalkLipSync", faces=faces[0][:5], reference=faces[0], mel_windows=windows, lnet=lnet)


def test_lips_are_synced_to_a_voice_as_each_network_hears_it(
    nodes: Nodes, faces: tuple[Tensor, Any], track: FaceTrack
) -> None:
    windows, _ = run(nodes, "ReTalkAudioToMel", voice=voice(0.5), face_track=track)
    lnet = hosted("lnet", Answer(lambda mel, pair: pair[:, 3:] * mel.mean(dim=(1, 2, 3), keepdim=True) / -8))
    given = {"faces": faces[0], "reference": faces[0], "face_track": track}
    (cut_before,) = run(nodes, "ReTalkLipSync", lnet=lnet, mel_windows=windows, **given)
    for loaded in (lnet, HostedLips("lnet", (lnet,))):  # by itself, and from Load Lip Sync Network
        (cut_here,) = run(nodes, "ReTalkLipSync", lnet=loaded, voice=voice(0.5), **given)
        assert torch.equal(cut_here, cut_before)
    heard: list[Tensor] = []
    lipgan = hosted("lipgan", Answer(lambda mel, pair: heard.append(mel) or pair[:, :3]))
    (drawn,) = run(nodes, "ReTalkLipSync", lnet=HostedLips("lipgan", (lipgan,)), voice=voice(0.5), **given)
    assert drawn.shape == (12, 96, 96, 3) and torch.cat(heard).shape == (12, 1, 80, 27)
    with pytest.raises(InputError, match="LipGAN hears speech in its own way: take that wire away"):
        run(nodes, "ReTalkLipSync", lnet=HostedLips("lipgan", (lipgan,)), mel_windows=windows, **given)
    with pytest.raises(InputError, match="Nothing says what is spoken: connect mel_windows, or the voice"):
        run(nodes, "ReTalkLipSync", lnet=lnet, **given)


def test_the_upper_face_is_edited_and_nothing_else(nodes: Nodes, faces: tuple[Tensor, Any]) -> None:
    network = Answer(
        lambda x, units: SimpleNamespace(colour=torch.ones_like(x), mask=torch.zeros_like(x[:, :1]))
    )
    (edited,) = run(
        nodes,
        "ReTalkEditUpperFace",
        faces=faces[0],
        ganimation=hosted("ganimation", network),
        emotion="angry",
    )
    assert torch.equal(edited[:, 192:], faces[0][:, 192:]) and (edited[:, 80] - faces[0][:, 80]).mean() > 0.1
    with pytest.raises(OptionError, match="Action unit 3 is not known"):
        run(
            nodes,
            "ReTalkEditUpperFace",
            faces=faces[0],
            ganimation=hosted("ganimation", network),
            emotion="action units",
            units="3:1",
        )


def test_faces_are_restored_under_a_mask(nodes: Nodes, faces: tuple[Tensor, Any]) -> None:
    restorer = hosted("gfpgan", Answer(lambda x, area: -x))
    (restored,) = run(nodes, "ReTalkRestoreFace", faces=faces[0], restorer=restorer)
    assert restored.shape == (12, 512, 512, 3)
    mask = torch.zeros(1, 64, 64)
    mask[:, 32:] = 1
    (lower,) = run(nodes, "ReTalkRestoreFace", faces=faces[0], restorer=restorer, mask=mask)
    assert torch.equal(lower[:, 300:], restored[:, 300:]) and not torch.equal(lower, restored)
    (none,) = run(nodes, "ReTalkRestoreFace", faces=faces[0], restorer=restorer, strength=0.0)
    torch.testing.assert_close(lower[:, :240], none[:, :240])


def test_a_part_of_the_face_is_marked(nodes: Nodes, faces: tuple[Tensor, Any]) -> None:
    def likelihoods(x: Tensor) -> Tensor:
        logits = torch.zeros(len(x), 4, 64, 64)
        logits[:, 0, :40] = logits[:, 1, 40:] = 9
        return logits

    parser = Answer(likelihoods, classes=("background", "mouth", "upper lip", "lower lip"), side=64)
    (mask,) = run(nodes, "ReTalkParseFace", faces=faces[0], parser=hosted("parser", parser))
    assert mask.shape == (12, 384, 384) and mask[:, :220].max() == 0 and mask[:, 260:].min() == 1


# Loaders


def test_loaders_say_what_to_do_without_a_file(nodes: Nodes) -> None:
    node = nodes["ReTalkLoadDNet"]
    assert node.GET_SCHEMA().inputs[0].options == ["auto"]
    for name in ("auto", "(no file found)", "DNet.pt"):
        assert "D-Net was not found" in node.validate_inputs(file=name)
        with pytest.raises(InputError, match="D-Net was not found"):
            node.execute(file=name)
    assert node.validate_inputs(file=None) is True
    with pytest.raises(InputError, match=r"gone\.pth is in none"):
        run(nodes, "ReTalkLoadModels", lnet="gone.pth")
    (networks,) = run(nodes, "ReTalkLoadModels")
    assert networks.file("lnet") is None


def test_loaders_say_what_is_wrong_with_a_refused_file(
    nodes: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = sys.modules["folder_paths"].folder_names_and_paths
    monkeypatch.setitem(folders, "retalk", ([str(tmp_path)], folders["retalk"][1]))
    (tmp_path / "LNet.pth").write_bytes(b"<html>")
    assert "LNet.pth is a web page" in nodes["ReTalkLoadLNet"].validate_inputs(file="(no file found)")
    with pytest.raises(CheckpointError, match="is a web page"):
        run(nodes, "ReTalkLoadModels", lnet="LNet.pth")
    (report,) = run(nodes, "ReTalkCheckModels")
    assert "UNUSABLE" in report and "is a web page" in report


def test_the_list_of_models_says_what_is_missing(nodes: Nodes) -> None:
    (report,) = run(nodes, "ReTalkCheckModels")
    assert "MISSING" in report and "models download --preset fast" in report
