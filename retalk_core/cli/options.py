"""From the words of the command line to options."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..compute.options import Computing
from ..dub.options import DubOptions
from ..faces.choice import FaceChoice
from ..jobs.job import absolute
from ..jobs.reading import columns_of_options, computing_of, dub_options_of, face_of, names_file


def read_dub_options(args: argparse.Namespace) -> DubOptions:
    """The options of `retalk dub`. Raises OptionError, InputError."""
    return dub_options_of(vars(args))


def read_computing(args: argparse.Namespace) -> Computing:
    """How the networks of `retalk dub` compute."""
    return computing_of(vars(args))


def read_face(args: argparse.Namespace) -> FaceChoice:
    """Whose face is meant. Raises OptionError, InputError."""
    return face_of(vars(args))


def plain_words(args: argparse.Namespace) -> dict[str, Any]:
    """The options that were given, by their fields' names, in plain words that mean the same anywhere."""
    known = {each.name: each for each in columns_of_options().values()}
    given = {name: word for name, word in vars(args).items() if name in known and word is not None}
    return {
        name: absolute(str(word), Path()) if names_file(known[name], word) else word
        for name, word in given.items()
    }
