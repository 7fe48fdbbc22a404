"""Look at two clips at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from comfy_api.latest import Input, io
from torch import Tensor

from . import host, media, panel, sockets
from .schema import meant, node_schema

if TYPE_CHECKING:
    from fractions import Fraction

    from ..retalk_core.media.clip import Clip
    from ..retalk_core.media.sound import SoundStream


ORDERS = {  # whose sound is heard: the first of these that has any
    "second": ("second", "first"),
    "first": ("first", "second"),
    "none": (),
}


class CompareVideos(io.ComfyNode):
    """Compare two clips."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkCompareVideos",
            "Compare Videos",
            "dub",
            "Plays two clips at the same moments on the node, with a wipe or side by side, and hands on a "
            "video of both beside each other. Both are streamed, so their length doesn't matter.",
            aliases=["compare", "before after", "side by side", "wipe", "a/b", "difference", "player"],
            shows_text=True,
            ends=True,
            inputs=[
                sockets.clip_input("first", "The one clip, such as the source: IMAGE frames or a VIDEO."),
                sockets.clip_input("second", "The other clip, such as the dub: IMAGE frames or a VIDEO."),
                io.Combo.Input(
                    "sound",
                    options=list(ORDERS),
                    default="second",
                    tooltip="Whose sound is heard. Where a clip has none, the other's is taken.",
                ),
                io.Float.Input(
                    "fps",
                    default=25.0,
                    min=0.01,
                    max=1000.0,
                    step=0.001,
                    tooltip="Frames per second of an IMAGE batch, from 1 to 1000. A VIDEO knows its own, and "
                    "this is not used.",
                ),
            ],
            outputs=[
                io.Video.Output(
                    display_name="video",
                    tooltip="Both side by side, as high as the first; a file in ComfyUI's temporary folder.",
                )
            ],
        )

    @classmethod
    @host.in_words
    def execute(
        cls, first: Input.Video | Tensor, second: Input.Video | Tensor, sound: str, fps: float
    ) -> io.NodeOutput:
        from ..retalk_core.reports.compare import common_moments, compare_clips

        path = host.temporary_file(".mp4")
        copies = host.temporary_file("_before.mp4"), host.temporary_file("_after.mp4")
        with media.clip_of(first, fps) as one, media.clip_of(second, fps) as two:
            given = {"first": (first, one), "second": (second, two)}
            end = common_moments(one, two).end
            heard = _heard([given[name] for name in meant(sound, ORDERS)], end)
            pair = compare_clips(one, two, path, copies, heard, host.Bar()())
        height, width = pair.size
        text = f"{pair.seconds:.2f} s at {pair.rate:g} frames per second; side by side {width}x{height}"
        told = host.say(cls, text)
        shown = panel.player(*copies, pair.rate, pair.seconds) | {"names": ["first", "second"]}
        return io.NodeOutput(media.video(path), ui=panel.words(told, player=shown))


def _heard(given: list[tuple[Input.Video | Tensor, Clip]], end: Fraction) -> SoundStream | None:
    """The sound of the first of some clips that has any, as long as is played."""
    return next(filter(None, (media.sound_of(video, clip, end) for video, clip in given)), None)
