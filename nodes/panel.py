"""What a node's panel in the editor is told: words that stay, a result to look at, faces to choose from.

`web/js` draws it. The words stand beside it for every other client.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import folder_paths

from . import host
from .vocabulary import on_canvas

if TYPE_CHECKING:
    from ..retalk_core.dub.pipeline import Dubbed, Showing
    from ..retalk_core.dub.stream import Finished
    from ..retalk_core.reports.faces import FacesInView
    from ..retalk_core.reports.report import Report
    from ..retalk_core.types import Pixels


BADGE = "PREVIEW"
FACES_SIDE = 960  # pixels of the frame that faces are chosen on


def words(text: str, **more: object) -> dict[str, Any]:
    """What a node shows: text, and what else its panel has. None and "" are left out."""
    told = {"text": text, "private": private_folders(), **{key: each for key, each in more.items() if each}}
    return {"text": (text,), "retalk": (told,)}


def words_beside(preview: Any, text: str) -> dict[str, Any]:  # noqa: ANN401 - of many types
    """What a node shows that has one of ComfyUI's own previews too."""
    return {**preview.as_dict(), **words(text)}


def private_folders() -> list[str]:
    """Folders whose names the editor keeps out of a workflow's file, the longest first."""
    known = {getattr(folder_paths, "base_path", ""), folder_paths.get_user_directory(), str(Path.home())}
    return sorted((folder for folder in known if len(folder) > 1), key=len, reverse=True)


def temporary(path: Path) -> dict[str, str]:
    """A file in ComfyUI's temporary folder, as the editor asks for it."""
    return {"filename": path.name, "subfolder": "", "type": "temp"}


class Viewing:
    """Shows a dub while it is made, and writes small copies of it for the player on its node."""

    def __init__(self, bar: host.Bar) -> None:
        self._bar = bar
        self.before = host.temporary_file("_before.mp4")
        self.after = host.temporary_file("_after.mp4")

    @contextmanager
    def __call__(self, showing: Showing) -> Iterator[Callable[[Finished], None]]:
        """Look at each frame of a dub; see `Show`."""
        from ..retalk_core.reports.proxies import Look, writing_pair

        clip, timeline = showing.clip, showing.timeline
        badge = BADGE if showing.engine == "embedded" else ""
        shape = (clip.size, clip.color, clip.pixel_aspect)
        last: Pixels | None = None
        with writing_pair(Look(self.before, *shape), Look(self.after, *shape, showing.sound)) as pair:

            def see(shown: Finished) -> None:
                nonlocal last
                last = shown.after
                pair(shown.before, last, timeline.times[shown.index], timeline.durations[shown.index])
                self._bar.picture(last, badge)

            yield see
        if last is not None:
            self._bar.picture(last, badge, now=True)  # not one from the middle of the work

    def player(self, dubbed: Dubbed, finished: Path) -> dict[str, Any]:
        """What the player shows, with a chart of the time below it."""
        from ..retalk_core.reports.curves import describe_scene

        report = dubbed.report
        chart = describe_scene(dubbed.scene, report.seconds_out)
        for stretch in chart["untouched"]:
            stretch["reason"] = on_canvas(stretch["reason"])
        return {
            **player(self.before, self.after, report.frames_out / report.seconds_out, report.seconds_out),
            "finished": temporary(finished),
            "chart": chart,
            "doubts": doubts(report),
        }


def doubts(report: Report) -> list[dict[str, Any]]:
    """What looks wrong, and what to do about it on the canvas."""
    from ..retalk_core.reports.curves import describe_doubts

    found = describe_doubts(report.doubts)
    return [{**each, **{name: on_canvas(each[name]) for name in ("words", "advice")}} for each in found]


def player(before: Path, after: Path, rate: float, seconds: float) -> dict[str, Any]:
    """What a player of two clips shows.

    before, after: temporary files that show the same moments, at `rate` frames per second
    """
    return {
        "before": temporary(before),
        "after": temporary(after),
        "rate": round(rate, 6),
        "seconds": round(seconds, 6),
    }


def faces(
    found: FacesInView | None, sets: Callable[[int, Sequence[float]], Mapping[str, object]]
) -> dict[str, Any] | None:
    """A frame on which a face is chosen by a click.

    sets: by a face's place from the left and its box, what its choice sets the node's widgets to
    """
    if found is None:
        return None
    from PIL import Image

    path = host.temporary_file("_faces.jpg")
    picture = Image.fromarray(found.pixels)
    picture.thumbnail((FACES_SIDE, FACES_SIDE))
    picture.save(path, quality=85)
    return {
        "picture": temporary(path),
        "size": [found.pixels.shape[1], found.pixels.shape[0]],
        "chosen": found.chosen,
        "faces": [
            {"box": [round(edge, 1) for edge in box], "sets": dict(sets(place, box))}
            for place, box in enumerate(found.boxes.tolist())
        ],
    }
