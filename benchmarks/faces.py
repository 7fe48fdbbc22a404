"""How long finding and following a face takes on this CPU, by threads and ways of running.

python benchmarks/faces.py [CLIP ...]

Clips are optional; without any, only the networks are timed.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from copy import deepcopy
from fractions import Fraction
from functools import partial

import cv2
import torch
from retalk_nodes.models.faces.blazeface import load_detector
from retalk_nodes.models.faces.facemesh import load_face_mesh
from retalk_nodes.retalk_core.faces.detect import load_face_networks
from retalk_nodes.retalk_core.faces.follow import track_faces
from retalk_nodes.retalk_core.types import Frame
from torch import Tensor, nn

RUNS = 40
FRAMES = 100  # of a clip


def milliseconds(run: Callable[[], object]) -> str:
    """The median and the least of several runs."""
    for _ in range(5):
        run()
    spent = []
    for _ in range(RUNS):
        start = time.perf_counter()
        run()
        spent.append(1e3 * (time.perf_counter() - start))
    return f"{statistics.median(spent):6.1f} ({min(spent):.1f})"


def time_network(name: str, network: nn.Module, side: int) -> None:
    """Print a row for each number of threads."""
    picture = torch.rand(1, 3, side, side).to(memory_format=torch.channels_last)
    for threads in sorted({1, 2, torch.get_num_threads()}):
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            row = [milliseconds(partial(run, picture)) for run in variants(network, picture)]
        finally:
            torch.set_num_threads(before)
        print(f"{name:<8} {threads:>7}  " + "  ".join(f"{cell:>14}" for cell in row))


def variants(network: nn.Module, picture: Tensor) -> list[Callable[[Tensor], object]]:
    """The network as it ships, with its channels first, and both of them traced and frozen."""
    first = deepcopy(network).to(memory_format=torch.contiguous_format)
    return [
        network,
        lambda x: first(x.contiguous()),
        torch.jit.freeze(torch.jit.trace(network, picture).eval()),
        torch.jit.freeze(torch.jit.trace(first, picture.contiguous()).eval()),
    ]


def time_clip(path: str) -> None:
    """Print the time that following a face takes for each frame, decoding apart."""
    video = cv2.VideoCapture(path)
    frames = []
    for i in range(FRAMES):
        read, picture = video.read()
        if not read:
            break
        frames.append(Frame(i, Fraction(i, 25), cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)))
    networks = load_face_networks()
    for height in (None, 1080):
        if height:
            frames = [Frame(f.index, f.time, letterbox(f.pixels, height)) for f in frames]
        start = time.perf_counter()
        tracked = track_faces(frames, networks)
        spent = 1e3 * (time.perf_counter() - start) / len(frames)
        size = "{1}x{0}".format(*frames[0].pixels.shape)
        print(f"{path} at {size}: {spent:.1f} ms a frame, face in {int(tracked.track.present.sum())} frames")


def letterbox(picture: cv2.typing.MatLike, height: int) -> cv2.typing.MatLike:
    """The picture scaled to a height, in the middle of a 16:9 frame."""
    scale = height / picture.shape[0]
    picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    side = (height * 16 // 9 - picture.shape[1]) // 2
    return cv2.copyMakeBorder(picture, 0, 0, side, side, cv2.BORDER_CONSTANT)


def main() -> None:
    """Time the networks, then the clips."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", nargs="*", help="videos that show a face")
    args = parser.parse_args()
    print("milliseconds for one picture: median (least)")
    columns = ("as it ships", "channels first", "traced", "both")
    print(f"{'network':<8} {'threads':>7}  " + "  ".join(f"{column:>14}" for column in columns))
    with torch.inference_mode():
        time_network("short", load_detector("short"), 128)
        time_network("full", load_detector("full"), 192)
        time_network("mesh", load_face_mesh(), 192)
    for path in args.clips:
        time_clip(path)


if __name__ == "__main__":
    main()
