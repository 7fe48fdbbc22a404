"""The nodes that workflows are made of, as the editor and the server see them: inputs, widgets, outputs."""

from __future__ import annotations

import asyncio
import functools
import importlib
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PACK = "retalk-nodes"  # this pack, ComfyUI and VideoHelperSuite, as the registry calls them
CORE = "comfy-core"
VHS = "comfyui-videohelpersuite"
CORE_FLOOR = "0.3.64"
VHS_VERSION = "1.5.0"
WIDGETS = {"INT", "FLOAT", "BOOLEAN", "STRING", "COMBO"}  # types that the editor draws as widgets

# What a node needs below its slots and widgets to show something, in the editor's pixels.
PREVIEWS = {
    "ReTalkDubVideo": 520,
    "ReTalkDubFrames": 200,
    "ReTalkDetectFaces": 360,
    "ReTalkPreviewTrack": 450,
    "ReTalkDemoClip": 540,
    "ReTalkDemoVoice": 100,
    "ReTalkSaveDub": 530,
    "ReTalkDetectOrigin": 160,
    "ReTalkGetModels": 260,
    "ReTalkJudgeVideo": 200,
    "ReTalkJudgeFrames": 200,
    "ReTalkKeepBetter": 160,
    "LoadVideo": 445,
    "LoadImage": 320,
    "LoadAudio": 40,
    "GetVideoComponents": 40,  # newer versions have two more outputs
    "SaveVideo": 440,
    "SaveImage": 280,
    "PreviewImage": 280,
    "MaskPreview": 280,
    "PreviewAny": 220,
    "VHS_LoadVideo": 280,
    "VHS_VideoCombine": 280,
}


@dataclass(frozen=True)
class Slot:
    """An input or output that is wired."""

    name: str
    type: str
    optional: bool = False


@dataclass(frozen=True)
class Widget:
    """An input that has a value of its own; it can be wired too."""

    name: str
    type: str
    default: Any


@dataclass(frozen=True)
class Interface:
    """One kind of node."""

    type: str
    title: str
    sockets: tuple[Slot, ...]
    widgets: tuple[Widget, ...]
    outputs: tuple[Slot, ...]
    pack: str
    version: str
    stored: tuple[Any, ...] = ()  # values that the editor keeps behind the widgets' own
    by_name: bool = False  # its widgets are kept by their names, not in a row
    ends: bool = False  # it is run although nothing is wired to it

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of all inputs, in the editor's order."""
        return (*(each.name for each in self.sockets), *(each.name for each in self.widgets))

    @property
    def height(self) -> int:
        """Of the node's body in the editor's pixels, slots, widgets and what it shows."""
        rows = max(len(self.sockets), len(self.outputs), 1 if not self.widgets else 0)
        count = len(self.widgets) + len(self.stored)
        return rows * 20 + (count * 24 + 14 if count else 6) + PREVIEWS.get(self.type, 0)

    def slot_height(self, name: str) -> float:
        """How far below the node's top an input's dot is."""
        index = self.inputs.index(name)
        if index < len(self.sockets):
            return (index + 0.7) * 20
        rows = max(len(self.sockets), len(self.outputs))
        return rows * 20 + 8 + (index - len(self.sockets)) * 24 + 10


def _slots(text: str) -> tuple[Slot, ...]:
    """Read "images:IMAGE audio:AUDIO?"; a question mark is for what can be left out."""
    parts = ((*part.rstrip("?").partition(":"), part.endswith("?")) for part in text.split())
    return tuple(Slot(name, kind, optional) for name, _, kind, optional in parts)


def _foreign(
    pack: str,
    kind: str,
    title: str,
    sockets: str = "",
    outputs: str = "",
    widgets: Mapping[str, Any] | None = None,
    **more: Any,  # noqa: ANN401 - fields of Interface
) -> Interface:
    kinds = {bool: "BOOLEAN", int: "INT", float: "FLOAT", str: "STRING"}
    made = tuple(Widget(name, kinds[type(value)], value) for name, value in (widgets or {}).items())
    version = CORE_FLOOR if pack == CORE else VHS_VERSION
    return Interface(kind, title, _slots(sockets), made, _slots(outputs), pack, version, **more)


def _core() -> Iterable[Interface]:
    """Nodes of ComfyUI's own, as 0.3.64 and every later version have them."""
    video = {"outputs": "VIDEO:VIDEO"}
    yield _foreign(CORE, "LoadVideo", "Load Video", widgets={"file": "clip.mp4"}, stored=("image",), **video)
    yield _foreign(
        CORE,
        "LoadAudio",
        "LoadAudio",
        outputs="AUDIO:AUDIO",
        widgets={"audio": "voice.wav"},
        stored=(None, None),
    )
    yield _foreign(
        CORE,
        "LoadImage",
        "Load Image",
        outputs="IMAGE:IMAGE MASK:MASK",
        widgets={"image": "picture.png"},
        stored=("image",),
    )
    yield _foreign(
        CORE,
        "GetVideoComponents",
        "Get Video Components",
        "video:VIDEO",
        "images:IMAGE audio:AUDIO fps:FLOAT",
    )
    yield _foreign(
        CORE, "CreateVideo", "Create Video", "images:IMAGE audio:AUDIO?", widgets={"fps": 30.0}, **video
    )
    yield _foreign(
        CORE,
        "SaveVideo",
        "Save Video",
        "video:VIDEO",
        widgets={"filename_prefix": "video/ComfyUI", "format": "auto", "codec": "auto"},
        ends=True,
    )
    yield _foreign(
        CORE, "SaveImage", "Save Image", "images:IMAGE", widgets={"filename_prefix": "ComfyUI"}, ends=True
    )
    yield _foreign(CORE, "PreviewImage", "Preview Image", "images:IMAGE", ends=True)
    yield _foreign(CORE, "MaskPreview", "MaskPreview", "mask:MASK", ends=True)
    yield _foreign(CORE, "PreviewAny", "Preview Any", "source:*", ends=True)
    yield _foreign(
        CORE,
        "ImageScale",
        "Upscale Image",
        "image:IMAGE",
        "IMAGE:IMAGE",
        {"upscale_method": "lanczos", "width": 512, "height": 512, "crop": "center"},
    )
    yield _foreign(
        CORE,
        "ImageScaleBy",
        "Upscale Image By",
        "image:IMAGE",
        "IMAGE:IMAGE",
        {"upscale_method": "lanczos", "scale_by": 2.0},
    )
    yield _foreign(
        CORE,
        "ImageSharpen",
        "ImageSharpen",
        "image:IMAGE",
        "IMAGE:IMAGE",
        {"sharpen_radius": 1, "sigma": 1.0, "alpha": 1.0},
    )
    yield _foreign(
        CORE,
        "ImageStitch",
        "Image Stitch",
        "image1:IMAGE image2:IMAGE?",
        "IMAGE:IMAGE",
        {"direction": "right", "match_image_size": True, "spacing_width": 0, "spacing_color": "white"},
    )
    yield _foreign(
        CORE,
        "EmptyImage",
        "EmptyImage",
        outputs="IMAGE:IMAGE",
        widgets={"width": 512, "height": 512, "batch_size": 1, "color": 0},
    )
    yield _foreign(
        CORE,
        "SolidMask",
        "SolidMask",
        outputs="MASK:MASK",
        widgets={"value": 1.0, "width": 512, "height": 512},
    )
    yield _foreign(
        CORE,
        "FeatherMask",
        "FeatherMask",
        "mask:MASK",
        "MASK:MASK",
        {"left": 0, "top": 0, "right": 0, "bottom": 0},
    )
    yield _foreign(
        CORE,
        "AudioMerge",
        "Audio Merge",
        "audio1:AUDIO audio2:AUDIO",
        "AUDIO:AUDIO",
        {"merge_method": "add"},
    )


def _vhs() -> Iterable[Interface]:
    """Nodes of VideoHelperSuite, which keeps their values by name."""
    yield _foreign(
        VHS,
        "VHS_LoadVideo",
        "Load Video (Upload)",
        "meta_batch:VHS_BatchManager? vae:VAE?",
        "IMAGE:IMAGE frame_count:INT audio:AUDIO video_info:VHS_VIDEOINFO",
        {
            "video": "clip.mp4",
            "force_rate": 0.0,
            "custom_width": 0,
            "custom_height": 0,
            "frame_load_cap": 0,
            "skip_first_frames": 0,
            "select_every_nth": 1,
            "format": "None",
        },
        by_name=True,
    )
    yield _foreign(
        VHS,
        "VHS_VideoCombine",
        "Video Combine",
        "images:IMAGE audio:AUDIO? meta_batch:VHS_BatchManager? vae:VAE?",
        "Filenames:VHS_FILENAMES",
        {
            "frame_rate": 25.0,
            "loop_count": 0,
            "filename_prefix": "retalk",
            "format": "video/h264-mp4",
            "pix_fmt": "yuv420p",
            "crf": 17,
            "save_metadata": True,
            "trim_to_audio": False,
            "pingpong": False,
            "save_output": True,
        },
        by_name=True,
        ends=True,
    )


def load_pack() -> Any:  # noqa: ANN401 - a module
    """This pack as `retalk_nodes`, beside the tests' stand-in for ComfyUI unless ComfyUI is there."""
    if "comfy_api.latest" not in sys.modules:
        sys.path.append(str(ROOT / "tests" / "nodes"))
        importlib.import_module("stand_in").install(Path(tempfile.gettempdir()) / "retalk_no_comfy")
    if "retalk_nodes" not in sys.modules:
        spec = spec_from_file_location(
            "retalk_nodes", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
        )
        assert spec is not None and spec.loader is not None
        sys.modules["retalk_nodes"] = pack = module_from_spec(spec)
        spec.loader.exec_module(pack)
    return sys.modules["retalk_nodes"]


def _ours() -> Iterable[Interface]:
    """This pack's nodes."""
    pack = load_pack()
    extension = asyncio.run(pack.comfy_entrypoint())
    for node in asyncio.run(extension.get_node_list()):
        yield _described(node.GET_SCHEMA(), pack.__version__)


def _described(schema: Any, version: str) -> Interface:  # noqa: ANN401 - a schema of ComfyUI's
    sockets, widgets = [], []
    for each in schema.inputs:
        kind = str(each.io_type)
        if kind in WIDGETS and not getattr(each, "force_input", None):
            widgets.append(Widget(each.id, kind, _default(each)))
        else:
            sockets.append(Slot(each.id, kind, bool(each.optional)))
    outputs = tuple(Slot(each.display_name, str(each.io_type)) for each in schema.outputs)
    return Interface(
        schema.node_id,
        schema.display_name,
        tuple(sockets),
        tuple(widgets),
        outputs,
        PACK,
        version,
        ends=bool(schema.is_output_node),
    )


def _default(widget: Any) -> Any:  # noqa: ANN401 - an input, and its value
    given = getattr(widget, "default", None)
    return widget.options[0] if given is None and getattr(widget, "options", None) else given


@functools.cache
def interfaces() -> dict[str, Interface]:
    """Every node that a workflow may use, by its type."""
    return {each.type: each for each in (*_ours(), *_core(), *_vhs())}
