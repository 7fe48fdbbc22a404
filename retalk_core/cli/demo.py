"""The demo: a public-domain portrait speaks with a synthetic voice. It needs nothing from the web."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from ..compute.provider import LocalNetworks
from ..dub.options import DubOptions
from ..dub.pipeline import Dubbed, dub
from ..dub.session import StageProgress, quiet
from ..errors import InputError
from ..files import write_picture
from ..media.reader import open_clip

# Lips that meet (m, b, p), lips that round (oo, oh, w), a pause to come to rest in.
TEXT = "Hello! My lips were moved by nobody but you. ... Who would put a bigger smile upon my mouth?"
SPEAK = ("-v", "en-us", "-s", "140")  # how espeak-ng says it
SHIPPED_VOICE = Path(__file__).with_name("demo_voice.flac")


def run_demo(output: Path, progress: StageProgress = quiet) -> tuple[Dubbed, Path]:
    """Write the demo video, and mouths before and after as a PNG beside it; returns the dub and the PNG."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="retalk-") as folder:
        picture = Path(folder) / "portrait.png"
        write_picture(picture, portrait())
        voice = _voice(Path(folder))
        dubbed = dub(open_clip(picture), voice, output, DubOptions(), LocalNetworks(), progress)
    sheet = output.with_suffix(".png")
    write_picture(sheet, dubbed.sheet)
    return dubbed, sheet


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
