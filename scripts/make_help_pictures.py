"""Draw the pictures of the help pages into web/docs/images.

    python scripts/make_help_pictures.py [NAME ...]

All are made from the demo's public-domain portrait and the voice that ships; none needs a checkpoint. What
only a network with weights could make is drawn as a box or a sketch, never imitated. Needs scikit-image.
"""

from __future__ import annotations

import io
import math
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from retalk_nodes.retalk_core.cli.demo import SHIPPED_CLIP, SHIPPED_VOICE, portrait
from retalk_nodes.retalk_core.compute.provider import LocalNetworks
from retalk_nodes.retalk_core.crops.blend import laplacian_blend
from retalk_nodes.retalk_core.crops.cut import crop_faces, reframe
from retalk_nodes.retalk_core.crops.framing import SIDES, frame_faces
from retalk_nodes.retalk_core.crops.masks import face_masks, seam_mask
from retalk_nodes.retalk_core.crops.paste import paste_back
from retalk_nodes.retalk_core.dub.options import DubOptions
from retalk_nodes.retalk_core.dub.pipeline import dub
from retalk_nodes.retalk_core.faces.detect import load_face_networks
from retalk_nodes.retalk_core.faces.follow import track_faces
from retalk_nodes.retalk_core.faces.track import TrackedFace
from retalk_nodes.retalk_core.files import write_picture
from retalk_nodes.retalk_core.media.clip import Clip
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.media.sound import read_mono
from retalk_nodes.retalk_core.reports.charts import draw_mel
from retalk_nodes.retalk_core.reports.track import draw_track
from retalk_nodes.retalk_core.stages.speech import SAMPLE_RATE, log_mel
from retalk_nodes.retalk_core.types import FaceTrack

TARGET = Path(__file__).resolve().parents[1] / "web" / "docs" / "images"
LIMIT = 40_000  # bytes
TILE = 150  # pixels, the side of most pictures
MARGIN, GAP = 14, 44
INK, SOFT, ACCENT, BLUE, PALE, PAPER = (
    (40, 44, 52),
    (115, 121, 131),
    (186, 60, 40),
    (110, 140, 185),
    (228, 234, 243),
    (255, 255, 255),
)
SPOKEN = (1.12, 2.76, 3.08)  # seconds of the shipped voice: open, rounder, lips together
FACE = (150, 50, 296, 196)  # left, top, right, bottom in the portrait


@dataclass(frozen=True)
class Tile:
    """One thing in a row: a picture, or words in a box, with a caption below."""

    content: Image.Image | str
    caption: str = ""
    joined: str = "→"  # what stands before it: an arrow, a plus, or nothing


# The pictures


def dub_picture() -> Image.Image:
    before, *after = (Image.fromarray(frame).crop(FACE) for frame in (portrait(), *speaking()))
    shown = [Tile(face, f"{seconds:.2f} s", "") for face, seconds in zip(after, SPOKEN, strict=True)]
    first = Tile(shown[0].content, shown[0].caption)
    return row(Tile(before, "clip", ""), Tile(voice_picture(), "voice", "+"), first, *shown[1:])


def compare_picture() -> Image.Image:
    before, after = (Image.fromarray(frame).crop(FACE) for frame in (portrait(), speaking()[0]))
    middle = before.width // 2
    both = after.copy()
    both.paste(before.crop((0, 0, middle, before.height)), (0, 0))
    ImageDraw.Draw(both).line([(middle, 0), (middle, before.height)], "white", max(2, before.width // 120))
    return row(Tile(before, "first", ""), Tile(after, "second", "+"), Tile(both, "wiped"))


def options_picture() -> Image.Image:
    return row(
        Tile("Load Video\nLoad Audio", "video, voice", ""),
        Tile("Dub Options", "options", "+"),
        Tile("Load ReTalk\nModels", "models", "+"),
        Tile("Dub Video"),
    )


def save_picture() -> Image.Image:
    return row(
        Tile("Dub Video", "", ""),
        Tile("Save Dub", "video"),
        Tile("output/video\n.mp4\n.mov\n.mkv", "the same file"),
    )


def judge_picture() -> Image.Image:
    before, after = (Image.fromarray(frame).crop(FACE) for frame in (portrait(), speaking()[0]))
    return row(
        Tile(before, "source", ""),
        Tile(after, "video", "+"),
        Tile("Judge Video"),
        Tile("cpbd\nlip_sharpness\nloss_outside\nseam\n…", "figures"),
    )


def judge_frames_picture() -> Image.Image:
    after = Image.fromarray(speaking()[0]).crop(FACE)
    mask = Image.new("RGB", after.size)
    width, height = after.size
    ImageDraw.Draw(mask).ellipse((0.25 * width, 0.55 * height, 0.75 * width, 0.95 * height), "white")
    return row(
        Tile(after, "images", ""),
        Tile(mask, "support", "+"),
        Tile("Judge Frames"),
        Tile("loss_outside\n100", "figures"),
    )


def keep_better_picture() -> Image.Image:
    dubs = [Image.fromarray(frame).crop(FACE) for frame in speaking()[:2]]
    return row(
        Tile(dubs[0], "first", ""),
        Tile(dubs[1], "second", "+"),
        Tile("Keep the\nBetter Video"),
        Tile(dubs[0], "video"),
    )


def origin_picture() -> Image.Image:
    face = Image.fromarray(speaking()[0]).crop(FACE)
    return row(
        Tile(face, "clip", ""),
        Tile("Detect Origin"),
        Tile("signed?\nmarked?\nknown here?", "report"),
        Tile("0123456789ab…", "id", ""),
    )


def download_picture() -> Image.Image:
    return row(
        Tile("what is missing\nlicences first", "", ""),
        Tile("Download", "the button"),
        Tile("size\nsha256\nnames, shapes", "checked"),
        Tile("models/retalk"),
    )


def demo_clip_picture() -> Image.Image:
    clip = open_clip(SHIPPED_CLIP)
    shown = [Image.fromarray(frame.pixels).crop((60, 0, 400, 340)) for frame in clip.frames([0, 40, 130])]
    return row(*(Tile(face, f"{seconds} s", "") for face, seconds in zip(shown, (0, 1.6, 5.2), strict=True)))


def demo_voice_picture() -> Image.Image:
    return row(Tile(voice_picture(), "voice", ""), Tile("Dub Video"))


def models_picture() -> Image.Image:
    return row(
        Tile("models/retalk\n*.pth *.pt\n*.safetensors\n*.mat", "", ""),
        Tile("Load ReTalk\nModels", "models"),
        Tile("Dub Video\nDub Frames"),
    )


def loader_picture() -> Image.Image:
    return row(
        Tile("models/retalk\n*.pth *.pt\n*.safetensors", "file", ""),
        Tile("size\nsha256\nnames, shapes"),
        Tile("network"),
    )


def length_picture() -> Image.Image:
    ways = {
        "bounce": [1, 2, 3, 4, 3, 2, 1, 2],
        "stretch": [1, 1, 2, 2, 3, 3, 4, 4],
        "hold": [1, 2, 3, 4, 4, 4, 4, 4],
        "loop": [1, 2, 3, 4, 1, 2, 3, 4],
        "cut_voice": [1, 2, 3, 4],
    }
    sheet, pen = paper(640, 250)
    left, cell = 120, 62
    for x in range(left, left + 8 * cell, 3):
        reach = 13 * abs(math.sin(x / 17) * math.sin(x / 53)) + 1
        pen.line([(x, 26 - reach), (x, 26 + reach)], BLUE)
    pen.text((MARGIN, 16), "voice", INK, font(16))
    for i, (name, frames) in enumerate(ways.items()):
        top = 56 + 38 * i
        pen.text((MARGIN, top + 6), name, INK, font(16))
        for j, frame in enumerate(frames):
            box = (left + j * cell, top, left + (j + 1) * cell - 4, top + 30)
            shade = tuple(255 - (255 - tone) * frame // 5 for tone in BLUE)
            pen.rectangle(box, shade, SOFT)
            pen.text((box[0] + 24, top + 5), str(frame), INK, font(16))
    pen.line([(left + 4 * cell - 2, 6), (left + 4 * cell - 2, 244)], ACCENT)
    return sheet


def track_picture() -> Image.Image:
    clip_frame = next(iter(still().frames()))
    return Image.fromarray(draw_track(clip_frame, tracked(), 0)).crop((60, 0, 420, 300))


def edit_track_picture() -> Image.Image:
    sheet, pen = paper(640, 236)
    left, cell, bad = 150, 40, range(4, 8)
    heights = [10, 12, 13, 15, 31, 4, 36, 2, 22, 24, 25, 27]
    across = [15 + (22 - 15) * (i - 3) / 5 for i in range(12)]
    for i, action in enumerate(("skip", "interpolate", "place by mask", "strength")):
        top = MARGIN + 54 * i
        pen.text((MARGIN, top + 12), action, INK, font(16))
        for j, height in enumerate(heights):
            box = [left + j * cell, top, left + (j + 1) * cell - 3, top + 42]
            pen.rectangle(box, PALE if j in bad else PAPER, SOFT)
            y: float | None = height
            colour = BLUE
            if j in bad:
                y = {"skip": None, "interpolate": across[j], "place by mask": 20}.get(action, height)
                colour = ACCENT
            if action == "place by mask" and j in bad:
                pen.ellipse((box[0] + 6, top + 6, box[2] - 6, top + 36), PAPER, SOFT)
            if y is not None:
                faded = action == "strength" and j in bad
                pen.ellipse(
                    (box[0] + 14, top + y - 1, box[0] + 22, top + y + 7), None if faded else colour, colour
                )
    return sheet


def framings_picture() -> Image.Image:
    return row(*(Tile(picture(crops(name)), name, "") for name in SIDES), side=116)


def reframe_picture() -> Image.Image:
    track = tracked().track
    base = crops("portrait").mean(dim=-1, keepdim=True).expand(-1, -1, -1, 3)  # grey, to tell it apart
    brought, covered = reframe(
        crops("face"), frame_faces(track, "face"), frame_faces(track, "portrait"), base=base
    )
    return row(
        Tile(picture(crops("face")), "faces: face", ""),
        Tile(picture(base), "base: portrait", "+"),
        Tile(picture(brought), "faces: portrait"),
        Tile(picture(covered[..., None].expand(-1, -1, -1, 3)), "covered", ""),
        side=130,
    )


def fit_picture() -> Image.Image:
    return row(
        Tile(picture(crops("portrait")), "faces: portrait", ""),
        Tile("Fit 3DMM"),
        Tile("angle 3\ntranslation 3\nexpression 64\nidentity 80\n…", "coefficients"),
    )


def expression_picture() -> Image.Image:
    sheet, pen = paper(640, 170)
    for i in range(5):
        strength = i / 4
        x = 80 + 120 * i
        sketch(pen, (x, 62), 40, opening=14 * (1 - strength), curve=-6 * (1 - strength))
        pen.text((x, 118), f"{strength:g}", INK, font(14), anchor="mm")
    for x, words in ((80, "own expression"), (320, "strength"), (560, "template")):
        pen.text((x, 146), words, SOFT, font(15), anchor="mm")
    return sheet


def neutralise_picture() -> Image.Image:
    sheet, pen = paper(640, 130)
    for i, (tilt, opening, curve) in enumerate(((-10, 14, 4), (0, 3, -8), (12, 9, 10))):
        sketch(pen, (55 + 85 * i, 52), 34, opening, curve, tilt)
        sketch(pen, (415 + 85 * i, 52), 34, 0, 0, tilt)
    arrow(pen, 262, 300, 52)
    arrow(pen, 350, 375, 52)
    pen.rounded_rectangle((300, 34, 352, 70), 6, PALE, SOFT)
    pen.text((305, 43), "D-Net", INK, font(16))
    pen.text((MARGIN, 102), "portrait", SOFT, font(15))
    pen.text((400, 102), "portrait, 256 pixels", SOFT, font(15))
    return sheet


def mel_picture() -> Image.Image:
    drawn = Image.fromarray(draw_mel(log_mel(torch.from_numpy(voice())).numpy()))
    return drawn.convert("RGB").resize((640, 160), Image.Resampling.LANCZOS)


def lips_picture() -> Image.Image:
    upper = crops("face").clone()
    upper[:, upper.shape[1] // 2 :] = 0
    return row(
        Tile(picture(upper), "faces (upper half)", ""),
        Tile(picture(crops("face")), "reference", "+"),
        Tile(mel_window(), "mel window", "+"),
        Tile("L-Net"),
        Tile("96 x 96", "synced"),
        side=104,
    )


def enhance_picture() -> Image.Image:
    small = picture(crops("face")).resize((96, 96), Image.Resampling.BILINEAR)
    return row(
        Tile(small.resize((TILE, TILE), Image.Resampling.NEAREST), "96 x 96", ""),
        Tile(picture(crops("face")), "reference", "+"),
        Tile("E-Net"),
        Tile("384 x 384", "faces"),
        side=130,
    )


def upper_picture() -> Image.Image:
    face = picture(crops("face"))
    shade = seam_mask(face.width, keep_upper=True)
    tint = torch.tensor(BLUE) / 255
    grey = crops("face")[0]
    tinted = grey + 0.45 * (1 - shade[..., None]) * (tint - grey)
    return row(
        Tile(face, "faces", ""),
        Tile("GANimation\n4:0.3, 5:0.2", "units"),
        Tile(picture(tinted[None]), "what may move"),
    )


def parse_picture() -> Image.Image:
    return row(
        Tile(picture(crops("ffhq")), "faces: ffhq", ""),
        Tile("Parse Face\nmouth"),
        Tile(mouth_mask(), "mask"),
    )


def restore_picture() -> Image.Image:
    blurred = picture(crops("ffhq")).filter(ImageFilter.GaussianBlur(7))
    return row(Tile(blurred, "faces: ffhq", ""), Tile("GFPGAN\nGPEN", "restorer"), Tile("512 x 512", "faces"))


def blend_picture() -> Image.Image:
    base = pixels(portrait())
    layer = (pixels(speaking()[0]) * torch.tensor([1.18, 1.1, 0.92])).clamp(0, 1)
    mask = torch.zeros(1, *base.shape[1:3])
    rows, columns = torch.meshgrid(torch.arange(512), torch.arange(512), indexing="ij")
    mask[0] = (((columns - 223) / 62) ** 2 + ((rows - 148) / 46) ** 2 < 1).float()
    pasted = torch.where(mask[..., None] > 0, layer, base)
    blended = laplacian_blend(base, layer, mask, colour_match=1.0).images
    shown = {"base": base, "layer": layer, "mask": mask[..., None].expand(-1, -1, -1, 3)}
    tiles = [Tile(picture(images).crop(FACE), name, "") for name, images in shown.items()]
    return row(
        *tiles,
        Tile(picture(pasted).crop(FACE), "cut and paste", ""),
        Tile(picture(blended).crop(FACE), "image"),
        side=112,
    )


def paste_picture() -> Image.Image:
    frames, spoken = pixels(portrait()), pixels(speaking()[0])
    place = frame_faces(tracked().track, "face")
    faces = crop_faces(spoken, place)
    pasted = paste_back(frames, faces, place, face_masks(place, faces.shape[1]), colour_match=1.0)
    support = picture(pasted.support[..., None].expand(-1, -1, -1, 3))
    wide = (60, 0, 400, 340)
    return row(
        Tile(picture(frames).crop(wide), "frames", ""),
        Tile(picture(faces), "faces", "+"),
        Tile(picture(pasted.images).crop(wide), "frames"),
        Tile(support.crop(wide), "support", ""),
        side=130,
    )


PICTURES: dict[str, Callable[[], Image.Image]] = {
    "dub.jpg": dub_picture,
    "save.png": save_picture,
    "compare.jpg": compare_picture,
    "origin.jpg": origin_picture,
    "demo_clip.jpg": demo_clip_picture,
    "demo_voice.png": demo_voice_picture,
    "download.png": download_picture,
    "judge.png": judge_picture,
    "judge_frames.png": judge_frames_picture,
    "keep_better.png": keep_better_picture,
    "options.png": options_picture,
    "models.png": models_picture,
    "loader.png": loader_picture,
    "length.png": length_picture,
    "track.jpg": track_picture,
    "edit_track.png": edit_track_picture,
    "framings.jpg": framings_picture,
    "reframe.jpg": reframe_picture,
    "fit.jpg": fit_picture,
    "expression.png": expression_picture,
    "neutralise.png": neutralise_picture,
    "mel.jpg": mel_picture,
    "lips.jpg": lips_picture,
    "enhance.jpg": enhance_picture,
    "upper.jpg": upper_picture,
    "parse.jpg": parse_picture,
    "restore.jpg": restore_picture,
    "blend.jpg": blend_picture,
    "paste.jpg": paste_picture,
}


# What they show


@cache
def still_file() -> Path:
    path = Path(tempfile.mkdtemp(prefix="retalk-")) / "portrait.png"
    write_picture(path, portrait())
    return path


def still() -> Clip:
    return open_clip(still_file())


@cache
def tracked() -> TrackedFace:
    return track_faces(still().frames(), load_face_networks())


@cache
def speaking() -> list[np.ndarray]:
    """The portrait while it says the shipped sentence, by the embedded engine, at `SPOKEN`."""
    output = still_file().with_name("dub.mkv")
    options = DubOptions(engine="embedded", codec="ffv1", check=False)
    dub(still(), SHIPPED_VOICE, output, options, LocalNetworks())
    clip = open_clip(output)
    wanted = [round(seconds * float(clip.rate or 25)) for seconds in SPOKEN]
    return [frame.pixels for frame in clip.frames(wanted)]


@cache
def crops(framing: str) -> torch.Tensor:
    """The portrait's face (1, S, S, 3) in a framing."""
    return crop_faces(pixels(portrait()), frame_faces(tracked().track, framing))


def mouth_mask() -> Image.Image:
    """Where the mouth is in the ffhq crop, by the track's landmarks."""
    track: FaceTrack = tracked().track
    place = frame_faces(track, "ffhq").frame_to_crop[0]
    lips = track.landmarks[0, 48:60] @ place[:, :2].T + place[:, 2]
    side = SIDES["ffhq"]
    mask = Image.new("L", (side, side))
    ImageDraw.Draw(mask).polygon([tuple(point) for point in (lips * side).tolist()], 255)
    return mask.filter(ImageFilter.GaussianBlur(6)).convert("RGB")


@cache
def voice() -> np.ndarray:
    return read_mono(SHIPPED_VOICE, SAMPLE_RATE)


def voice_picture() -> Image.Image:
    sheet, pen = paper(TILE, TILE)
    heard = voice()[: 4 * SAMPLE_RATE]
    for x, part in enumerate(np.array_split(heard, TILE)):
        reach = max(float(np.abs(part).max()) / float(np.abs(heard).max()) * 50, 0.5)
        pen.line([(x, TILE / 2 - reach), (x, TILE / 2 + reach)], BLUE)
    return sheet


def mel_window() -> Image.Image:
    """16 columns of the spectrogram, 0.2 s."""
    mel = log_mel(torch.from_numpy(voice())).numpy()[::-1, 90:106]
    grey = ((mel + 4) / 8 * 255).clip(0, 255).astype(np.uint8)
    return Image.fromarray(grey).convert("RGB").resize((TILE, TILE), Image.Resampling.NEAREST)


def pixels(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture.astype(np.float32) / 255)[None]


def picture(images: torch.Tensor) -> Image.Image:
    return Image.fromarray((images[0].clamp(0, 1) * 255).round().byte().numpy())


# How they are drawn


def row(*tiles: Tile, side: int = TILE) -> Image.Image:
    """Tiles beside each other, with signs between them."""
    gaps = [0, *(GAP if tile.joined else 10 for tile in tiles[1:])]
    width = 2 * MARGIN + side * len(tiles) + sum(gaps)
    captions = 26 if any(tile.caption for tile in tiles) else 0
    sheet, pen = paper(width, 2 * MARGIN + side + captions)
    left, middle = MARGIN, MARGIN + side // 2
    for tile, gap in zip(tiles, gaps, strict=True):
        if gap and tile.joined == "→":
            arrow(pen, left + 8, left + gap - 8, middle)
        elif gap and tile.joined:
            pen.text((left + gap / 2, middle), tile.joined, SOFT, font(26), anchor="mm")
        left += gap
        box = (left, MARGIN, left + side, MARGIN + side)
        if isinstance(tile.content, str):
            pen.rounded_rectangle(box, 8, PALE, SOFT)
            pen.multiline_text(
                (left + side / 2, middle), tile.content, INK, font(15), anchor="mm", align="center", spacing=6
            )
        else:
            sheet.paste(tile.content.resize((side, side), Image.Resampling.LANCZOS), box[:2])
        pen.text((left + side / 2, MARGIN + side + 16), tile.caption, SOFT, font(14), anchor="mm")
        left += side
    return sheet


def arrow(pen: ImageDraw.ImageDraw, left: float, right: float, y: float) -> None:
    pen.line([(left, y), (right, y)], ACCENT, 2)
    pen.polygon([(right + 2, y), (right - 7, y - 5), (right - 7, y + 5)], ACCENT)


def sketch(
    pen: ImageDraw.ImageDraw,
    centre: tuple[float, float],
    radius: float,
    opening: float,
    curve: float,
    tilt: float = 0.0,
) -> None:
    """A drawn face: how far the mouth opens and how far its corners hang, in pixels; tilt in degrees."""

    def at(x: float, y: float) -> tuple[float, float]:
        turn = math.radians(tilt)
        return (
            centre[0] + x * math.cos(turn) - y * math.sin(turn),
            centre[1] + x * math.sin(turn) + y * math.cos(turn),
        )

    pen.ellipse(
        (centre[0] - radius, centre[1] - radius, centre[0] + radius, centre[1] + radius), PALE, INK, 2
    )
    for side in (-1, 1):
        eye = at(side * radius / 3, -radius / 4)
        pen.ellipse((eye[0] - 3, eye[1] - 3, eye[0] + 3, eye[1] + 3), INK)
    steps = np.linspace(-1, 1, 17)
    edge = [at(s * radius * 0.45, radius * 0.42 + curve * s * s) for s in steps]
    below = [at(s * radius * 0.45, radius * 0.42 + curve * s * s + opening * (1 - s * s)) for s in steps]
    pen.polygon([*edge, *below[::-1]], ACCENT if opening else None)
    pen.line(edge, INK, 2)
    pen.line(below, INK, 2)


def paper(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    sheet = Image.new("RGB", (width, height), PAPER)
    return sheet, ImageDraw.Draw(sheet)


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def encoded(sheet: Image.Image, suffix: str) -> bytes:
    """The picture's file, as good as `LIMIT` allows."""
    for quality in range(88, 40, -6):
        file = io.BytesIO()
        if suffix == ".png":
            sheet.quantize(64).save(file, "PNG", optimize=True)
        else:
            sheet.save(file, "JPEG", quality=quality, optimize=True)
        if file.tell() <= LIMIT:
            break
    return file.getvalue()


def main(names: Sequence[str]) -> None:
    TARGET.mkdir(parents=True, exist_ok=True)
    for name in names or PICTURES:
        sheet = PICTURES[name]()
        path = TARGET / name
        path.write_bytes(encoded(sheet, path.suffix))
        print(f"{name}: {sheet.width}x{sheet.height}, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
