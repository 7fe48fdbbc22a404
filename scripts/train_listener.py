"""Train the viseme listener and store it as models/weights/listener.safetensors.

    python scripts/train_listener.py FOLDER [--steps N] [--only-speak]

Synthesisers speak for three hours first; what they say and do is kept in FOLDER, some 300 MB, and is
taken from there the next time. Needs what listener_speakers.py names; OPEN_JTALK_VOICE names a Japanese
voice, such as mei_normal.htsvoice of the package pyopenjtalk. Everything is drawn from one seed, so the
same machine gives the same weights. docs/measured.md says how long it takes and how well it hears.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soxr
import torch
import torch.nn.functional as F
from listener_lips import KINDS, Truth, truth
from listener_sounds import SAMPLE_RATE, breathe, spoil
from listener_speakers import Speech, espeak, festival, flite, open_jtalk
from listener_texts import LETTERS, draw_sentence
from retalk_nodes.models.checkpoint import WEIGHTS, load_weights
from retalk_nodes.models.voices.listener import BANDS, CHANNELS, REACH, Listener
from retalk_nodes.retalk_core.visemes.bands import band_levels, normalise, sum_up
from safetensors.torch import save_file
from torch import Tensor, nn

SEED = 7
# Of espeak-ng's; m7, m8, f5 and klatt4 are kept back for tests
# fmt: off
VARIANTS = (
    "",
    "m1", "m2", "m3", "m4", "m5", "m6", "f1", "f2", "f3", "f4", "klatt", "klatt2", "klatt3", "klatt5",
    "Alex", "Alicia", "Andrea", "Andy", "Annie", "Denis", "Diogo", "Gene", "Hugo", "Lee", "Marco",
    "Michael", "Mike", "adam", "anika", "aunty", "belinda", "benjamin", "boris", "caleb", "david", "ed",
    "edward", "grandma", "grandpa", "iven", "john", "linda", "max", "michel", "norbert", "pablo",
    "paul", "rob", "robert", "sandro", "shelby", "steph", "travis", "victor", "whisper", "zac",
)
# fmt: on
RECORDINGS = {"espeak": 360, "flite": 120, "festival": 60, "open_jtalk": 20}
SPOILT = {"espeak": 2, "flite": 3, "festival": 3, "open_jtalk": 3}  # versions of each recording
PART = 10  # recordings that a process makes before it hands them over
WORKERS = 2
ONWARDS = 1_000_000  # the number of the first batch for weights that go on
AHEAD = 6  # batches that are drawn before they are learnt from
BATCH, CROP = 24, 200  # crops of so many steps
ANSWER_WEIGHTS = (3.0, 2.0, 1.0, 1.0, 0.5, 1.5)  # in the loss, by answer
KIND_WEIGHT = 0.6


class Recording(NamedTuple):
    """What the listener learns from."""

    levels: np.ndarray  # (N, BANDS) float16
    truth: Truth


def tasks() -> list[tuple[str, int]]:
    """All that is to be spoken, in parts that one process does: who speaks, and from which number on."""
    steps = {"espeak": PART, "flite": PART, "festival": RECORDINGS["festival"] // 2, "open_jtalk": PART}
    return [(who, first) for who, count in RECORDINGS.items() for first in range(0, count, steps[who])]


def speeches(who: str, first: int) -> Iterator[Speech]:
    """A part of what is spoken, drawn from seeds by its number."""
    if who == "festival":
        rng = np.random.default_rng((SEED, 2, first))
        count = RECORDINGS["festival"] // 2
        said = festival([_english(rng) for _ in range(3 * count)], "kal_diphone" if first else "ked_diphone")
        yield from (_joined(said[index : index + 3]) for index in range(0, 3 * count, 3))
        return
    for index in range(first, min(first + PART, RECORDINGS[who])):
        rng = np.random.default_rng((SEED, 1, len(who), index))
        if who == "espeak":
            yield _espeak_speech(rng, index)
        elif who == "flite":
            settings = ("kal16", "awb", "rms")[index % 3], rng.uniform(0.75, 1.35), rng.uniform(80, 190)
            yield _joined([flite(_english(rng), *settings) for _ in range(3)])
        else:
            text = " ".join(draw_sentence(rng, "ja").replace(" ", "").replace(".", "。") for _ in range(3))
            voice = os.environ["OPEN_JTALK_VOICE"]
            yield open_jtalk(text, voice, rng.uniform(0.8, 1.3), rng.uniform(-4, 3))


def _espeak_speech(rng: np.random.Generator, index: int) -> Speech:
    languages = [*LETTERS, "en-us", "en", "en-us", "de", "fr", "cmn-latn-pinyin"]
    language, variant = languages[index % len(languages)], VARIANTS[int(rng.integers(len(VARIANTS)))]
    voice = f"{language}+{variant}" if variant else language
    settings = int(rng.integers(110, 221)), int(rng.integers(15, 86)), int(rng.integers(25, 76))
    return _joined([espeak().speak(draw_sentence(rng, language), voice, *settings) for _ in range(3)])


def _english(rng: np.random.Generator) -> str:
    return draw_sentence(rng, "en-us", known=0.8)


def _joined(parts: list[Speech]) -> Speech:
    """Sentences after each other."""
    phones, start = [], 0.0
    for part in parts:
        phones += [(name, start + first, start + last) for name, first, last in part.phones]
        start += len(part.samples) / SAMPLE_RATE
    return Speech(np.concatenate([part.samples for part in parts]), phones, parts[0].bursts)


def _at_speed(speech: Speech, factor: float) -> Speech:
    """Played faster or slower, which changes the throat and the pitch too."""
    samples = soxr.resample(speech.samples, SAMPLE_RATE, SAMPLE_RATE / factor).astype(np.float32)
    phones = [(name, start / factor, stop / factor) for name, start, stop in speech.phones]
    return Speech(samples, phones, speech.bursts)


def record(task: tuple[str, int]) -> list[Recording]:
    """A part of what is spoken, each sentence as it was recorded in several places."""
    who, first = task
    made = []
    for index, speech in enumerate(speeches(who, first)):
        for version in range(SPOILT[who]):
            rng = np.random.default_rng((SEED, 2, len(who), first + index, version))
            changed = _at_speed(speech, rng.uniform(0.86, 1.16))
            samples = breathe(rng, changed.samples) if rng.random() < 0.6 else changed.samples
            samples = np.pad(samples, (0, int(rng.uniform(0, 0.8) * SAMPLE_RATE)))
            heard = spoil(rng, samples) if version or rng.random() < 0.7 else samples
            told = truth(changed._replace(samples=samples))
            made.append(Recording(band_levels(heard, 0, len(told.kinds)).astype(np.float16), told))
    return made


def spoken(folder: Path) -> list[Recording]:
    """The recordings, from the folder where they are there already."""
    path = folder / "recordings.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with multiprocessing.Pool(WORKERS) as pool:
            made = [each for part in pool.imap(record, tasks()) for each in part]
        parts = {
            "lengths": np.array([len(each.levels) for each in made]),
            "levels": np.concatenate([each.levels for each in made]),
            "answers": np.concatenate([each.truth.answers for each in made]).astype(np.float16),
            "weights": np.concatenate([each.truth.weights for each in made]).astype(np.float16),
            "kinds": np.concatenate([each.truth.kinds for each in made]).astype(np.int8),
        }
        np.savez(path, **parts)
    stored = dict(np.load(path))
    cuts = np.cumsum(stored.pop("lengths"))[:-1]
    split = [np.split(stored[name], cuts) for name in ("levels", "answers", "weights", "kinds")]
    return [Recording(levels, Truth(*rest)) for levels, *rest in zip(*split, strict=True)]


# Other throats, other rooms


def disguise(rng: np.random.Generator, levels: np.ndarray) -> np.ndarray:
    """Log-mel levels (N, BANDS) as of another throat, in another noise."""
    levels = levels.astype(np.float32)
    if rng.random() < 0.85:
        levels = levels @ _warp(rng.uniform(0.84, 1.2))
    usual = levels.mean(0)
    if rng.random() < 0.6:  # formants broader or narrower
        levels = usual + (levels - usual) * rng.uniform(0.75, 1.25)
    if rng.random() < 0.3:
        levels = 0.25 * np.roll(levels, 1, 1) + 0.5 * levels + 0.25 * np.roll(levels, -1, 1)
    loud = np.percentile(levels, 95)
    if rng.random() < 0.6:
        tilt = np.linspace(0, rng.uniform(-4, 1), BANDS, dtype=np.float32)
        levels = np.logaddexp(levels, loud - rng.uniform(3.5, 12) + tilt)
    if rng.random() < 0.4:  # a head that turns, a microphone that moves
        knots = rng.normal(scale=0.5, size=len(levels) // 60 + 3)
        levels = levels + np.interp(np.arange(len(levels)) / 60, np.arange(len(knots)), knots)[:, None]
    if rng.random() < 0.25:
        first = int(rng.integers(BANDS - 4))
        levels[:, first : first + int(rng.integers(1, 5))] = usual.mean()
    return levels.astype(np.float32)


def _warp(factor: float) -> np.ndarray:
    """The matrix (BANDS, BANDS) that moves what is at a frequency to `factor` times it."""
    mel = np.linspace(*(2595 * np.log10(1 + edge / 700) for edge in (80, 7600)), BANDS + 2)[1:-1]
    wanted = 2595 * np.log10(1 + 700 * (10 ** (mel / 2595) - 1) / factor / 700)
    place = np.clip((wanted - mel[0]) / (mel[1] - mel[0]), 0, BANDS - 1.001)
    low = place.astype(int)
    matrix = np.zeros((BANDS, BANDS), np.float32)
    matrix[low, np.arange(BANDS)] = 1 - (place - low)
    matrix[low + 1, np.arange(BANDS)] = place - low
    return matrix


_made: list[Recording] = []  # what this process draws from


def _draw_from(folder: Path) -> None:
    _made.extend(spoken(folder))


def draw_batch(step: int) -> tuple[np.ndarray, ...]:
    """Crops: mel (B, BANDS, CROP + 2 REACH), answers and weights (B, 6, CROP), kinds (B, CROP)."""
    rng = np.random.default_rng((SEED, 3, step))
    lengths = np.array([len(each.levels) for each in _made], float)
    mels, answers, weights, kinds = [], [], [], []
    for number in rng.choice(len(_made), BATCH, p=lengths / lengths.sum()):
        levels, told = _made[number]
        length = int(min(rng.integers(CROP, 1000), len(levels)))  # as much as is known of the voice
        begin = int(rng.integers(len(levels) - length + 1))
        heard = disguise(rng, levels[begin : begin + length])
        mel = normalise(heard, sum_up(heard))
        mel = np.pad(mel, ((REACH, REACH + max(CROP - length, 0)), (0, 0)), mode="edge")
        first = int(rng.integers(max(length - CROP, 0) + 1))
        mels.append(mel[first : first + CROP + 2 * REACH].T)
        here = slice(begin + first, begin + min(first + CROP, length))
        missing = CROP - (here.stop - here.start)
        answers.append(np.pad(told.answers[here], ((0, missing), (0, 0))).T)
        weights.append(np.pad(told.weights[here], ((0, missing), (0, 0))).T)
        kinds.append(np.pad(told.kinds[here], (0, missing), constant_values=-1))
    floats = [np.stack(each).astype(np.float32) for each in (mels, answers, weights)]
    return (*floats, np.stack(kinds).astype(np.int64))


# Learning


def learn(folder: Path, steps: int, start: Path | None) -> Listener:
    """Train from nothing or from weights; the mean of the last ones is returned. A second process draws."""
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    network, helper = Listener(), nn.Conv1d(CHANNELS, len(KINDS), 1)
    if start is not None:
        load_weights(network, start).train().requires_grad_(True)
    parameters = [*network.parameters(), *helper.parameters()]
    optimiser = torch.optim.AdamW(parameters, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps, pct_start=0.1)
    mean = torch.optim.swa_utils.get_ema_multi_avg_fn(0.99)
    calm = torch.optim.swa_utils.AveragedModel(network, multi_avg_fn=mean)
    began, losses, first = time.monotonic(), [], 0 if start is None else ONWARDS
    with multiprocessing.get_context("spawn").Pool(1, _draw_from, (folder,)) as pool:
        coming = deque(pool.apply_async(draw_batch, (first + step,)) for step in range(min(AHEAD, steps)))
        for step in range(steps):
            mel, *told = map(torch.from_numpy, coming.popleft().get())
            if step + AHEAD < steps:
                coming.append(pool.apply_async(draw_batch, (first + step + AHEAD,)))
            loss = _loss(network, helper, mel, told)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            schedule.step()
            calm.update_parameters(network)
            losses.append(loss.item())
            if step % 50 == 49:
                print(
                    f"{step + 1}: {np.mean(losses[-50:]):.4f}, {time.monotonic() - began:.0f} s", flush=True
                )
    trained: Listener = calm.module
    return trained


def _loss(network: Listener, helper: nn.Conv1d, mel: Tensor, told: Sequence[Tensor]) -> Tensor:
    answers, weights, kinds = told
    deep = F.dropout(F.relu(network.blocks(network.hear(mel))), 0.1)
    each = F.binary_cross_entropy_with_logits(network.tell(deep), answers, weights, reduction="none")
    which = F.cross_entropy(helper(deep), kinds, ignore_index=-1)
    return (each.mean((0, 2)) * torch.tensor(ANSWER_WEIGHTS)).sum() + KIND_WEIGHT * which


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--steps", type=int, default=900)
    arguments.add_argument("--start", type=Path, help="weights to go on from; their batches are others")
    arguments.add_argument("--only-speak", action="store_true")
    arguments.add_argument("--output", type=Path, default=WEIGHTS / "listener.safetensors")
    given = arguments.parse_args()
    began = time.process_time()
    made = spoken(given.folder)
    hours = sum(len(each.levels) for each in made) / 360_000
    print(
        f"{len(made)} recordings, {hours:.1f} hours, {time.process_time() - began:.0f} s of one core",
        flush=True,
    )
    if given.only_speak:
        return
    began = time.process_time()
    network = learn(given.folder, given.steps, given.start)
    save_file({name: value.half().contiguous() for name, value in network.state_dict().items()}, given.output)
    size, digest = given.output.stat().st_size, hashlib.sha256(given.output.read_bytes()).hexdigest()
    weights = sum(value.numel() for value in network.parameters())
    print(
        f"{weights} weights, {size} bytes, sha256 {digest}, {time.process_time() - began:.0f} s of one core"
    )


if __name__ == "__main__":
    main()
