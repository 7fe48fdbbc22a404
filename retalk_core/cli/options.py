"""From the words of the command line to options."""

from __future__ import annotations

import argparse
import math
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, OptionError

if TYPE_CHECKING:
    import numpy as np

    from ..dub.options import DubOptions
    from ..faces.choice import FaceChoice
    from ..stages.options import Stages


FASTEST = 1000  # frames per second
MOST_GB = 1_000_000


def dub_options(args: argparse.Namespace) -> DubOptions:
    """The options of `retalk dub`. Raises OptionError, InputError."""
    from ..dub.options import DubOptions
    from ..times import parse_ranges, parse_time

    if args.quality is not None and not 0 <= args.quality <= 51:
        raise OptionError(f"A quality of {args.quality} is out of range: 0 (lossless) to 51, 17 by default.")
    if not 0 < args.work_limit <= MOST_GB:
        raise OptionError(
            f"A limit of {args.work_limit:g} GB for --work-dir is out of range: up to {MOST_GB:,}."
        )
    return DubOptions(
        engine=args.engine,
        preset=args.preset,
        stages=_stages(args),
        batch=args.batch,
        work_dir=args.work_dir,
        work_limit=int(args.work_limit * 1e9),
        face=face_choice(args),
        longer=args.voice_longer,
        shorter=args.voice_shorter,
        pauses=args.pauses,
        start=parse_time(args.start),
        duration=None if args.duration is None else parse_time(args.duration),
        edit_only=parse_ranges(args.edit_only),
        soundtrack=args.soundtrack,
        constant_rate=None if args.fps is None else _rate(args.fps),
        deinterlace=args.deinterlace,
        smoothing=args.smoothing,
        phones={"auto": None, "on": True, "off": False}[args.phones],
        codec=args.codec,
        quality=args.quality,
        check=not args.no_check,
    )


def _stages(args: argparse.Namespace) -> Stages | None:
    """The preset's stages as they were changed; None where they weren't."""
    from ..stages.options import Stages

    wished: dict[str, Any] = {
        "face_boxes": args.face_boxes,
        "expression_strength": args.expression_strength,
        "restore_reference": args.restore_reference,
        "noise_seed": args.noise_seed,
        "restore": args.restore,
        "restore_strength": args.restore_strength,
        "mask_smoothing": args.mask_smoothing,
        "colour_match": args.colour_match,
        "neutralise": False if args.no_neutralise else None,
        "enhance": False if args.no_enhance else None,
        "one_shot": True if args.one_shot else None,
        "keep_upper": False if args.whole_face else None,
    }
    if args.expression:
        named = args.expression in ("neutral", "smile")
        wished["expression"] = args.expression if named else Path(args.expression)
        if not named and not os.path.isfile(args.expression):  # noqa: PTH113 - it never raises
            raise InputError(f"--expression {args.expression}: no such picture, nor is it neutral or smile.")
    if args.expression_edit:
        wished["expression_edits"] = _numbered(args.expression_edit, "--expression-edit")
    if args.upper_face in ("sad", "angry", "surprise", "off"):
        wished["upper_face"] = args.upper_face
    elif args.upper_face:
        wished["upper_face"] = "units"
        wished["action_units"] = _numbered(args.upper_face.split(","), "--upper-face")
    changes = {name: value for name, value in wished.items() if value is not None}
    return Stages.of(args.preset, **changes) if changes else None


def _numbered(words: Sequence[str], option: str) -> dict[int, float]:
    """Read numbers by their numbers, such as 4=0.3."""
    found = {}
    for word in words:
        number, _, amount = word.partition("=")
        try:
            found[int(number)] = float(amount)
            if not math.isfinite(found[int(number)]):
                raise ValueError
        except ValueError:
            raise OptionError(f"{option} takes NUMBER=AMOUNT such as 4=0.3; {word!r} is none.") from None
    return found


def _rate(text: str) -> Fraction:
    """29.97 and 30000/1001 mean the same rate, as 23.976 and 59.94 have their fractions too."""
    rate = Fraction(0)
    if re.fullmatch(r"\d{1,9}(\.\d{0,9}|/\d{1,9})?", text, flags=re.ASCII):
        with suppress(ZeroDivisionError):
            rate = Fraction(text)
    if not 0 < rate <= FASTEST:
        raise OptionError(
            f"{text} is no frame rate. Give a number up to {FASTEST} such as 25, 29.97 or 30000/1001."
        )
    exact = Fraction(round(rate * 1001 / 1000) * 1000, 1001)
    return exact if 0 < abs(rate - exact) < Fraction(1, 200) and rate.denominator > 1 else rate


def face_choice(args: argparse.Namespace) -> FaceChoice:
    """Whose face is meant. Raises OptionError, InputError."""
    from ..faces.choice import FaceChoice

    if args.face_index is not None:
        return FaceChoice("index", index=args.face_index)
    if args.face_at is not None:
        try:
            x, y = (float(part) for part in args.face_at.split(","))
            if not math.isfinite(x + y):
                raise ValueError
        except ValueError:
            raise OptionError(f"{args.face_at} is no place. Give a pixel as X,Y, such as 640,360.") from None
        return FaceChoice("point", point=(x, y))
    if args.face_mask is not None:
        return FaceChoice("mask", mask=_read_mask(args.face_mask))
    return FaceChoice()


def _read_mask(path: Path) -> np.ndarray:
    from ..media.reader import open_clip

    frame = next(iter(open_clip(path).frames([0])))
    return frame.pixels.max(axis=2).astype("float32") / frame.pixels.max().clip(1)
