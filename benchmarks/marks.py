"""What marks in picture and sound survive, what they cost, and how often one is found where none is.

python benchmarks/marks.py picture CLIP ... --voice VOICE [--faces 200 300] [--attacks crf18 half] [--numbers 2]
python benchmarks/marks.py sound SOUND ... [--attacks aac64 opus24] [--segments 4]
python benchmarks/marks.py false CLIP ... --voice VOICE [--keys 100]
python benchmarks/marks.py cost

`picture` dubs each clip with the embedded engine, brings it to faces of so many pixels from forehead to
chin, marks it, writes it with x264 at CRF 18, and attacks what was written. `false` looks for marks under
many keys in clips without one, cropped and encoded anew, and under wrong keys in marked ones; it prints the
largest score beside the threshold, which is worked out, not fitted.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import this_pack  # noqa: F401
from retalk_nodes.retalk_core.compute.provider import LocalNetworks
from retalk_nodes.retalk_core.crops.patch import Box, Patch, paste_patch
from retalk_nodes.retalk_core.dub.analysis import analyse
from retalk_nodes.retalk_core.dub.options import DubOptions
from retalk_nodes.retalk_core.dub.session import begin_session
from retalk_nodes.retalk_core.dub.stream import finished_frames, make_engine
from retalk_nodes.retalk_core.faces.mesh import face_height
from retalk_nodes.retalk_core.marks import picture as search
from retalk_nodes.retalk_core.marks.cells.payload import PICTURE_BITS, read_cells, threshold
from retalk_nodes.retalk_core.marks.cells.plane import face_plane
from retalk_nodes.retalk_core.marks.cells.spectrum import SOUND_BITS
from retalk_nodes.retalk_core.marks.found import PUBLIC_KEY
from retalk_nodes.retalk_core.marks.frame import read_frame
from retalk_nodes.retalk_core.marks.identity import id_prefix
from retalk_nodes.retalk_core.marks.lay import FaceMarker, FrameMarker
from retalk_nodes.retalk_core.marks.picture import find_picture_mark
from retalk_nodes.retalk_core.marks.sound import find_sound_mark
from retalk_nodes.retalk_core.marks.sound_lay import marked_sound
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.media.sound import read_mono

Frames = list[np.ndarray]
SOUND_RATE = 44_100


@dataclass(frozen=True, eq=False)
class Shown:
    """One dubbed frame, not marked."""

    pixels: np.ndarray
    patch: Patch | None
    mesh: np.ndarray
    seconds: float


def dubbed(clip: Path, voice: Path, seconds: float) -> list[Shown]:
    """A clip's first seconds, dubbed by the embedded engine."""
    options, shown = DubOptions(engine="embedded"), []
    with begin_session(open_clip(clip), voice, options, LocalNetworks()) as session:
        analysis = analyse(session)
        mesh, rows, times = analysis.tracked.track.mesh, analysis.plan.rows, analysis.timeline.times
        for each in finished_frames(session, analysis, make_engine(session, analysis)):
            if times[each.index] >= seconds:
                break
            here = mesh[int(rows[each.index])].numpy().copy()
            shown.append(Shown(each.after.copy(), each.patch, here, float(times[each.index])))
    return shown


def at_height(shown: Sequence[Shown], wanted: float) -> list[Shown]:
    """The same with faces of another height in pixels."""
    scale = wanted / float(np.median([face_height(each.mesh) for each in shown]))
    return [resized(each, scale) for each in shown]


def resized(shown: Shown, scale: float) -> Shown:
    """One frame at another size."""
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    pixels = cv2.resize(shown.pixels, None, None, scale, scale, way)
    if shown.patch is None:
        return Shown(pixels, None, shown.mesh * scale, shown.seconds)
    support = np.zeros(shown.pixels.shape[:2], np.uint8)
    support[shown.patch.box.slices] = shown.patch.support
    support = cv2.resize(support, pixels.shape[1::-1], interpolation=cv2.INTER_NEAREST) > 0
    rows, columns = np.flatnonzero(support.any(axis=1)), np.flatnonzero(support.any(axis=0))
    box = Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    patch = Patch(box, pixels[box.slices].copy(), support[box.slices])
    return Shown(pixels, patch, shown.mesh * scale, shown.seconds)


@dataclass(frozen=True)
class Laid:
    """Marked frames, and what it took."""

    frames: Frames
    psnr: float  # dB inside the support, or over whole frames
    outside: int  # pixels that changed outside of it
    seconds: float  # of one core, for each frame


def marked(shown: Sequence[Shown], number: int, where: str) -> Laid:
    """Lay a mark."""
    face, whole = FaceMarker(PUBLIC_KEY, number), FrameMarker(PUBLIC_KEY, number)
    frames, errors, outside, spent = [], [], 0, 0.0
    for each in shown:
        after, inside = each.pixels, np.ones(each.pixels.shape[:2], bool)
        begun = time.process_time()
        if where == "frame":
            after = whole.mark(each.pixels, each.seconds)
        elif each.patch is not None:
            patch = face.mark(each.patch, each.mesh, each.seconds)
        spent += time.process_time() - begun
        if where == "face" and each.patch is not None:
            after = each.pixels.copy()
            paste_patch(after, patch)
            inside = np.zeros_like(inside)
            inside[patch.box.slices] = patch.support
        error = (after.astype(float) - each.pixels) ** 2
        outside += int((error.max(axis=2) > 0)[~inside].sum())
        errors.append(error[inside].mean())
        frames.append(after)
    return Laid(frames, float(10 * np.log10(255**2 / np.mean(errors))), outside, spent / len(shown))


# Attacks on pictures: from frames and their times to those of another file


def coded(frames: Frames, quality: int, rate: float = 25, encoder: str = "libx264") -> Frames:
    """Encode frames and decode them again."""
    height, width = (side - side % 2 for side in frames[0].shape[:2])
    held = io.BytesIO()
    with av.open(held, "w", format="mp4") as container:
        stream: Any = container.add_stream(encoder, rate=round(rate), options={"crf": str(quality)})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in frames:
            even = np.ascontiguousarray(frame[:height, :width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(even, "rgb24")))
        container.mux(stream.encode(None))
    held.seek(0)
    with av.open(held) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def shrunk(frames: Frames, share: float) -> Frames:
    return [cv2.resize(frame, None, None, share, share, cv2.INTER_AREA) for frame in frames]


def cropped(frames: Frames, share: float) -> Frames:
    """Without so much of each side."""
    top, left = (round(side * share) for side in frames[0].shape[:2])
    return [frame[top : len(frame) - top, left : frame.shape[1] - left] for frame in frames]


def reframed(frames: Frames) -> Frames:
    """Upright 9:16 around the middle, on black."""
    height, width = frames[0].shape[:2]
    left = (width - round(height * 0.75)) // 2
    border = round(height * 0.15)
    return [
        cv2.copyMakeBorder(
            np.ascontiguousarray(frame[:, left : width - left]), border, border, 0, 0, cv2.BORDER_CONSTANT
        )
        for frame in frames
    ]


def at_30(frames: Frames) -> Frames:
    """25 frames a second as 30, by repeating some."""
    return [frames[int(index * 25 / 30)] for index in range(len(frames) * 30 // 25)]


ATTACKS: dict[str, Callable[[Frames], Frames]] = {
    "crf18": lambda frames: frames,
    "crf23": lambda frames: coded(frames, 23),
    "crf28": lambda frames: coded(frames, 28),
    "crf33": lambda frames: coded(frames, 33),
    "half": lambda frames: coded(shrunk(frames, 0.5), 23),
    "crop5": lambda frames: coded(cropped(frames, 0.05), 23),
    "crop10": lambda frames: coded(cropped(frames, 0.1), 23),
    "reframed": lambda frames: coded(reframed(frames), 23),
    "fps30": lambda frames: coded(at_30(frames), 23, 30),
    "twice": lambda frames: coded(coded(frames, 26), 26),
    "hevc28": lambda frames: coded(frames, 28, encoder="libx265"),
    "cut": lambda frames: coded(frames[20:], 23),
}


def times_after(attack: str, times: Sequence[float]) -> Sequence[float] | None:
    """When the attacked frames show; None: 30 a second."""
    return None if attack == "fps30" else times[20:] if attack == "cut" else times


def run_picture(args: argparse.Namespace) -> None:
    rng = np.random.default_rng(args.seed)
    results: dict[tuple[float, str], list[tuple[bool, bool, float]]] = {}
    for clip in args.clips:
        plain = dubbed(clip, args.voice, args.seconds)
        for height in args.faces:
            shown = at_height(plain, height)
            for _ in range(args.numbers):
                number = int(rng.integers(0, 1 << 63))
                laid = marked(shown, number, args.where)
                print(
                    f"{clip.stem}, face {height:g}: {laid.psnr:.1f} dB, {laid.outside} pixels outside, "
                    f"{laid.seconds:.4f} CPU s a frame",
                    flush=True,
                )
                written = coded(laid.frames, 18)
                for attack in args.attacks:
                    times = times_after(attack, [each.seconds for each in shown])
                    found = find_picture_mark(ATTACKS[attack](written), 30, times=times)
                    whole = found.id == id_prefix(number, PICTURE_BITS)
                    results.setdefault((height, attack), []).append((found.present, whole, found.score))
                    print(f"    {attack}: {found.score:.1f} of {found.threshold:.1f}, id {whole}", flush=True)
    print("| face | attack | trials | present | id whole | least score |", "| --- " * 6 + "|", sep="\n")
    for (height, attack), each in results.items():
        present, whole, score = zip(*each, strict=True)
        print(f"| {height:g} | {attack} | {len(each)} | {sum(present)} | {sum(whole)} | {min(score):.1f} |")


# Sound


def coded_sound(samples: np.ndarray, encoder: str, bits: int, rate: int = SOUND_RATE) -> np.ndarray:
    """Encode a sound and decode it again."""
    held = io.BytesIO()
    with av.open(held, "w", format="matroska") as container:
        stream: Any = container.add_stream(encoder, rate=rate)
        stream.bit_rate, stream.layout = bits, "mono"
        form = stream.codec_context.codec.audio_formats[0].name
        resampler = av.AudioResampler(format=form, layout="mono", rate=rate)
        frame = av.AudioFrame.from_ndarray(samples[None].astype(np.float32), "fltp", "mono")
        frame.sample_rate = rate
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    held.seek(0)
    back = av.AudioResampler(format="fltp", layout="mono", rate=rate)
    with av.open(held) as container:
        parts = [each.to_ndarray()[0] for frame in container.decode(audio=0) for each in back.resample(frame)]
    return np.concatenate(parts)


def resampled(samples: np.ndarray, rate: int) -> np.ndarray:
    import soxr

    return soxr.resample(samples, SOUND_RATE, rate)


def telephone(samples: np.ndarray) -> tuple[np.ndarray, int]:
    """8 kHz, 8 bit µ-law."""
    narrow = resampled(samples, 8000)
    steps = np.rint(np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / np.log(256) * 127)
    return (np.sign(steps) * np.expm1(np.abs(steps) / 127 * np.log(256)) / 255).astype(np.float32), 8000


def at_tempo(samples: np.ndarray, tempo: float) -> np.ndarray:
    import librosa

    return librosa.effects.time_stretch(samples, rate=tempo)


def with_noise(samples: np.ndarray) -> np.ndarray:
    """20 dB below the sound."""
    noise = np.random.default_rng(0).standard_normal(len(samples)) * np.sqrt((samples**2).mean()) / 10
    return (samples + noise).astype(np.float32)


SOUND_ATTACKS: dict[str, Callable[[np.ndarray], tuple[np.ndarray, int]]] = {
    "none": lambda samples: (samples, SOUND_RATE),
    "aac64": lambda samples: (coded_sound(samples, "aac", 64_000), SOUND_RATE),
    "mp3_64": lambda samples: (coded_sound(samples, "libmp3lame", 64_000), SOUND_RATE),
    "opus24": lambda samples: (coded_sound(resampled(samples, 48_000), "libopus", 24_000, 48_000), 48_000),
    "telephone": telephone,
    "tempo+3": lambda samples: (at_tempo(samples, 1.03), SOUND_RATE),
    "tempo-3": lambda samples: (at_tempo(samples, 0.97), SOUND_RATE),
    "cut": lambda samples: (coded_sound(samples[round(1.3 * SOUND_RATE) :], "aac", 64_000), SOUND_RATE),
    "noise20": lambda samples: (with_noise(samples), SOUND_RATE),
    "16k": lambda samples: (resampled(samples, 16_000), 16_000),
}


def spoken(
    sounds: Sequence[Path], seconds: float, count: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Stretches of the sounds one after the other, each from another place."""
    whole = np.concatenate([read_mono(path, SOUND_RATE) for path in sounds])
    whole = np.concatenate([whole, whole])
    for _ in range(count):
        begin = int(rng.integers(0, len(whole) // 2))
        yield whole[begin : begin + round(seconds * SOUND_RATE)]


def run_sound(args: argparse.Namespace) -> None:
    rng, results = np.random.default_rng(args.seed), dict[str, list[tuple[bool, bool, float]]]()
    for samples in spoken(args.sounds, args.seconds, args.segments, rng):
        number = int(rng.integers(0, 1 << 63))
        begun = time.process_time()
        laid = np.concatenate(
            list(marked_sound([samples[None]], SOUND_RATE, number, key=PUBLIC_KEY)), axis=1
        )[0]
        spent = time.process_time() - begun
        ratio = 10 * np.log10((samples**2).sum() / ((laid - samples) ** 2).sum())
        print(
            f"SNR {ratio:.1f} dB, {spent:.2f} CPU s for {len(samples) / SOUND_RATE:.1f} s{_stoi(samples, laid)}"
        )
        for attack in args.attacks:
            found = find_sound_mark(*SOUND_ATTACKS[attack](laid))
            whole = found.id == id_prefix(number, SOUND_BITS)
            results.setdefault(attack, []).append((found.present, whole, found.score))
            print(f"    {attack}: {found.score:.1f} of {found.threshold:.1f}, id {whole}", flush=True)
    print("| attack | trials | present | id whole | least score |", "| --- " * 5 + "|", sep="\n")
    for attack, each in results.items():
        present, whole, score = zip(*each, strict=True)
        print(f"| {attack} | {len(each)} | {sum(present)} | {sum(whole)} | {min(score):.1f} |")


def _stoi(clean: np.ndarray, laid: np.ndarray) -> str:
    """Intelligibility, where pystoi is installed."""
    try:
        from pystoi import stoi
    except ImportError:
        return ""
    return f", STOI {stoi(clean, laid, SOUND_RATE):.4f}"


# Where there is no mark


def run_false(args: argparse.Namespace) -> None:
    counts = {"unmarked": [0, 0], "wrong key": [0, 0]}
    largest = {"unmarked": 0.0, "wrong key": 0.0}
    for clip in args.clips:
        shown = at_height(dubbed(clip, args.voice, args.seconds), 250)
        laid = marked(shown, 0x0123_4567_89AB_CDEF, "face").frames
        for kind, frames in (("unmarked", [each.pixels for each in shown]), ("wrong key", laid)):
            for attack in args.attacks:
                for score in _scores(ATTACKS[attack](coded(frames, 18)), shown, attack, args.keys):
                    counts[kind][0] += 1
                    counts[kind][1] += score >= threshold(search.LOOKS)
                    largest[kind] = max(largest[kind], score)
            print(f"{clip.stem}, {kind}: {counts[kind]} of largest score {largest[kind]:.2f}", flush=True)
    needed = threshold(search.LOOKS)
    for kind, (trials, found) in counts.items():
        print(f"{kind}: {found} of {trials}, largest score {largest[kind]:.2f}, threshold {needed:.2f}")


def _scores(frames: Frames, shown: Sequence[Shown], attack: str, keys: int) -> Iterator[float]:
    """What is found under many keys: on the face and over the whole frame."""
    looked = search.look_through(frames, times_after(attack, [each.seconds for each in shown]) or [])
    for number in range(keys):
        key = f"another key {number}".encode()
        faces = [read_cells(each, face_plane(), key, search.LOOKS).score for each in looked.faces]
        yield max(*faces, read_frame(looked.frame, key, search.LOOKS, cropped=False).score)


def run_cost(args: argparse.Namespace) -> None:
    rng = np.random.default_rng(0)
    pixels = cv2.GaussianBlur(rng.integers(0, 255, (700, 700, 3), np.uint8), (0, 0), 3)
    mesh = face_mesh_at(350, 330, 160)
    support = np.ones((260, 300), bool)
    box = Box(200, 320, 500, 580)
    shown = [Shown(pixels, Patch(box, pixels[box.slices].copy(), support), mesh, i / 25) for i in range(100)]
    for where in ("face", "frame"):
        print(f"{where}: {marked(shown, 1 << 60, where).seconds:.4f} CPU s a frame at 700x700")


def face_mesh_at(x: float, y: float, eyes: float) -> np.ndarray:
    """The reference face, the middle of its eyes at a place, its eyes' corners so many pixels apart."""
    from retalk_nodes.retalk_core.faces.canonical import load_mouth_model

    return load_mouth_model().reference[:, :2] * eyes + (x, y)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    kinds = parser.add_subparsers(required=True)
    picture = kinds.add_parser("picture")
    picture.add_argument("clips", type=Path, nargs="+")
    picture.add_argument("--voice", type=Path, required=True)
    picture.add_argument("--faces", type=float, nargs="+", default=[200.0])
    picture.add_argument("--attacks", nargs="+", default=list(ATTACKS))
    picture.add_argument("--numbers", type=int, default=2)
    picture.add_argument("--seconds", type=float, default=5.0)
    picture.add_argument("--seed", type=int, default=0)
    picture.add_argument("--where", choices=("face", "frame"), default="face")
    picture.set_defaults(run=run_picture)
    sound = kinds.add_parser("sound")
    sound.add_argument("sounds", type=Path, nargs="+")
    sound.add_argument("--attacks", nargs="+", default=list(SOUND_ATTACKS))
    sound.add_argument("--segments", type=int, default=10)
    sound.add_argument("--seconds", type=float, default=10.0)
    sound.add_argument("--seed", type=int, default=0)
    sound.set_defaults(run=run_sound)
    false = kinds.add_parser("false")
    false.add_argument("clips", type=Path, nargs="+")
    false.add_argument("--voice", type=Path, required=True)
    false.add_argument(
        "--attacks", nargs="+", default=["crf18", "crf28", "half", "crop5", "crop10", "reframed"]
    )
    false.add_argument("--keys", type=int, default=120)
    false.add_argument("--seconds", type=float, default=5.0)
    false.set_defaults(run=run_false)
    cost = kinds.add_parser("cost")
    cost.set_defaults(run=run_cost)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
