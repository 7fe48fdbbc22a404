"""The demo: a public-domain portrait speaks with a synthetic voice. It needs nothing from the web."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import chain, count
from pathlib import Path

import numpy as np

from ..compute.provider import LocalNetworks
from ..dub.options import DubOptions
from ..dub.pipeline import Dubbed, dub, finished
from ..dub.session import StageProgress, quiet
from ..errors import InputError
from ..files import is_own_picture, write_picture
from ..marks.choice import MarkChoice
from ..media.codecs import recipe_of
from ..media.reader import open_clip
from ..media.writer import check_video_place
from ..places import check_name, check_place, unwritable

# Lips that meet (m, b, p), lips that round (oo, oh, w), a pause to come to rest in.
TEXT = "Hello! My lips were moved by nobody but you. ... Who would put a bigger smile upon my mouth?"
SPEAK = ("-v", "en-us", "-s", "140")  # how espeak-ng says it
SHIPPED_CLIP = Path(__file__).with_name("demo_clip.mp4")
SHIPPED_VOICE = Path(__file__).with_name("demo_voice.flac")


def run_demo(output: Path, progress: StageProgress = quiet, mark: MarkChoice = "off") -> tuple[Dubbed, Path]:
    """Write the demo video, and mouths before and after as a PNG beside it; returns the dub and the PNG.

    The PNG has the video's name, unless a picture that isn't ours has it already. Raises InputError.
    """
    _make_folder(output)
    check_video_place(output)
    sheet = _sheet_beside(output)
    check_place(sheet, "the contact sheet", (".png",))
    with (
        finished(output, "only the contact sheet is missing"),
        tempfile.TemporaryDirectory(prefix="retalk-") as folder,
    ):
        picture = Path(folder) / "portrait.png"
        write_picture(picture, portrait())
        voice = _voice(Path(folder))
        dubbed = dub(open_clip(picture), voice, output, DubOptions(mark=mark), LocalNetworks(), progress)
        write_picture(sheet, dubbed.sheet)
    return dubbed, sheet


def _make_folder(output: Path) -> None:
    """Make the folder that a video is to lie in, if its name is one that a video can have."""
    check_name(output, "h264 video", recipe_of("h264").suffixes)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(output, error) from error


def _sheet_beside(output: Path) -> Path:
    """Where the contact sheet goes: nothing is overwritten but sheets that were drawn here."""
    names = (output.with_name(f"{output.stem}{more}.png") for more in chain([""], _endings()))
    return next(name for name in names if not os.path.lexists(name) or is_own_picture(name))


def _endings() -> Iterator[str]:
    """What is added to the name, in this order."""
    yield "_mouths"
    yield from (f"_mouths_{number}" for number in count(2))


def portrait() -> np.ndarray:
    """Eileen Collins, photographed by NASA (public domain): (512, 512, 3) RGB uint8. Raises InputError."""
    try:
        from skimage.data import astronaut
    except ImportError:
        raise InputError(
            "The demo's portrait comes with scikit-image, which is not installed. Run `make demo`, "
            "or `pip install scikit-image`, or dub a picture of your own: "
            "retalk dub face.png voice.wav -o out.mp4"
        ) from None
    return astronaut()


def _voice(folder: Path) -> Path:
    """Speech of espeak-ng where it is installed, else the recording that ships with the project."""
    program = shutil.which("espeak-ng")
    if program is None:
        return SHIPPED_VOICE
    spoken = folder / "voice.wav"
    done = subprocess.run([program, *SPEAK, "-w", str(spoken), TEXT], check=False)
    return spoken if done.returncode == 0 and spoken.exists() else SHIPPED_VOICE
