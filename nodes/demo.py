"""A clip and a voice that ship with the pack, so that a first run needs no choice."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import folder_paths
from comfy_api.latest import io

from . import host, media, panel
from .schema import node_schema
from .vocabulary import on_canvas

CLIP, VOICE = "demo clip", "demo voice"
CLIP_LICENCE = (
    "The portrait is of Eileen Collins, photographed by NASA: public domain. NASA doesn't endorse this."
)
VOICE_LICENCE = "Spoken by espeak-ng for this project, under the project's own licence."


def _offered(shipped: str, kind: str) -> list[str]:
    """What ships, and the files of a kind in ComfyUI's input folder."""
    folder = Path(folder_paths.get_input_directory())
    names = sorted(path.name for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
    return [shipped, *folder_paths.filter_files_content_types(names, [kind])]


def _problem(file: str | None, shipped: str) -> bool | str:
    """True where a choice is there, else what to do; None is a value that isn't known yet."""
    if file in (None, shipped) or folder_paths.exists_annotated_filepath(file):
        return True
    return on_canvas(f"{file} is not in ComfyUI's input folder: choose another file, or '{shipped}'.")


def _state(file: str | None, shipped: str) -> object:
    if file in (None, shipped):
        return file
    path = folder_paths.get_annotated_filepath(file)
    return file, os.stat(path).st_mtime_ns  # noqa: PTH116 - ComfyUI's paths are texts


class DemoClip(io.ComfyNode):
    """A clip to try things with."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkDemoClip",
            "Demo Clip",
            "demo",
            "A clip that ships with ReTalk, to try a workflow with: a portrait whose head sways. Choose a "
            "video of your own in its place, or put Load Video here. Public domain (NASA).",
            aliases=["example video", "sample clip", "portrait", "test video"],
            inputs=[
                io.Combo.Input(
                    "file",
                    options=_offered(CLIP, "video"),
                    default=CLIP,
                    tooltip="The clip that ships, or a video in ComfyUI's input folder.",
                )
            ],
            outputs=[io.Video.Output(display_name="video", tooltip="The clip.")],
            shows_text=True,
        )

    @classmethod
    def validate_inputs(cls, file: str | None) -> bool | str:
        return _problem(file, CLIP)

    @classmethod
    def fingerprint_inputs(cls, file: str | None) -> object:
        return _state(file, CLIP)

    @classmethod
    @host.in_words
    def execute(cls, file: str) -> io.NodeOutput:
        from ..retalk_core.cli.demo import SHIPPED_CLIP

        if file != CLIP:
            chosen = Path(folder_paths.get_annotated_filepath(file))
            return io.NodeOutput(media.video(chosen), ui=panel.words(file))
        licence = host.say(cls, CLIP_LICENCE)
        shown = host.temporary_file(SHIPPED_CLIP.suffix)
        shutil.copyfile(SHIPPED_CLIP, shown)
        return io.NodeOutput(
            media.video(SHIPPED_CLIP), ui=panel.words_beside(media.video_preview(shown), licence)
        )


class DemoVoice(io.ComfyNode):
    """A voice to try things with."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkDemoVoice",
            "Demo Voice",
            "demo",
            "A voice that ships with ReTalk, to try a workflow with: seven seconds of synthetic English. "
            "Choose a recording of your own in its place, or put LoadAudio here. Under the project's own "
            "licence.",
            aliases=["example audio", "sample voice", "speech", "test audio"],
            inputs=[
                io.Combo.Input(
                    "file",
                    options=_offered(VOICE, "audio"),
                    default=VOICE,
                    tooltip="The voice that ships, or a sound in ComfyUI's input folder.",
                )
            ],
            outputs=[io.Audio.Output(display_name="voice", tooltip="The voice.")],
            shows_text=True,
        )

    @classmethod
    def validate_inputs(cls, file: str | None) -> bool | str:
        return _problem(file, VOICE)

    @classmethod
    def fingerprint_inputs(cls, file: str | None) -> object:
        return _state(file, VOICE)

    @classmethod
    @host.in_words
    def execute(cls, file: str) -> io.NodeOutput:
        from ..retalk_core.cli.demo import SHIPPED_VOICE

        if file != VOICE:
            heard = media.file_sound(Path(folder_paths.get_annotated_filepath(file)))
            return io.NodeOutput(media.audio(heard.samples, heard.rate), ui=panel.words(file))
        licence = host.say(cls, VOICE_LICENCE)
        heard = media.file_sound(SHIPPED_VOICE)
        return io.NodeOutput(media.audio(heard.samples, heard.rate), ui=panel.words(licence))
