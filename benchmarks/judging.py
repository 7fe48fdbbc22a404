"""What judging finds of known faults: `python benchmarks/judging.py CLIP ... [--recordings FOLDER]`.

shifts      the clip's own sound is moved against its pictures by -5 to 5 frames of 25 a second
blurs       its pictures are blurred, and held against the clip itself
recordings  figures of the originals' own functions, and how far ours are from them; the folder holds
            lse_face_3.npz, lse_crop.npz, cpbd.npz and fid.npz
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
import this_pack
import torch
from retalk_nodes.models.catalog import catalog
from retalk_nodes.models.checkpoint import load_network
from retalk_nodes.retalk_core.compute.provider import LocalNetworks
from retalk_nodes.retalk_core.faces.detect import load_face_networks
from retalk_nodes.retalk_core.faces.follow import track_faces
from retalk_nodes.retalk_core.judging.judge import judge
from retalk_nodes.retalk_core.judging.question import Question, plain_metrics
from retalk_nodes.retalk_core.judging.references import loudness_at, opening_of
from retalk_nodes.retalk_core.judging.sync import Shifted, SyncWatch
from retalk_nodes.retalk_core.media.clip import Clip, part_of
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.media.sound import read_mono
from retalk_nodes.retalk_core.media.writer import VideoWriter
from retalk_nodes.retalk_core.metrics import lse, sync_crops
from retalk_nodes.retalk_core.metrics.pictures.cpbd import blur_detection
from retalk_nodes.retalk_core.metrics.pictures.frechet import frechet_distance
from retalk_nodes.retalk_core.metrics.registry import measure
from retalk_nodes.retalk_core.stages.speech import SAMPLE_RATE
from retalk_nodes.retalk_core.times import exact_tick

SHIFTS = range(-5, 6)  # frames at 25 a second
SIGMAS = (0.5, 1.0, 2.0, 4.0)  # pixels
SHOWN = (
    *("cpbd", "niqe", "lip_sharpness", "ssim_outside", "loss_outside"),
    *("lower_face_l1", "lower_face_ssim", "mouth_distance"),
)


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("clips", nargs="*", type=Path)
    words.add_argument("--seconds", type=Fraction, default=Fraction(4))
    words.add_argument("--recordings", type=Path)
    args = words.parse_args()
    for path in args.clips:
        print(f"## {path.name}", flush=True)
        for line in chain(shift_lines(path), blur_lines(path, args.seconds)):
            print(line, flush=True)
    if args.recordings:
        for line in recording_lines(args.recordings):
            print(line, flush=True)


# Known faults


def shift_lines(path: Path) -> Iterator[str]:
    """Lag and agreement for each shift of the sound."""
    clip = open_clip(path)
    track = track_faces(clip.frames(), load_face_networks(), frame_count=len(clip)).track
    voice, opening = read_mono(path, SAMPLE_RATE), opening_of(track)
    yield "| shift | lag_frames | opening_loudness |"
    yield "| --- | --- | --- |"
    for shift in SHIFTS:
        moved = Shifted(voice, shift * lse.SAMPLES_PER_FRAME)
        found = measure({"opening": opening, "loudness": loudness_at(moved, clip)})
        yield f"| {shift:+d} | {found['lag_frames']} | {found['opening_loudness']:.3f} |"


def blur_lines(path: Path, seconds: Fraction) -> Iterator[str]:
    """Figures of the clip itself and of blurred copies."""
    clip = part_of(open_clip(path), Fraction(0), seconds)
    yield f"| sigma | {' | '.join(SHOWN)} |"
    yield "| --- " * (len(SHOWN) + 1) + "|"
    with tempfile.TemporaryDirectory() as folder:
        for sigma in (0.0, *SIGMAS):
            result = clip if sigma == 0 else _blurred(clip, sigma, Path(folder) / f"{sigma}.mkv")
            names = tuple(name for name in plain_metrics() if name in SHOWN)
            question = Question(result=result, source=clip, truth=True, names=names)
            values = judge(question, LocalNetworks()).values
            told = [f"{values[name]:.4f}" if name in values else "–" for name in SHOWN]
            yield f"| {sigma:g} | {' | '.join(told)} |"


def _blurred(clip: Clip, sigma: float, path: Path) -> Clip:
    """A lossless copy with soft pictures."""
    durations = [b - a for a, b in zip(clip.times, (*clip.times[1:], clip.end), strict=True)]
    with VideoWriter(
        path, clip.size, rate=clip.rate, tick=exact_tick(clip.times, clip.end), codec="ffv1"
    ) as writer:
        for frame, duration in zip(clip.frames(), durations, strict=True):
            writer.write(cv2.GaussianBlur(frame.pixels, (0, 0), sigma), frame.time, duration)
    return replace(open_clip(path), has_sound=False)


# Recordings


def recording_lines(folder: Path) -> Iterator[str]:
    """How far our figures are from those that the originals gave."""
    sys.path.append(str(this_pack.ROOT / "tests" / "helpers"))
    yield "| recording | furthest off |"
    yield "| --- | --- |"
    for name, off in (
        *_of_cpbd(_loaded(folder, "cpbd")),
        *_of_fid(_loaded(folder, "fid")),
        *_of_crops(_loaded(folder, "lse_crop")),
        *_of_lse(_loaded(folder, "lse_face_3")),
    ):
        yield f"| {name} | {off:.1e} |"


def _loaded(folder: Path, name: str) -> dict[str, np.ndarray]:
    with np.load(folder / f"{name}.npz") as stored:
        return dict(stored)


def _of_cpbd(recorded: dict[str, np.ndarray]) -> Iterator[tuple[str, float]]:
    named = dict(zip(map(str, recorded["names"]), recorded["values"], strict=True))
    pictures = {name: value for name, value in named.items() if name in recorded}
    off = max(abs(blur_detection(recorded[name]) - value) for name, value in pictures.items())
    yield f"CPBD of {len(pictures)} of {len(named)} pictures", float(off)


def _of_fid(recorded: dict[str, np.ndarray]) -> Iterator[tuple[str, float]]:
    for case in sorted(name.removesuffix("_fid") for name in recorded if name.endswith("_fid")):
        given = frechet_distance(recorded[f"{case}_a"], recorded[f"{case}_b"])
        yield f"FID, {case}", abs(given - float(recorded[f"{case}_fid"]))


def _of_crops(recorded: dict[str, np.ndarray]) -> Iterator[tuple[str, float]]:
    import recipe

    found = recorded["detections"]
    trails = sync_crops.link_boxes(found[:, 0].astype(int), found[:, 1:], fewest=30, smallest=20)
    seed = int(recorded["recipe_seed"])
    for number, trail in enumerate(trails):
        yield f"boxes of face {number}", float(np.abs(trail.boxes - recorded[f"track{number}_boxes"]).max())
        pictures = (
            recipe.image_u8(seed, f"crop/{frame}", (1, 3, 120, 200))[0].transpose(1, 2, 0)
            for frame in trail.frames
        )
        crops = np.stack(list(sync_crops.face_crops(pictures, trail.boxes, original=True))[::13])
        off = np.abs(crops[:, ::2, ::2].astype(int) - recorded[f"track{number}_crops"]).max()
        yield f"crops of face {number}, levels of 255", float(off)


def _of_lse(recorded: dict[str, np.ndarray]) -> Iterator[tuple[str, float]]:
    import recipe

    sound = recorded["sound_16k"]
    cepstra = lse.mel_cepstra(sound)
    yield "cepstra", float(np.abs(cepstra - recorded["mfcc"]).max())
    with tempfile.TemporaryDirectory() as folder:
        path = recipe.recipe_weights("syncnet", int(recorded["recipe_seed"]), Path(folder))
        network = load_network(catalog["syncnet"], path)
    watch = SyncWatch(network, len(recorded["frames_bgr"]), sound / 32768.0)  # type: ignore[arg-type]
    with torch.inference_mode():
        for frame in recorded["frames_bgr"]:
            watch.see(sync_crops.whole_frame(np.ascontiguousarray(frame[..., ::-1])))
        (distances,) = watch.mean_distances()
    assert distances is not None
    yield "mean distances, relative", _relative(distances, recorded["mean_distance"])
    score = measure({"sync_distances": distances})
    for name, key in (("lse_d", "lse_d"), ("lse_c", "lse_c"), ("sync_offset", "av_offset")):
        yield f"{name}, relative", _relative(np.float64(score[name]), recorded[key])
    planted = lse.shift_distances(recorded["planted_face"], recorded["planted_sound"]).mean(axis=0)
    yield "planted shift: frames", abs(lse.sync_offset(planted) - int(recorded["planted_av_offset"]))


def _relative(given: np.ndarray, expected: np.ndarray) -> float:
    scale = max(float(np.abs(expected).max()), 1e-12)
    return float(np.abs(np.asarray(given) - expected).max()) / scale


if __name__ == "__main__":
    main()
