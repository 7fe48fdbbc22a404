"""As much of ComfyUI 0.3.64 as the nodes touch, for tests where there is no ComfyUI.

It is as strict as that version: a keyword that it doesn't know is a TypeError.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import torch


class Socket:
    """A type of socket, with its Input and Output."""

    def __init__(self, kind: str, *keywords: str) -> None:
        self.io_type = kind
        self.keywords = keywords

    def Input(self, id: str, **given: Any) -> SimpleNamespace:  # noqa: ANN401
        known = {"display_name", "optional", "tooltip", "lazy", *self.keywords}
        if unknown := set(given) - known:
            raise TypeError(
                f"{self.io_type}.Input() got an unexpected keyword argument {sorted(unknown)[0]!r}"
            )
        return SimpleNamespace(id=id, io_type=self.io_type, **{"optional": False, "tooltip": None, **given})

    def Output(
        self,
        id: str | None = None,
        display_name: str | None = None,
        tooltip: str | None = None,
    ) -> SimpleNamespace:
        return SimpleNamespace(id=id, io_type=self.io_type, display_name=display_name, tooltip=tooltip)


class MultiType:
    @staticmethod
    def Input(id: str, types: list[Socket], **given: Any) -> SimpleNamespace:  # noqa: ANN401
        return Socket(",".join(each.io_type for each in types)).Input(id, **given)


class IntSocket(Socket):
    """Whose Input has a signature that can be looked at, as ComfyUI's has."""

    @staticmethod
    def Input(  # type: ignore[override]
        id: str,
        display_name: str | None = None,
        optional: bool = False,
        tooltip: str | None = None,
        default: int | None = None,
        min: int | None = None,
        max: int | None = None,
        step: int | None = None,
        control_after_generate: bool | None = None,
        force_input: bool | None = None,
    ) -> SimpleNamespace:
        return SimpleNamespace(
            id=id,
            io_type="INT",
            optional=optional,
            tooltip=tooltip,
            default=default,
            min=min,
            max=max,
            control_after_generate=control_after_generate,
        )


@dataclass
class Schema:
    node_id: str
    display_name: str = ""
    category: str = "sd"
    inputs: list[Any] = field(default_factory=list)
    outputs: list[Any] = field(default_factory=list)
    description: str = ""
    is_output_node: bool = False
    hidden: list[Any] | None = None


class NodeOutput:
    def __init__(self, *args: Any, ui: Any = None) -> None:  # noqa: ANN401
        self.args, self.ui = args, ui


class Shown:
    """What a node shows on its face."""

    def __init__(self, **values: Any) -> None:  # noqa: ANN401
        self.values = values

    def as_dict(self) -> dict[str, Any]:
        return self.values


class ComfyNode:
    @classmethod
    def define_schema(cls) -> Schema:
        raise NotImplementedError

    @classmethod
    def GET_SCHEMA(cls) -> Schema:
        schema = cls.define_schema()
        ids = [each.id for each in schema.inputs] + [each.id for each in schema.outputs if each.id]
        if len(set(ids)) != len(ids):
            raise ValueError(f"Ids must be unique: {ids}")
        return schema


class VideoFromFile:
    def __init__(self, file: Any) -> None:  # noqa: ANN401
        self.file = file

    def get_stream_source(self) -> Any:  # noqa: ANN401
        return self.file

    def get_dimensions(self) -> tuple[int, int]:
        import av

        with av.open(self.file) as container:
            return container.streams.video[0].width, container.streams.video[0].height


class VideoFromComponents:
    def __init__(self, components: Any) -> None:  # noqa: ANN401
        self.components = components

    def get_components(self) -> Any:  # noqa: ANN401
        return self.components


@dataclass
class Manager:
    """ComfyUI's memory manager: notes what it is asked to load, and whether the user wants to stop."""

    stopped: bool = False
    loaded: list[list[Any]] = field(default_factory=list)

    class Interrupted(BaseException):
        """The user stopped the run."""

    def throw_exception_if_processing_interrupted(self) -> None:
        if self.stopped:
            self.stopped = False
            raise Manager.Interrupted

    def load_models_gpu(self, models: list[Any], memory_required: int = 0) -> None:
        self.loaded.append(list(models))

    def get_torch_device(self) -> torch.device:
        return torch.device("cpu")

    unet_offload_device = intermediate_device = get_torch_device

    def get_torch_device_name(self, device: torch.device) -> str:
        return device.type

    def get_free_memory(self, device: torch.device) -> int:
        return 4_000_000_000

    def should_use_fp16(self, device: torch.device) -> bool:
        return False


class ProgressBar:
    """Notes what it showed."""

    shown: list[int]
    last: ProgressBar | None = None

    def __init__(self, total: int) -> None:
        self.total, self.shown, self.pictures = total, [], 0
        ProgressBar.last = self

    def update_absolute(self, value: int, total: int, preview: object = None) -> None:
        self.shown.append(value)
        self.pictures += preview is not None


@dataclass
class ModelPatcher:
    model: torch.nn.Module
    load_device: torch.device
    offload_device: torch.device


def install(base: Path) -> Manager:
    """Make the stand-in importable under ComfyUI's names; `base` holds models and temporary files."""
    widget = ("default", "force_input")
    number = (*widget, "min", "max", "step", "round")
    io = SimpleNamespace(
        Schema=Schema,
        ComfyNode=ComfyNode,
        NodeOutput=NodeOutput,
        Hidden=SimpleNamespace(unique_id="UNIQUE_ID", prompt="PROMPT"),
        Custom=Socket,
        MultiType=MultiType,
        Int=IntSocket("INT"),
        Float=Socket("FLOAT", *number),
        Boolean=Socket("BOOLEAN", *widget),
        String=Socket("STRING", *widget, "multiline", "placeholder"),
        Combo=Socket("COMBO", *widget, "options"),
        FolderType=SimpleNamespace(temp="temp", output="output"),
        **{name: Socket(name.upper()) for name in ("Image", "Mask", "Audio", "Video")},
    )
    ui = SimpleNamespace(
        PreviewText=lambda text: Shown(text=(text,)),
        SavedResult=lambda *where: where,
        PreviewVideo=lambda files: Shown(images=files, animated=(True,)),
    )
    manager = Manager()
    models = base / "models"
    folders: dict[str, tuple[list[str], set[str]]] = {}
    _module(
        "comfy_api.latest",
        io=io,
        ui=ui,
        ComfyExtension=object,
        Input=SimpleNamespace(Video=object),
        InputImpl=SimpleNamespace(VideoFromFile=VideoFromFile, VideoFromComponents=VideoFromComponents),
    )
    sys.modules["comfy.model_management"] = manager  # type: ignore[assignment]
    _module("comfy.model_patcher", ModelPatcher=ModelPatcher)
    _module("comfy.utils", ProgressBar=ProgressBar)
    _module(
        "comfy.cli_args", args=SimpleNamespace(force_fp32=False, disable_metadata=False, listen="127.0.0.1")
    )
    _module(
        "comfy",
        model_management=manager,
        model_patcher=sys.modules["comfy.model_patcher"],
        utils=sys.modules["comfy.utils"],
    )
    _module(
        "folder_paths",
        models_dir=str(models),
        folder_names_and_paths=folders,
        add_model_folder_path=lambda name, path: folders.setdefault(name, ([path], set())),
        get_temp_directory=lambda: str(base / "temp"),
        get_user_directory=lambda: str(base / "user"),
        get_input_directory=lambda: str(base / "input"),
        get_annotated_filepath=lambda name: str(base / "input" / name),
        exists_annotated_filepath=lambda name: (base / "input" / name).exists(),
        filter_files_content_types=_of_kinds,
        get_output_directory=lambda: str(base / "output"),
        get_save_image_path=_save_path,
    )
    return manager


def _of_kinds(names: list[str], kinds: list[str]) -> list[str]:
    """The files that are a video, or a sound, by their names."""
    endings = {"video": (".mp4", ".mov", ".mkv"), "audio": (".wav", ".flac", ".mp3")}
    return [name for name in names if name.endswith(tuple(each for kind in kinds for each in endings[kind]))]


def _save_path(prefix: str, outputs: str, width: int, height: int) -> tuple[str, str, int, str, str]:
    """A numbered place below the output folder; its name may hold %width% and %height%."""
    prefix = prefix.replace("%width%", str(width)).replace("%height%", str(height))
    folder = Path(outputs) / Path(prefix).parent
    folder.mkdir(parents=True, exist_ok=True)
    name = Path(prefix).name
    count = 1 + sum(path.name.startswith(f"{name}_") for path in folder.iterdir())
    return str(folder), name, count, str(Path(prefix).parent), prefix


def _module(name: str, **content: Any) -> None:  # noqa: ANN401
    module = ModuleType(name)
    vars(module).update(content)
    sys.modules[name] = module
    if "." in name:
        sys.modules.setdefault(name.split(".")[0], ModuleType(name.split(".")[0]))
