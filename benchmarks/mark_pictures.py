"""What a mark in pictures survives, where none is found, and which part lacks it; for benchmarks/marks.py."""

from __future__ import annotations

import argparse
import csv
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import mark_material as material
import numpy as np
from mark_material import ATTACKS, Film, Shown
from retalk_nodes.retalk_core.faces.mesh import face_box
from retalk_nodes.retalk_core.marks import picture as search
from retalk_nodes.retalk_core.marks.cells.payload import PICTURE_BITS, read_cells, threshold
from retalk_nodes.retalk_core.marks.cells.plane import face_plane
from retalk_nodes.retalk_core.marks.frame import read_frame
from retalk_nodes.retalk_core.marks.identity import id_prefix
from retalk_nodes.retalk_core.marks.picture import find_picture_mark
from retalk_nodes.retalk_core.provenance.heat import unmarked_region

COLUMNS = (
    "clip",
    "voice",
    "face",
    "where",
    "attack",
    "present",
    "whole",
    "wrong",
    "score",
    "threshold",
    "psnr",
)


def run_picture(args: argparse.Namespace) -> None:
    """Dub, mark, attack and search; a row for each trial, and the table of them all."""
    rng = np.random.default_rng(args.seed)
    for clip, voice in itertools.product(args.clips, args.voices):
        shown = material.dubbed(clip, voice, args.seconds)
        for height, _ in itertools.product(args.faces, range(args.numbers)):
            key, number = rng.bytes(16), int(rng.integers(0, 1 << 63))
            rows = trials(shown, key, number, height, args.where, args.attacks)
            write_rows(args.rows, clip.stem, voice.stem, rows)
    print_table(args.rows)


def trials(
    shown: Sequence[Shown], key: bytes, number: int, height: float, where: str, attacks: Sequence[str]
) -> Iterator[list[object]]:
    """One row for each attack, without clip and voice."""
    shown = material.at_height(material.around_face(shown) if where == "face" else shown, height)
    laid = material.marked(shown, key, number, where)
    if where == "face" and laid.outside:
        raise AssertionError(f"{laid.outside} pixels outside the edit changed")
    written = material.coded(laid.film, 18)
    for attack in attacks:
        film = ATTACKS[attack](written)
        found = find_picture_mark(film.frames, 25, key=key, times=film.times)
        whole = found.id == id_prefix(number, PICTURE_BITS)
        wrong = found.id is not None and not whole
        score, needed, psnr = (round(value, 2) for value in (found.score, found.threshold, laid.psnr))
        yield [f"{height:g}", where, attack, int(found.present), int(whole), int(wrong), score, needed, psnr]


def write_rows(path: Path, clip: str, voice: str, rows: Iterator[list[object]]) -> None:
    """Add rows to a file as they come."""
    new = not path.exists()
    with path.open("a", newline="") as file:
        table = csv.writer(file)
        if new:
            table.writerow(COLUMNS)
        for row in rows:
            table.writerow([clip, voice, *row])
            file.flush()


def print_table(path: Path) -> None:
    """What the rows of a file come to, by size of the face and attack."""
    groups: dict[tuple[str, str, str], list[dict[str, str]]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            groups.setdefault((row["where"], row["face"], row["attack"]), []).append(row)
    print("| mark | face | attack | trials | present | id whole | id wrong | least score | least dB |")
    print("| --- " * 9 + "|")
    for (where, face, attack), rows in groups.items():
        present, whole, wrong = (
            sum(int(row[name]) for row in rows) for name in ("present", "whole", "wrong")
        )
        least = min(float(row["score"]) for row in rows), min(float(row["psnr"]) for row in rows)
        counts = f"{len(rows)} | {present} | {whole} | {wrong}"
        print(f"| {where} | {face} | {attack} | {counts} | {least[0]:.1f} | {least[1]:.1f} |")


# Where there is no mark


def run_false(args: argparse.Namespace) -> None:
    """Look for marks under many keys in clips without one, and under wrong keys in marked ones."""
    told = {"unmarked": Count(), "wrong key": Count()}
    for clip, voice in itertools.product(args.clips, args.voices):
        false_trials(material.dubbed(clip, voice, args.seconds), args, f"{clip.stem} {voice.stem}", told)
    for kind, count in told.items():
        print(f"{kind}: {count}; threshold {threshold(search.LOOKS):.2f}")


class Count:
    """How many trials there were, and the largest score among them."""

    def __init__(self) -> None:
        self.trials, self.found, self.largest = 0, 0, 0.0

    def add(self, score: float) -> None:
        self.trials += 1
        self.found += score >= threshold(search.LOOKS)
        self.largest = max(self.largest, score)

    def __str__(self) -> str:
        return f"{self.found} of {self.trials} found, largest score {self.largest:.2f}"


def false_trials(shown: Sequence[Shown], args: argparse.Namespace, name: str, told: dict[str, Count]) -> None:
    """Each attack under each key, on faces and over the frame."""
    shown = material.at_height(shown, 250)
    plain = Film([each.pixels for each in shown], [each.seconds for each in shown])
    laid = material.marked(shown, b"the key of the mark", 0x0123_4567_89AB_CDEF, "face").film
    for kind, film in (("unmarked", plain), ("wrong key", laid)):
        written = material.coded(film, 18)
        for attack in args.attacks:
            attacked = ATTACKS[attack](written)
            looked = search.look_through(attacked.frames, attacked.times)
            for number in range(args.keys):
                key = f"{name} {attack} {number}".encode()
                faces = [read_cells(each, face_plane(), key, search.LOOKS).score for each in looked.faces]
                over = read_frame(looked.frame, key, search.LOOKS, cropped=False).score
                told[kind].add(max(*faces, over))
        print(f"{name}, {kind}: {told[kind]}", flush=True)


# Which part lacks a mark


def run_region(args: argparse.Namespace) -> None:
    """Whole-frame marks as they are, and with the unmarked face put back: is the face told to lack it?"""
    told: dict[str, list[str]] = {"genuine": [], "replaced": []}
    rng = np.random.default_rng(args.seed)
    for clip, voice in itertools.product(args.clips, args.voices):
        shown = material.dubbed(clip, voice, args.seconds)
        other = material.dubbed(clip, args.voices[args.voices.index(voice) - 1], args.seconds)
        for kind, each in region_trials(shown, other, rng, args.qualities):
            told[kind].append(each)
            print(clip.stem, voice.stem, kind, each, flush=True)
    for kind, words in told.items():
        print(f"{kind}:", {word: words.count(word) for word in sorted(set(words))})


def region_trials(
    shown: Sequence[Shown], other: Sequence[Shown], rng: np.random.Generator, qualities: Sequence[int]
) -> Iterator[tuple[str, str]]:
    """What is told of a marked dub, and of one whose face is another dub's, at several qualities."""
    key, number = rng.bytes(16), int(rng.integers(0, 1 << 63))
    genuine = material.marked(shown, key, number, "frame").film
    replaced = Film([_swapped(*each) for each in zip(genuine.frames, other, strict=False)], genuine.times)
    height, width = shown[0].pixels.shape[:2]
    box = face_box(shown[len(shown) // 2].mesh) / np.array((width, height, width, height))
    for quality in qualities:
        for kind, film in (("genuine", genuine), ("replaced", replaced)):
            written = material.coded(film, quality)
            found = find_picture_mark(written.frames, 25, key=key, times=written.times)
            region = unmarked_region(found.heat) if found.where == "frame" else None
            if found.where != "frame":
                yield kind, "mark not found"
            elif region is None:
                yield kind, "nothing lacks it"
            else:
                yield kind, "face lacks it" if region.covers(tuple(box)) else "another region lacks it"


def _swapped(marked: np.ndarray, other: Shown) -> np.ndarray:
    """A marked frame with the face of an unmarked one."""
    import cv2

    mask = np.zeros(marked.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(other.mesh[:, :2].astype(np.int32)), 255)
    share = cv2.GaussianBlur(mask, (0, 0), 3).astype(np.float32)[..., None] / 255
    return np.rint(marked * (1 - share) + other.pixels * share).astype(np.uint8)
