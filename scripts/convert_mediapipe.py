"""Turn MediaPipe's face networks into the safetensors files under models/weights.

Download the two packages (npm pack @mediapipe/face_mesh@0.4.1657299874 and
@mediapipe/face_detection@0.4.1657300184), unpack them, and run

    python scripts/convert_mediapipe.py MESH_PACKAGE DETECTION_PACKAGE [--check] [--record]

It needs the packages retalk-nodes and tflite; --check compares with the original runtime and needs
ai-edge-litert. The weights are stored in fp16, as they are in the originals: nothing is lost.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tflite
import torch
from retalk_nodes.models.detector import WEIGHTS, FullRangeDetector, ShortRangeDetector, load_weights
from retalk_nodes.models.landmarks import FaceMesh
from safetensors.torch import save
from torch import Tensor, nn

GOLDEN = Path(__file__).parent.parent / "tests" / "golden" / "face_networks.safetensors"
MESH_PACKAGE = "npm package @mediapipe/face_mesh, version 0.4.1657299874"
DETECTION_PACKAGE = "npm package @mediapipe/face_detection, version 0.4.1657300184"
EYE_OUTPUTS = (2 * 71, 2 * 5)  # values of each refined eye and iris
WEIGHTED = (
    tflite.BuiltinOperator.CONV_2D,
    tflite.BuiltinOperator.DEPTHWISE_CONV_2D,
    tflite.BuiltinOperator.PRELU,
)


@dataclass(frozen=True)
class Source:
    """One of MediaPipe's networks: the bytes of a file, and the names of its layers in their order."""

    package: str
    file: str
    part: slice  # bytes of the file
    sha256: str  # of that part
    build: Callable[[], nn.Module]
    layers: Callable[[], list[str]]


def separable(prefix: str) -> list[str]:
    """The layers of a SeparableBlock with ReLU, in the order of running."""
    return [f"{prefix}.depthwise", f"{prefix}.pointwise"]


def bottleneck(prefix: str) -> list[str]:
    """The layers of a BottleneckBlock, in the order of running."""
    return [f"{prefix}.{part}" for part in ("depthwise", "squeeze", "inner", "expand")]


def short_layers() -> list[str]:
    """The short-range detector's layers in the order of the original's operations."""
    fine = [name for i in range(11) for name in separable(f"fine.{i}")]
    coarse = [name for i in range(5) for name in separable(f"coarse.{i}")]
    heads = ["fine_head.score", "coarse_head.score", "fine_head.box", "coarse_head.box"]
    return ["stem.0", *fine, *coarse, *heads]


def full_layers() -> list[str]:
    """The full-range detector's layers in the order of the original's operations."""
    names = ["stem.0"]
    for stage, depth in enumerate((5, 3, 3, 4)):
        names += [name for i in range(depth) for name in bottleneck(f"down.{stage}.{i}")]
    for level, depth in enumerate((2, 2, 1)):
        names += [f"up.{level}.coarse", f"up.{level}.fine"]
        names += [name for i in range(depth) for name in bottleneck(f"up.{level}.blocks.{i}")]
    return [*names, "head.score", "head.box"]


def mesh_layers() -> list[str]:
    """FaceMesh's layers in the order of the original's operations."""

    def blocks(prefix: str, depth: int) -> list[str]:
        return [
            f"{prefix}.{i}.{part}" for i in range(depth) for part in ("depthwise", "pointwise", "activation")
        ]

    def condense(prefix: str) -> list[str]:
        return [f"{prefix}.0", f"{prefix}.1", *blocks(f"{prefix}.2", 1)]

    names = ["stem.0", "stem.1", *blocks("fine", 3), *blocks("coarse", 14), *condense("condense"), "points"]
    return [*names, *blocks("lips.0", 11), *condense("lips.1"), "lips.2", "presence"]


SOURCES = {
    "face_detector_short": Source(
        package=MESH_PACKAGE,
        file="face_mesh_solution_packed_assets.data",
        part=slice(3757224, 3986256),
        sha256="3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633",
        build=ShortRangeDetector,
        layers=short_layers,
    ),
    "face_detector_full": Source(
        package=DETECTION_PACKAGE,
        file="face_detection_full_range.tflite",
        part=slice(None),
        sha256="99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3",
        build=FullRangeDetector,
        layers=full_layers,
    ),
    "face_mesh": Source(
        package=MESH_PACKAGE,
        file="face_mesh_solution_packed_assets.data",
        part=slice(0, 2495952),
        sha256="883b7411747bac657c30c462d305d312e9dec6adbf8b85e2f5d8d722fca9455d",
        build=FaceMesh,
        layers=mesh_layers,
    ),
}


def read_source(source: Source, folders: dict[str, Path]) -> bytes:
    """The bytes of one network, or an end with what was found in its place."""
    found = sorted(folders[source.package].rglob(source.file))
    if not found:
        sys.exit(f"{source.file} is not under {folders[source.package]}; it comes with the {source.package}.")
    data = found[0].read_bytes()[source.part]
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 != source.sha256:
        sys.exit(f"{found[0]} is another version: sha256 {sha256}, expected {source.sha256}.")
    return data


def read_layers(data: bytes) -> Iterator[list[np.ndarray]]:
    """The constants of each convolution and PReLU of a tflite network, in the order of running.

    What leads to the refined eyes and irises only is left out.
    """
    model = tflite.Model.GetRootAsModel(data, 0)
    graph = model.Subgraphs(0)
    operators = [graph.Operators(i) for i in range(graph.OperatorsLength())]
    wanted = [i for i in graph.OutputsAsNumpy() if shape_of(graph, i)[-1] not in EYE_OUTPUTS]
    needed = {int(i) for i in wanted}
    for operator in reversed(operators):
        if operator.Outputs(0) in needed:
            needed.update(operator.InputsAsNumpy().tolist())
    fp16 = {}  # the fp16 constant behind each tensor that the network widens to fp32 before use
    for operator in operators:
        code = model.OperatorCodes(operator.OpcodeIndex())
        kind = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        inputs = [int(i) for i in operator.InputsAsNumpy()]
        if kind == tflite.BuiltinOperator.DEQUANTIZE:
            fp16[operator.Outputs(0)] = inputs[0]
        elif kind in WEIGHTED and operator.Outputs(0) in needed:
            constants = [read_constant(model, graph.Tensors(fp16[i])) for i in inputs[1:]]
            yield [to_torch_order(constant, kind) for constant in constants]


def shape_of(graph: tflite.SubGraph, index: int) -> list[int]:
    """A tensor's shape."""
    return [int(size) for size in graph.Tensors(index).ShapeAsNumpy()]


def read_constant(model: tflite.Model, tensor: tflite.Tensor) -> np.ndarray:
    """A tensor's stored fp16 values."""
    if tensor.Type() != tflite.TensorType.FLOAT16 or tensor.Sparsity() is not None:
        sys.exit("A constant is not stored as dense fp16; this is not the file the script was written for.")
    values = np.frombuffer(model.Buffers(tensor.Buffer()).DataAsNumpy().tobytes(), np.float16)
    return values.reshape([int(size) for size in tensor.ShapeAsNumpy()])


def to_torch_order(constant: np.ndarray, kind: int) -> np.ndarray:
    """A kernel's axes in torch's order; everything else as a vector."""
    if constant.ndim < 4:
        return constant.reshape(-1)
    depthwise = kind == tflite.BuiltinOperator.DEPTHWISE_CONV_2D
    return constant.transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2))


def convert(source: Source, data: bytes) -> dict[str, Tensor]:
    """The network's state dict in fp16."""
    network = source.build()
    state = {}
    for name, constants in zip(source.layers(), read_layers(data), strict=True):
        for part, constant in zip(("weight", "bias"), constants, strict=False):
            state[f"{name}.{part}"] = torch.from_numpy(constant.copy())
    network.load_state_dict(state, strict=True)
    return state


def write(path: Path, state: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file whose bytes depend on nothing but its content."""
    data = save(state, metadata)
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8:start]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    path.write_bytes(len(header).to_bytes(8, "little") + header + data[start:])


def check(name: str, data: bytes) -> dict[str, Tensor]:
    """Print how far the converted network's outputs are from the original's; return input and outputs."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=data, num_threads=1)
    interpreter.allocate_tensors()
    slot = interpreter.get_input_details()[0]
    side = int(slot["shape"][1])
    picture = recipe_picture(side)
    scaled = picture if name == "face_mesh" else picture * 2 - 1
    interpreter.set_tensor(slot["index"], scaled.permute(0, 2, 3, 1).contiguous().numpy())
    interpreter.invoke()
    expected = [
        torch.from_numpy(interpreter.get_tensor(o["index"])) for o in interpreter.get_output_details()
    ]

    network = load_weights(SOURCES[name].build(), WEIGHTS / f"{name}.safetensors")
    with torch.inference_mode():
        first, second = network(scaled) if name == "face_mesh" else reversed(network.read(scaled))
    outputs = {"points": first, "scores": second}
    recorded = {}
    for (key, output), reference in zip(outputs.items(), expected, strict=True):
        reference = reference.reshape(output.shape)
        largest = (output - reference).abs().max()
        print(
            f"{name} {key}: differs by {largest:.1e} at most, where values reach {reference.abs().max():.4g}"
        )
        recorded[f"{name}.{key}"] = reference.contiguous()
    return recorded


def recipe_picture(side: int) -> Tensor:
    """A face of four ellipses, (1, 3, side, side) in [0, 1]; the tests draw the same one."""
    axis = (torch.arange(side) + 0.5) / side
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    picture = torch.stack([0.3 + 0.2 * x, 0.4 + 0.2 * y, 0.5 - 0.2 * x])
    for centre, radii, colour in (
        ((0.5, 0.5), (0.28, 0.38), (0.85, 0.65, 0.55)),
        ((0.38, 0.42), (0.06, 0.03), (0.1, 0.1, 0.15)),
        ((0.62, 0.42), (0.06, 0.03), (0.1, 0.1, 0.15)),
        ((0.5, 0.7), (0.11, 0.03), (0.6, 0.2, 0.2)),
    ):
        inside = ((x - centre[0]) / radii[0]) ** 2 + ((y - centre[1]) / radii[1]) ** 2 < 1
        picture = torch.where(inside, torch.tensor(colour)[:, None, None], picture)
    return picture[None]


def main() -> None:
    """Convert all three networks; compare and record where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("mesh_package", type=Path, help="the unpacked @mediapipe/face_mesh")
    parser.add_argument("detection_package", type=Path, help="the unpacked @mediapipe/face_detection")
    parser.add_argument("--check", action="store_true", help="compare with the original runtime")
    parser.add_argument("--record", action="store_true", help="compare, and keep the outputs for the tests")
    args = parser.parse_args()
    folders = {MESH_PACKAGE: args.mesh_package, DETECTION_PACKAGE: args.detection_package}
    recorded: dict[str, Tensor] = {}
    for name, source in SOURCES.items():
        data = read_source(source, folders)
        metadata = {
            "source": f"{source.package}, {source.file}",
            "sha256": source.sha256,
            "licence": "Apache-2.0",
        }
        path = WEIGHTS / f"{name}.safetensors"
        write(path, convert(source, data), metadata)
        stored = path.read_bytes()
        print(f"{path.name}: {len(stored)} bytes, sha256 {hashlib.sha256(stored).hexdigest()}")
        if args.check or args.record:
            recorded |= check(name, data)
    if args.record:
        write(GOLDEN, recorded)


if __name__ == "__main__":
    main()
