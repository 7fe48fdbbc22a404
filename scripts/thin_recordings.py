"""Thin recordings of the original networks until they are small enough to keep beside the tests.

python scripts/thin_recordings.py FOLDER NETWORK ... -o tests/golden
python scripts/thin_recordings.py FOLDER metrics -o tests/golden

Pictures that the tests' recipe can draw again are left out; of a large result every n-th row and column
stays. Of what is recorded about metrics a choice is taken over.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

ROOT = Path(__file__).resolve().parents[1]
KEPT = 6000  # numbers of one tensor
METRICS = {  # what is taken from which recording
    "lse_face_3": (
        *("sound_16k", "mfcc", "planted_face", "planted_sound", "planted_mean_distance"),
        *("planted_lse_d", "planted_lse_c", "planted_av_offset"),
    ),
    "lse_crop": (
        *("recipe_seed", "detections", "track0_frames", "track0_boxes", "track1_frames", "track1_boxes"),
        "track1_crops",
    ),
    "cpbd": ("names", "values", "face_3_sigma0.7", "flat", "rising_bars", "falling_bars", "small", "noise"),
    "fid": (
        *("few_pictures_a", "few_pictures_b", "few_pictures_fid"),
        *("one_feature_a", "one_feature_b", "one_feature_fid"),
    ),
}
STEPS = (1, 2, 3, 5, 7, 11, 13, 17)  # all but one odd: they meet every phase of a network's own strides


def thin(source: Path, target: Path) -> None:
    """Write a smaller recording of the same run."""
    with safe_open(source, "numpy") as file:
        spec = json.loads(file.metadata()["spec"])
        stored = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118, no mapping
    for key, about in spec["tensors"].items():
        if about["role"] != "input":
            stored[key] = _stride(stored[key], about)
        elif _drawn_again(spec["seed"], key, stored[key]):
            about["drawn"] = list(stored.pop(key).shape)
    save_file(stored, target, {"spec": json.dumps(spec)})
    target.chmod(0o644)
    print(f"{target.name}: {source.stat().st_size / 1e3:.0f} kB to {target.stat().st_size / 1e3:.0f} kB")


def choose_of_metrics(folder: Path, target: Path) -> None:
    """Write what the tests of metrics need."""
    kept = {}
    for name, keys in METRICS.items():
        with np.load(folder / f"{name}.npz") as recording:
            kept |= {f"{name}/{key}": recording[key] for key in keys}
    np.savez_compressed(target, **kept)
    print(f"{target.name}: {target.stat().st_size / 1e3:.0f} kB")


def _drawn_again(seed: int, key: str, value: np.ndarray) -> bool:
    import recordings  # beside the tests

    return value.dtype == np.uint8 and np.array_equal(recordings.draw(seed, key, list(value.shape)), value)


def _stride(value: np.ndarray, about: dict[str, Any]) -> np.ndarray:
    """Keep every n-th of the last two axes, and note that down."""
    if value.ndim < 4 or value.size <= KEPT:
        return value
    step = next((n for n in STEPS if value[..., ::n, ::n].size <= KEPT), STEPS[-1])
    held = about.get("slice", [[0, 1]] * value.ndim)
    about["slice"] = [*held[:-2], *([start, old * step] for start, old in held[-2:])]
    return np.ascontiguousarray(value[..., ::step, ::step])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="holds NETWORK_seed0.safetensors")
    parser.add_argument("networks", nargs="+", metavar="network", help="dnet, face3d_recon, …")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "tests" / "golden")
    args = parser.parse_args()
    sys.path.append(str(ROOT / "tests" / "helpers"))
    for network in args.networks:
        if network == "metrics":
            choose_of_metrics(args.folder, args.output / "metrics.npz")
            continue
        name = f"{network}_seed0.safetensors"
        thin(args.folder / name, args.output / name)


if __name__ == "__main__":
    main()
