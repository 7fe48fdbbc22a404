"""The steps around the networks, against recordings of the original program.

Where the project does the same, its own function is compared; where it does better, `original` does as the
original did. Pictures are compared exactly, but for those that a matrix moved: it was fitted in float32, and
a place rounded to the next 32nd of a pixel shows at hard edges.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction

import cv2
import numpy as np
import original
import pytest
import torch
from retalk_nodes.retalk_core.crops.cut import cut_crop
from retalk_nodes.retalk_core.media.sound import SoundArray, read_mono
from retalk_nodes.retalk_core.stages import speech
from retalk_nodes.retalk_core.stages.lips.lnet import pair_faces
from retalk_nodes.retalk_core.stages.speech import log_mel, mel_windows

Recorded = Mapping[str, np.ndarray]
Recording = Callable[[str], Recorded]
CLOSE = 1e-4  # of numbers that float32 arithmetic made
MOVED_MOST, MOVED_MEAN = 5, 1e-3  # levels of 255
RATES = {"22_13": 22.131}  # frames a second, of those that a recording's name cuts short


def numbered(recorded: Recorded, pattern: str) -> dict[str, np.ndarray]:
    """What a pattern's group finds in names, and the arrays of those names; at least one."""
    found = {match[1]: recorded[name] for name in recorded if (match := re.fullmatch(pattern, name))}
    assert found, f"nothing is called {pattern}"
    return found


def assert_moved_alike(picture: np.ndarray, expected: np.ndarray) -> None:
    assert picture.shape == expected.shape and picture.dtype == expected.dtype
    off = np.abs(picture.astype(int) - expected)
    assert off.max() <= MOVED_MOST and off.mean() <= MOVED_MEAN


# The sound


def test_every_step_to_the_spectrogram_repeats_the_recorded_one(recording: Recording) -> None:
    recorded = recording("audio_mel")
    head = recorded["preemphasis_head"]
    emphasised = speech._emphasised(torch.from_numpy(recorded["wav_16k"]), 0, len(head))
    np.testing.assert_allclose(emphasised, head, atol=1e-6, rtol=0)
    levels = speech._levels(speech.mel_basis(55.0, 800) @ torch.from_numpy(recorded["stft_abs"]))
    np.testing.assert_allclose(levels, recorded["mel"], atol=1e-5, rtol=0)
    silence = log_mel(torch.zeros(speech.SAMPLE_RATE))
    np.testing.assert_array_equal(silence, recorded["mel_of_silence_16000"])


def test_a_native_sound_gives_the_recorded_spectrogram_but_for_the_resampler(recording: Recording) -> None:
    recorded = recording("audio_mel")
    native = SoundArray(recorded["wav_native_int16"].T / 2**15, int(recorded["sr_native"]))
    off = np.abs(log_mel(torch.from_numpy(read_mono(native, speech.SAMPLE_RATE))).numpy() - recorded["mel"])
    assert off.mean() <= 0.008 and off.max() <= 0.9  # the single cells lie in high bands near silence


def test_windows_start_at_the_recorded_columns(recording: Recording) -> None:
    columns = recording("audio_mel")["mel"].shape[1]
    for name, starts in numbered(recording("audio_chunks"), r"starts_(\d+_\d+)").items():
        rate = RATES.get(name, float(name.replace("_", ".")))
        assert original.window_starts(columns, rate) == starts.tolist()


def test_windows_hold_what_the_recorded_ones_do(recording: Recording) -> None:
    recorded, voice = recording("audio_chunks"), torch.from_numpy(recording("audio_mel")["wav_16k"])
    for name, chunks in numbered(recorded, r"chunks_(\d+_\d+)").items():
        windows = log_mel(voice).unfold(1, speech.WINDOW, 1)[:, recorded[f"starts_{name}"]].movedim(1, 0)
        np.testing.assert_allclose(windows, chunks, atol=CLOSE, rtol=0)


# Squares around faces


def test_squares_lie_where_the_recorded_ones_do(recording: Recording) -> None:
    recorded = recording("stit")
    landmarks = recorded["long_lms"]
    squares = {
        "long_quads": original.oriented_quads(landmarks),
        "long_quads_center_sigma1_xy_sigma3": original.oriented_quads(
            landmarks, centre_sigma=1, axis_sigma=3
        ),
        "long_quads_scale1_3": original.oriented_quads(landmarks, scale=1.3),
        "quads": original.oriented_quads(recorded["lms"]),
    }
    for name, quads in squares.items():
        np.testing.assert_allclose(quads, recorded[name], atol=3e-5, rtol=0, err_msg=name)


def test_squares_are_cut_out_as_recorded(recording: Recording) -> None:
    recorded = recording("stit")
    for frame, quad, crop in zip(recorded["frames"], recorded["quads"], recorded["crops"], strict=True):
        np.testing.assert_array_equal(original.cut_quad(frame, quad), crop)


def test_squares_are_pasted_as_recorded(recording: Recording) -> None:
    recorded = recording("stit")
    perspectives = [original.perspective_to_square(quad) for quad in recorded["quads"]]
    np.testing.assert_allclose(perspectives, recorded["coeffs"], atol=1e-9, rtol=0)
    for index, expected in numbered(recorded, r"pasted_rgba_(\d+)").items():
        crop, quad = recorded["crops"][int(index)], recorded["quads"][int(index)]
        np.testing.assert_array_equal(original.paste_quad(recorded["background"], crop, quad), expected)


def test_a_clips_box_is_the_recorded_one_with_its_mistakes(recording: Recording) -> None:
    recorded = recording("ffhq_crop")
    for index, expected in numbered(recorded, r"box_oy1_oy2_ox1_ox2_(\d+)").items():
        width, height = recorded[f"frame_wh_{index}"].tolist()
        box, bordered, bounds = original.ffhq_box(recorded[f"lm_{index}"], width, height)
        assert list(box) == expected.tolist()
        assert list(bordered) == recorded[f"crop_{index}"].tolist()
        np.testing.assert_allclose(bounds, recorded[f"quad_{index}"], atol=3e-5, rtol=0)


# Face boxes, and what L-Net is given


def test_boxes_are_smoothed_as_recorded_however_few_there_are(recording: Recording) -> None:
    recorded = recording("face_boxes")
    for count, boxes in numbered(recorded, r"raw_(\d+)").items():
        expected = recorded[f"smooth_T5_{count}"]
        np.testing.assert_array_equal(original.smoothed_boxes(boxes), expected, err_msg=count)


@pytest.mark.parametrize(("smooth", "name"), [(True, "coords_y1y2x1x2"), (False, "coords_y1y2x1x2_nosmooth")])
def test_boxes_are_padded_and_clamped_as_recorded(recording: Recording, smooth: bool, name: str) -> None:
    recorded = recording("face_boxes")
    height, width = recorded["frame_hw"].tolist()
    found, pads = recorded["rects_x1y1x2y2"], recorded["pads_tblr"].tolist()
    boxes = original.face_boxes(found, (height, width), pads, smooth)
    np.testing.assert_array_equal(boxes, recorded[name])


@pytest.fixture(scope="module")
def lips(recording: Recording) -> Recorded:
    """The recording of L-Net's input, with the boxes and the stabilised frames that belong to it."""
    recorded = dict(recording("lnet_batch"))
    frames = recorded["full_frames_bgr"]
    boxes = original.face_boxes(recorded["rects_x1y1x2y2"], frames.shape[1:3], smooth=False)
    box = recorded["cox_oy1_oy2_ox1_ox2"].tolist()
    portraits = zip(frames, recorded["stabilised_bgr_256"], recorded["lms_256"], strict=True)
    stabilised = [original.stabilised_frame(*portrait, box) for portrait in portraits]
    return recorded | {"boxes": boxes, "stabilised": np.stack(stabilised)}


def test_lnet_is_given_what_was_recorded(lips: Recorded, recording: Recording) -> None:
    sizes = lips["sizes"].tolist()
    assert lips["img_size"] == original.FACE
    times = [Fraction(index, 25) for index in range(sum(sizes))]
    voice = torch.from_numpy(recording("audio_mel")["wav_16k"])
    windows = mel_windows(voice, times).windows[:, 0].numpy()
    batches = list(
        original.lip_batches(
            lips["full_frames_bgr"], lips["stabilised"], lips["boxes"], windows, batch_size=sizes[0]
        )
    )

    assert [len(batch.pairs) for batch in batches] == sizes and len(batches) == lips["n_batches"]
    for i in range(2):
        assert batches[i].frames == lips["wrap_frame_ids"][i].tolist()
        np.testing.assert_array_equal(batches[i].boxes, lips[f"coords{i}"])
    np.testing.assert_allclose(batches[0].windows, lips["mel_batch0"], atol=CLOSE, rtol=0)
    whole, thinned = batches[0].pairs[:1], batches[0].pairs[1:2, ::2, ::2]
    np.testing.assert_allclose(whole, lips["batch0_times255"], atol=CLOSE, rtol=0)
    np.testing.assert_allclose(thinned, lips["batch0_frame1_times255_stride2"], atol=CLOSE, rtol=0)


def test_the_projects_own_crops_are_what_was_recorded(lips: Recorded) -> None:
    """It samples in float, once: a level from OpenCV's rounding, but where the box's edge is repeated."""
    top, bottom, left, right = lips["boxes"][0].tolist()
    across, down = 1 / (right - left), 1 / (bottom - top)
    affine = np.array([[across, 0, -left * across], [0, down, -top * down]])
    faces, references = (
        torch.from_numpy(cut_crop(lips[name][0][..., ::-1], affine, original.FACE))[None]
        for name in ("full_frames_bgr", "stabilised")
    )
    pairs = pair_faces(faces, references).movedim(1, -1).numpy() * 255
    off = np.abs(pairs - lips["batch0_times255"])[:, 3:-3, 3:-3]
    assert off.max() <= 1 and off.mean() <= 0.3


def test_faces_of_any_size_are_brought_to_what_was_recorded(lips: Recorded) -> None:
    """The project resizes in float: a level from OpenCV's rounding, and its weights of 11 bits."""
    faces, references = (
        torch.from_numpy(original.part(lips[name][0], lips["boxes"][0])[None, ..., ::-1] / np.float32(255))
        for name in ("full_frames_bgr", "stabilised")
    )
    pairs = pair_faces(faces, references).movedim(1, -1).numpy() * 255
    np.testing.assert_allclose(pairs, lips["batch0_times255"], atol=1, rtol=0)


# Blends


def test_pyramids_blend_as_recorded(recording: Recording) -> None:
    recorded = recording("laplacian")
    names = numbered(recorded, r"(out\d+_\d+.*)")
    for name, expected in names.items():
        match = re.fullmatch(r"out(\d+)_(\d+)(_float_inputs)?(_uint8)?(?:_stride(\d+))?", name)
        assert match, name
        levels, side, floats, whole, stride = match.groups()
        pictures = [recorded[f"{each}_{side}"] for each in "ab"]
        if floats:
            pictures = [picture.astype(np.float32) for picture in pictures]
        blended = original.laplacian_blend(*pictures, recorded[f"m_{side}"], int(levels))
        if whole:
            blended = blended.clip(0, 255).astype(np.uint8)
        blended = blended[:: int(stride or 1), :: int(stride or 1)]
        np.testing.assert_allclose(blended, expected, atol=1 if whole else CLOSE, rtol=0, err_msg=name)


@pytest.fixture(scope="module")
def enhanced(recording: Recording) -> Recorded:
    recorded = dict(recording("enhancer_pass"))
    parsed = np.unpackbits(recorded["parse_mask_ellipse"]).reshape(512, 512).astype(bool)
    return recorded | {"parsed": parsed}


def found_face(recorded: Recorded, height: int, width: int) -> original.FoundFace:
    return original.FoundFace(recorded["five"], (height, width), recorded["parsed"])


def negative(face: np.ndarray) -> np.ndarray:
    """The network of the recordings."""
    return 255 - face


def test_faces_are_aligned_for_gpen_as_recorded(enhanced: Recorded) -> None:
    back = original.from_aligned(enhanced["five"])
    np.testing.assert_allclose(back, enhanced["tfm_inv"], atol=CLOSE, rtol=0)
    aligned = original.aligned_face(enhanced["frame"], enhanced["five"])
    assert_moved_alike(aligned[::2, ::2], enhanced["warped_512_stride2"])


def test_a_parsed_face_becomes_the_recorded_mask(enhanced: Recorded) -> None:
    mask = original.soft_mask(original.sharp_mask(enhanced["parsed"]))[::2, ::2]
    np.testing.assert_allclose(mask, enhanced["mask_postprocess_stride2"], atol=3e-5, rtol=0)


def test_enhanced_faces_are_put_back_as_recorded(enhanced: Recorded) -> None:
    top, bottom, left, right = enhanced["box_y1y2x1x2"].tolist()
    face = found_face(enhanced, bottom - top, right - left)
    result = original.enhancer_pass(enhanced["frame"], enhanced["orig"], [face], negative)
    assert_moved_alike(result, enhanced["out_enhance_noblend"])


def test_small_faces_are_put_back_as_recorded(enhanced: Recorded) -> None:
    left, top, right, bottom = enhanced["small_face_box"].tolist()
    face = found_face(enhanced, bottom - top, right - left)
    result = original.enhancer_pass(enhanced["frame"], enhanced["orig"], [face], negative)
    assert_moved_alike(result, enhanced["out_enhance_small_face"])


def test_the_last_blend_is_the_recorded_one(enhanced: Recorded) -> None:
    box = top, bottom, left, right = enhanced["box_y1y2x1x2"].tolist()
    face = found_face(enhanced, bottom - top, right - left)
    result = original.enhancer_pass(enhanced["frame"], enhanced["orig"], [face], None, box)
    assert_moved_alike(result, enhanced["out_final_blend"])


def test_facexlib_aligns_and_pastes_as_recorded(recording: Recording) -> None:
    recorded = recording("facexlib_paste")
    affine = original.facexlib_affine(recorded["five"])
    np.testing.assert_allclose(affine, recorded["affine"], atol=CLOSE, rtol=0)
    np.testing.assert_allclose(
        cv2.invertAffineTransform(affine), recorded["inverse_affine"], atol=CLOSE, rtol=0
    )
    crop = original.facexlib_crop(recorded["frame"], affine)
    assert_moved_alike(crop[::2, ::2], recorded["cropped_stride2"])
    pasted = original.facexlib_paste(recorded["frame"], negative(crop), affine)
    assert_moved_alike(pasted, recorded["pasted"])
