"""Draw workflows/NAME.jpg for ComfyUI's template browser: the graph in small, with a public-domain portrait.

python scripts/draw_thumbnails.py

Draws what the files in workflows/ hold; run it after build_workflows.py. Needs scikit-image for the portrait.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from PIL import Image, ImageColor, ImageDraw

sys.path.append(str(Path(__file__).parent))

from workflow_nodes import ROOT, load_pack

SIZE = (640, 400)
FINER = 3  # drawn larger, then shrunk
BORDER = 24
BACK, NODE, HEAD, NOTE, WIRE = "#16181d", "#34373e", "#4a4e58", "#6b5a30", "#7f8794"
SHOWN = {
    "LoadVideo",
    "ReTalkDemoClip",
    "ReTalkSaveDub",
    "LoadImage",
    "SaveVideo",
    "SaveImage",
    "ReTalkDubVideo",
    "VHS_LoadVideo",
    "VHS_VideoCombine",
}
TITLE = 30
Box = tuple[float, float, float, float]


class Canvas:
    """A picture in the editor's own coordinates."""

    def __init__(self, extent: Box) -> None:
        self.picture = Image.new("RGB", (SIZE[0] * FINER, SIZE[1] * FINER), BACK)
        self.draw = ImageDraw.Draw(self.picture)
        left, top, right, bottom = extent
        room = [(side - 2 * BORDER) * FINER for side in SIZE]
        self.scale = min(room[0] / (right - left), room[1] / (bottom - top))
        self.left = left - (self.picture.width / self.scale - (right - left)) / 2
        self.top = top - (self.picture.height / self.scale - (bottom - top)) / 2

    def point(self, x: float, y: float) -> tuple[float, float]:
        return (x - self.left) * self.scale, (y - self.top) * self.scale

    def box(self, box: Box, fill: str | tuple[int, ...], round: float = 8) -> None:
        corners = (*self.point(*box[:2]), *self.point(*box[2:]))
        self.draw.rounded_rectangle(corners, round * self.scale, fill=fill)

    def paste(self, portrait: Image.Image, box: Box) -> None:
        """The middle of a portrait, filling a box."""
        (left, top), (right, bottom) = self.point(*box[:2]), self.point(*box[2:])
        width, height = int(right - left), int(bottom - top)
        if min(width, height) < 8:
            return
        side = max(width, height)
        picture = portrait.resize((side, side), Image.Resampling.LANCZOS)
        corner = (side - width) // 2, (side - height) // 4
        self.picture.paste(
            picture.crop((*corner, corner[0] + width, corner[1] + height)), (int(left), int(top))
        )


def draw(form: dict[str, Any], portrait: Image.Image) -> Image.Image:
    """A workflow in small."""
    groups = [(group, _corners(group["bounding"])) for group in form["groups"]]
    reroutes = {each["id"]: each for each in form["extra"]["reroutes"]}
    points = [each["pos"] for each in reroutes.values()]
    canvas = Canvas(
        (
            min([box[0] for _, box in groups] + [x for x, _ in points]),
            min([box[1] for _, box in groups] + [y for _, y in points]),
            max([box[2] for _, box in groups] + [x for x, _ in points]),
            max([box[3] for _, box in groups] + [y for _, y in points]),
        )
    )
    for group, box in groups:
        colour = ImageColor.getrgb(group["color"])
        canvas.box(box, tuple(int(0.45 * part) + 8 for part in colour), round=14)
        canvas.box((*box[:2], box[2], box[1] + 40), colour, round=14)
    for path in _wires(form, reroutes):
        canvas.draw.line([canvas.point(*point) for point in path], WIRE, width=FINER + 1, joint="curve")
    for node in form["nodes"]:
        left, top, right, bottom = _corners([*node["pos"], *node["size"]])
        note = node["type"] == "MarkdownNote"
        canvas.box((left, top - TITLE, right, bottom), NOTE if note else NODE)
        canvas.box((left, top - TITLE, right, top), HEAD)
        if node["type"] in SHOWN:
            canvas.paste(portrait, (left + 14, bottom - min(300, bottom - top - 80), right - 14, bottom - 14))
    return canvas.picture.resize(SIZE, Image.Resampling.LANCZOS)


def _corners(bounding: list[float]) -> Box:
    left, top, width, height = bounding
    return left, top, left + width, top + height


def _wires(form: dict[str, Any], reroutes: dict[int, Any]) -> list[list[tuple[float, float]]]:
    nodes = {node["id"]: node for node in form["nodes"]}
    ends = {each["id"]: each["parentId"] for each in form["extra"]["linkExtensions"]}
    paths = []
    for number, origin, out, target, into, _ in form["links"]:
        source, sink = nodes[origin], nodes[target]
        path = [(sink["pos"][0], sink["pos"][1] + 20 * into + 14)]
        corner = ends.get(number)
        while corner is not None:
            path.append(tuple(reroutes[corner]["pos"]))
            corner = reroutes[corner].get("parentId")
        path.append((source["pos"][0] + source["size"][0], source["pos"][1] + 20 * out + 14))
        paths.append(path)
    return paths


def main() -> None:
    load_pack()
    from retalk_nodes.retalk_core.cli.demo import portrait

    face = Image.fromarray(portrait()).crop((80, 0, 400, 320))
    for path in sorted((ROOT / "workflows").glob("*.json")):
        form = json.loads(path.read_text(encoding="utf-8"))
        target = path.with_suffix(".jpg")
        draw(form, face).save(target, quality=88, optimize=True)
        print(f"{target.relative_to(ROOT)}: {target.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
