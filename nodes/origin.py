"""Tell what a clip, a sound or a file is: whether ReTalk made it, and who says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import folder_paths
from comfy_api.latest import Input, io
from torch import Tensor

from . import host, media, panel, sockets
from .schema import node_schema

if TYPE_CHECKING:
    from ..retalk_core.media.clip import Clip
    from ..retalk_core.media.sound import SoundArray
    from ..retalk_core.provenance.origin import Evidence
    from ..retalk_core.types import Progress


class DetectOrigin(io.ComfyNode):
    """Tell what a clip is."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkDetectOrigin",
            "Detect Origin",
            "dub",
            "Tells what a clip, a sound or a file is: looks for ReTalk's marks in picture and sound, for a "
            "signature (C2PA), and in this machine's ledger. Finding nothing does not mean that a clip is "
            "real.",
            aliases=["watermark", "provenance", "c2pa", "content credentials", "deepfake", "authenticity"],
            shows_text=True,
            ends=True,
            inputs=[
                sockets.clip_input(
                    "clip",
                    "What shall be looked at: a VIDEO, whose file is looked at too, or IMAGE frames.",
                    optional=True,
                ),
                io.Audio.Input("audio", optional=True, tooltip="A sound to look at. A VIDEO brings its own."),
                io.String.Input(
                    "file",
                    default="",
                    optional=True,
                    placeholder="saved.mp4 [output]",
                    tooltip="A file in ComfyUI's input folder, or with [output] or [temp] behind its name "
                    "in one of these. Pictures and sounds that were loaded have lost what their files said.",
                ),
                io.Float.Input(
                    "fps",
                    default=25.0,
                    min=0.01,
                    max=1000.0,
                    step=0.01,
                    optional=True,
                    tooltip="Frames per second of an IMAGE batch. A VIDEO knows its own.",
                ),
            ],
            outputs=[
                io.String.Output(display_name="report", tooltip="What was found, in graded words."),
                io.String.Output(display_name="json", tooltip="The same for programs."),
                io.Boolean.Output(
                    display_name="found",
                    tooltip="Whether anything of ReTalk's was found. If not, it may still not be real.",
                ),
                io.String.Output(
                    display_name="id", tooltip="The dub's id, or the part of it that a mark carries."
                ),
                io.Image.Output(
                    display_name="heat_map",
                    tooltip="Yellow where the mark is whole, violet where it is missing; grey: unknown.",
                ),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, file: str | None = None, **_: object) -> object:
        from ..retalk_core.provenance.ledger import Ledger

        ledger = Ledger(host.records_folder()).path
        looked_at = [ledger, ledger.with_name(f"{ledger.name}-wal")]
        if file and file.strip():
            looked_at += filter(None, [_annotated(file.strip())])
        return [_stamp(path) for path in looked_at]

    @classmethod
    @host.in_words
    def execute(
        cls,
        clip: Input.Video | Tensor | None = None,
        audio: media.Audio | None = None,
        file: str = "",
        fps: float = 25.0,
    ) -> io.NodeOutput:
        from ..retalk_core.provenance.heat import draw_heat
        from ..retalk_core.provenance.verdicts import origin_facts, origin_lines

        found = _examined(clip, audio, file, fps, host.Bar()())
        text = host.say(cls, "\n".join(origin_lines(found)))
        return io.NodeOutput(
            text,
            json.dumps(origin_facts(found), ensure_ascii=False),
            found.is_dub,
            next(iter(found.ids), ""),
            media.picture(draw_heat(found.picture.heat if found.picture else None)),
            ui=panel.words(text),
        )


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        state = path.stat()
    except (OSError, ValueError):
        return None
    return state.st_size, state.st_mtime_ns


def _examined(
    given: Input.Video | Tensor | None,
    audio: media.Audio | None,
    name: str,
    fps: float,
    progress: Progress,
) -> Evidence:
    """All that was looked for in what is connected. Raises InputError where that is nothing, or too much."""
    from ..retalk_core.errors import InputError
    from ..retalk_core.provenance.credentials import trusted_anchors
    from ..retalk_core.provenance.origin import examine_file, examine_parts

    folder, heard = host.records_folder(), None if audio is None else media.sound(audio, "audio")
    if name.strip():
        if given is not None or heard is not None:
            raise InputError("Both a file and a clip or audio are given: empty file, or disconnect them.")
        return examine_file(_path_of(name.strip()), folder, trusted_anchors(), progress=progress)
    if given is None and heard is None:
        raise InputError("There is nothing to look at: connect a clip or audio, or name a file.")
    if given is None:
        return examine_parts(None, heard, folder, progress=progress)
    if not isinstance(given, Tensor):
        with media.untouched_file(given) as path:
            if path is not None:
                return examine_file(path, folder, trusted_anchors(), sound=heard, progress=progress)
    with media.clip_of(given, fps) as clip:
        own = None if isinstance(given, Tensor) else _own_sound(given, clip)
        return examine_parts(clip, heard or own, folder, progress=progress)


def _own_sound(video: Input.Video, clip: Clip) -> SoundArray | None:
    """What a VIDEO sounds like that is no file any more."""
    import numpy as np

    from ..retalk_core.media.sound import SoundArray

    stream = media.sound_of(video, clip, clip.end)
    return None if stream is None else SoundArray(np.concatenate(list(stream), axis=1), stream.rate)


def _annotated(name: str) -> Path | None:
    """A file as ComfyUI finds it by its name; None where it doesn't let one name it."""
    try:
        return Path(folder_paths.get_annotated_filepath(name)).resolve()
    except (ValueError, OSError):
        return None


def _path_of(name: str) -> Path:
    """A file in one of ComfyUI's folders. Raises InputError for one that lies elsewhere."""
    from ..retalk_core.errors import InputError

    path = _annotated(name)
    known = (
        folder_paths.get_input_directory(),
        folder_paths.get_output_directory(),
        folder_paths.get_temp_directory(),
    )
    if path is None or not any(path.is_relative_to(Path(folder).resolve()) for folder in known):
        raise InputError(
            f"file is {name}, which leads out of ComfyUI's folders: name a file below its input folder, or "
            "below another with [output] or [temp] behind the name."
        )
    return path
