"""Save a dub as it was encoded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import folder_paths
from comfy.cli_args import args
from comfy_api.latest import Input, io, ui

from . import host, media, panel, wiring
from .schema import node_schema


class SaveDub(io.ComfyNode):
    """Save a video as it was encoded."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkSaveDub",
            "Save Dub",
            "dub",
            "Saves a video in ComfyUI's output folder as it was encoded: H.264, HEVC, ProRes and FFV1 alike. "
            "It is signed if a certificate is configured. ComfyUI's Save Video can't save ProRes and FFV1.",
            aliases=["save video", "prores", "ffv1", "hevc", "mov", "mkv", "export", "lossless"],
            inputs=[
                io.Video.Input(
                    "video",
                    tooltip="From Dub Video. A trimmed video, or one in memory, is encoded by ComfyUI first.",
                ),
                io.String.Input(
                    "filename_prefix",
                    default="video/retalk",
                    tooltip="The name, with subfolders. Words as in Save Video: %date:yyyy-MM-dd%, %width%, "
                    "%Node.widget%.",
                ),
            ],
            outputs=[
                io.Video.Output(display_name="video", tooltip="The saved file, as a video."),
                io.String.Output(display_name="path", tooltip="Where it was saved."),
            ],
            shows_text=True,
            sees_graph=True,
            ends=True,
        )

    @classmethod
    @host.in_words
    def execute(cls, video: Input.Video, filename_prefix: str) -> io.NodeOutput:
        from ..retalk_core.media.saving.keep import is_played, keep, suffix_of

        with media.finished_file(video) as source:
            target, subfolder = _place(cls, filename_prefix, suffix_of(source), video.get_dimensions())
            keep(source, target, {} if args.disable_metadata else _words(cls))
            told = "\n".join([str(target), *_signed(source, target)])
        text = host.say(cls, told)
        saved = ui.SavedResult(target.name, subfolder, io.FolderType.output)
        if is_played(target):
            shown = panel.words_beside(ui.PreviewVideo([saved]), text)
        else:  # a player on the node would only say that it can't play it
            shown = {"files": [saved], **panel.words(text)}
        return io.NodeOutput(media.video(target), str(target), ui=shown)


def _place(node: type[io.ComfyNode], prefix: str, suffix: str, size: tuple[int, int]) -> tuple[Path, str]:
    """A new file's path, and its folder below the output folder.

    size: width, height. Raises InputError for a place outside of that folder
    """
    from ..retalk_core.errors import InputError
    from ..retalk_core.media.saving.names import spelled_out

    outputs = Path(folder_paths.get_output_directory()).resolve()
    wanted = spelled_out(prefix, datetime.now(), wiring.workflow_of(node)[0])
    if not (outputs / wanted).resolve().is_relative_to(outputs):
        raise InputError(
            f"filename_prefix is {prefix}, which leads out of ComfyUI's output folder {outputs}: give a name "
            "below it."
        )
    folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(wanted, str(outputs), *size)
    return Path(folder) / f"{name}_{counter:05}_{suffix}", subfolder


def _signed(source: Path, target: Path) -> Iterator[str]:
    """Sign a saved file where a certificate is configured, and say by whom; the workflow is in it by now."""
    from ..retalk_core.errors import RetalkError
    from ..retalk_core.files import sha256_of
    from ..retalk_core.provenance.finish import finish_copy, open_records

    try:
        told = finish_copy(target, sha256_of(source), open_records(host.records_folder()))
    except RetalkError as error:
        yield f"not signed: {error}"
        return
    if told.signed:
        yield f"signed by {told.signed}"
    yield from told.notes


def _words(node: type[io.ComfyNode]) -> dict[str, str]:
    """The workflow, as ComfyUI's own nodes write it into files."""
    hidden = getattr(node, "hidden", None)
    told = {**(getattr(hidden, "extra_pnginfo", None) or {})}
    if prompt := wiring.workflow_of(node)[0]:
        told["prompt"] = prompt
    return {name: json.dumps(value) for name, value in told.items()}
