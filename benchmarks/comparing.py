"""A whole comparison, killed on the way and started again.

python benchmarks/comparing.py --clips CLIP ... --voices VOICE ... -o FOLDER [--seconds 0.6]
                               [--models FOLDER] [--systems NAMES] [--kill-after 3] [OPTION ...]

Each clip speaks with each voice. Without `--models` the weights are the tests' deterministic ones, SyncNet's
and Inception's too: such figures say nothing about lips, only that all is made and judged. The comparison is
killed once so many videos are there, and started again; what was there must be the same files then, as strips
and videos must be when it is started once more. All other options go to `retalk eval compare`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from this_pack import ROOT

sys.path.append(str(ROOT / "tests" / "helpers"))
import recipe  # beside the tests
from retalk_nodes.retalk_core.comparing.pairs import ClipAndVoice, write_pairs

NETWORKS = (*recipe.PIPELINE, "wav2lip", "syncnet", "inception")
PATIENCE = 0.2  # seconds between two looks at what is there


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--clips", nargs="+", type=Path, required=True)
    words.add_argument("--voices", nargs="+", type=Path, required=True)
    words.add_argument("-o", "--output", type=Path, required=True)
    words.add_argument("--seconds", type=Fraction, default=Fraction("0.6"))
    words.add_argument("--models", type=Path)
    words.add_argument("--systems", default="")
    words.add_argument("--kill-after", type=int, default=3, metavar="N")
    args, more = words.parse_known_args()
    args.output.mkdir(parents=True, exist_ok=True)
    models = args.models or weights(args.output / "weights")
    table = args.output / "pairs.csv"
    pairs = [
        ClipAndVoice(clip, voice, seconds=args.seconds)
        for clip in args.clips
        for voice in args.voices
        if voice.resolve() != clip.resolve()
    ]
    write_pairs(table, pairs)
    results = args.output / "results"
    command = [
        *(sys.executable, str(ROOT), "eval", "compare", str(table), "-o", str(results)),
        *("--models", str(models), "--shown", "1", "-q"),
        *(("--systems", args.systems) if args.systems else ()),
        *more,
    ]
    kept = run_and_kill(command, results, args.kill_after)
    begun = time.perf_counter()
    subprocess.run(command, check=True)
    print(f"after {len(kept)} videos killed; the rest took {time.perf_counter() - begun:.0f} s")
    same = sum(path.is_file() and path.stat().st_mtime_ns == changed for path, changed in kept.items())
    print(f"{same} of {len(kept)} videos are the files that were there")
    there = {path: path.stat().st_mtime_ns for path in made(results)}
    begun = os.times().children_user
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    print(f"once more, with nothing to do: {os.times().children_user - begun:.0f} CPU s")
    same = sum(path.stat().st_mtime_ns == changed for path, changed in there.items())
    print(f"{same} of {len(there)} inputs, videos and pictures are the files that were there")
    for line in told(results / "comparison.json"):
        print(line)


def weights(folder: Path) -> Path:
    """Weights by the recipe, side by side."""
    if not folder.is_dir():
        folder.mkdir()
        recipe.recipe_folder(folder, NETWORKS)
    return folder


def run_and_kill(command: list[str], results: Path, count: int) -> dict[Path, int]:
    """Start, and kill once so many videos are noted; gives them with the times of their last change."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, stdout=quiet, stderr=quiet, env={**os.environ})
    while process.poll() is None and len(list(noted(results))) < count:
        time.sleep(PATIENCE)
    process.kill()
    process.wait()
    return {path: path.stat().st_mtime_ns for path in noted(results)}


def noted(results: Path) -> Iterator[Path]:
    """The videos that are finished."""
    for note in (results / "notes" / "made").rglob("*.json"):
        path = results / "videos" / note.relative_to(results / "notes" / "made").with_suffix(".mkv")
        if path.is_file():
            yield path


def made(results: Path) -> Iterator[Path]:
    """All that was cut, dubbed and drawn."""
    for folder in ("inputs", "videos", "pictures"):
        yield from (path for path in (results / folder).rglob("*.*") if path.is_file())


def told(path: Path) -> Iterator[str]:
    """Seconds that each system's videos took, and what is there."""
    found = json.loads(path.read_text("utf-8"))
    for system in found["systems"]:
        made = [case["entries"].get(system["name"]) for case in found["cases"]]
        spent = [each["seconds"] for each in made if each is not None]
        if spent:
            yield f"{system['name']:<16} {len(spent)} videos, {sum(spent):.0f} s"
    yield f"{len(found['failures'])} failures"
    yield from (each["file"] for each in found["exhibits"])


if __name__ == "__main__":
    main()
