"""Draw docs/icon.png and docs/banner.png, which the ComfyUI registry shows.

The banner holds the demo's public-domain portrait, dubbed by the embedded engine. Needs scikit-image.
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from retalk_nodes.retalk_core.cli.demo import SHIPPED_VOICE, portrait
from retalk_nodes.retalk_core.compute.provider import LocalNetworks
from retalk_nodes.retalk_core.dub.options import DubOptions
from retalk_nodes.retalk_core.dub.pipeline import dub
from retalk_nodes.retalk_core.files import write_picture
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.media.sound import read_mono
from retalk_nodes.retalk_core.stages.speech import SAMPLE_RATE

DOCS = Path(__file__).resolve().parents[1] / "docs"
ICON = 400  # pixels, the most that the registry takes
BANNER = (1260, 540)  # 21:9
FINER = 4  # times; drawn so large, then scaled down
NIGHT, LIP, LIGHT, WAVE = (26, 32, 48), (214, 78, 66), (246, 240, 232), (122, 168, 226)
SPOKEN = (1.12, 3.08)  # seconds of the shipped voice: open, lips together
FACE = (120, 20, 330, 230)  # left, top, right, bottom in the portrait


def main() -> None:
    DOCS.mkdir(exist_ok=True)
    icon().quantize(128).save(DOCS / "icon.png", optimize=True)
    banner().quantize(256).save(DOCS / "banner.png", optimize=True)
    for name in ("icon.png", "banner.png"):
        print(f"{name}: {(DOCS / name).stat().st_size} bytes")


def icon() -> Image.Image:
    """Lips that say a sound wave."""
    side = ICON * FINER
    sheet = Image.new("RGB", (side, side), NIGHT)
    pen = ImageDraw.Draw(sheet)
    lips(pen, (side / 2, side / 2), side * 0.42)
    return sheet.resize((ICON, ICON), Image.Resampling.LANCZOS)


def lips(pen: ImageDraw.ImageDraw, centre: tuple[float, float], reach: float) -> None:
    """Two lips, half open, with bars of sound between them; `reach` from the middle to a corner."""
    x, y = centre
    across = np.linspace(-1, 1, 121)
    bow = 0.06 * np.exp(-((across / 0.16) ** 2))  # the dip in the middle of the upper lip
    outer = 0.62 * (1 - np.abs(across) ** 1.9) - bow
    inner = 0.3 * (1 - across**2)
    upper = [(x + reach * a, y - reach * h) for a, h in zip(across, outer, strict=True)]
    lower = [(x + reach * a, y + reach * 0.68 * (1 - abs(a) ** 2.1)) for a in across]
    mouth = [(x + 0.9 * reach * a, y - reach * h) for a, h in zip(across, inner, strict=True)]
    mouth += [(x - 0.9 * reach * a, y + reach * h) for a, h in zip(across, inner, strict=True)]
    pen.polygon([*upper, *lower[::-1]], LIP)
    pen.polygon(mouth, NIGHT)
    for i in range(-6, 7):
        height = reach * 0.2 * (1 - (i / 7.5) ** 2) * (0.45 + 0.55 * abs(math.cos(1.9 * i)))
        left = x + i * reach * 0.115
        thick = reach * 0.028
        pen.rounded_rectangle((left - thick, y - height, left + thick, y + height), thick, WAVE)


def banner() -> Image.Image:
    """The name, what it does, and the portrait while it speaks."""
    sheet = Image.new("RGB", BANNER, NIGHT)
    pen = ImageDraw.Draw(sheet)
    small = Image.new("RGB", (200 * FINER, 200 * FINER), NIGHT)
    lips(ImageDraw.Draw(small), (100 * FINER, 100 * FINER), 88 * FINER)
    sheet.paste(small.resize((200, 200), Image.Resampling.LANCZOS), (60, 36))
    pen.text((64, 250), "ReTalk", LIGHT, ImageFont.load_default(96))
    pen.text((68, 372), "Give a clip a new voice.", LIGHT, ImageFont.load_default(34))
    pen.text((68, 418), "The lips follow.", WAVE, ImageFont.load_default(34))
    side = 300
    for i, face in enumerate(speaking()):
        left = 560 + i * (side + 24)
        picture = Image.fromarray(face).crop(FACE).resize((side, side), Image.Resampling.LANCZOS)
        sheet.paste(picture, (left, 84))
    wave(pen, 560, 560 + 2 * side + 24, 450)
    return sheet


def wave(pen: ImageDraw.ImageDraw, left: int, right: int, middle: int) -> None:
    """The shipped voice."""
    heard = read_mono(SHIPPED_VOICE, SAMPLE_RATE)[: 4 * SAMPLE_RATE]
    loudest = float(np.abs(heard).max())
    bars = range(left, right, 6)
    for x, part in zip(bars, np.array_split(heard, len(bars)), strict=True):
        height = max(float(np.abs(part).max()) / loudest * 40, 1.5)
        pen.rounded_rectangle((x, middle - height, x + 2, middle + height), 1, WAVE)


def speaking() -> list[np.ndarray]:
    """The portrait at the moments of `SPOKEN`."""
    with tempfile.TemporaryDirectory(prefix="retalk-") as folder:
        still, output = Path(folder) / "portrait.png", Path(folder) / "dub.mkv"
        write_picture(still, portrait())
        options = DubOptions(engine="embedded", codec="ffv1", check=False)
        dub(open_clip(still), SHIPPED_VOICE, output, options, LocalNetworks())
        clip = open_clip(output)
        wanted = [round(seconds * float(clip.rate or 25)) for seconds in SPOKEN]
        return [frame.pixels for frame in clip.frames(wanted)]


if __name__ == "__main__":
    main()
