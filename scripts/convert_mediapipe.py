"""Turn MediaPipe's face networks into the safetensors files under models/weights.

Download the two packages (npm pack @mediapipe/face_mesh@0.4.1657299874 and
@mediapipe/face_detection@0.4.1657300184), unpack them, and run

    python scripts/convert_mediapipe.py MESH_PACKAGE DETECTION_PACKAGE [--check] [--record]

It needs the packages retalk-nodes and tflite; --check compares with the original runtimes and needs
ai-edge-litert, mediapipe 0.10.14 and protobuf below 5. The weights are stored in fp16, as they are in
the originals: nothing is lost.
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
from retalk_nodes.models.checkpoint import WEIGHTS, load_weights
from retalk_nodes.models.faces.blazeface import Detector, FullRangeDetector, ShortRangeDetector
from retalk_nodes.models.faces.facemesh import LIPS, FaceMesh
from safetensors.torch import save
from torch import Tensor, nn

GOLDEN = Path(__file__).parent.parent / "tests" / "golden" / "face_networks.safetensors"
MESH_PACKAGE = "npm package @mediapipe/face_mesh, version 0.4.1657299874"
DETECTION_PACKAGE = "npm package @mediapipe/face_detection, version 0.4.1657300184"
EYE_OUTPUTS = (2 * 71, 2 * 5)  # values of each refined eye and iris
EYES = (  # points that the original refines and the conversion doesn't
    *(33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173, 130, 25, 110, 24),
    *(23, 22, 26, 112, 243, 247, 30, 29, 27, 28, 56, 190, 226, 31, 228, 229, 230, 231, 232, 233),
    *(244, 113, 225, 224, 223, 222, 221, 189, 35, 124, 46, 53, 52, 65, 143, 111, 117, 118, 119, 120),
    *(121, 128, 245, 156, 70, 63, 105, 66, 107, 55, 193, 263, 249, 390, 373, 374, 380, 381, 382, 362),
    *(466, 388, 387, 386, 385, 384, 398, 359, 255, 339, 254, 253, 252, 256, 341, 463, 467, 260, 259, 257),
    *(258, 286, 414, 446, 261, 448, 449, 450, 451, 452, 453, 464, 342, 445, 444, 443, 442, 441, 413, 265),
    *(353, 276, 283, 282, 295, 372, 340, 346, 347, 348, 349, 350, 357, 465, 383, 300, 293, 334, 296, 336),
    *(285, 417),
)
EVERY = 8  # anchors are recorded
MESH_GRAPH = """
input_stream: "image"
input_stream: "region"
output_stream: "landmarks"
node {
  calculator: "ConstantSidePacketCalculator"
  output_side_packet: "PACKET:with_attention"
  node_options: {
    [type.googleapis.com/mediapipe.ConstantSidePacketCalculatorOptions]: { packet { bool_value: true } }
  }
}
node {
  calculator: "FaceLandmarkCpu"
  input_stream: "IMAGE:image"
  input_stream: "ROI:region"
  input_side_packet: "WITH_ATTENTION:with_attention"
  output_stream: "LANDMARKS:landmarks"
}
"""
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


def check_detector(name: str, data: bytes) -> dict[str, Tensor]:
    """Print how far a converted detector's outputs are from the original's; return some of the latter."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=data, num_threads=1)
    interpreter.allocate_tensors()
    slot = interpreter.get_input_details()[0]
    picture = recipe_picture(int(slot["shape"][1])).float().div(127.5).sub(1)
    interpreter.set_tensor(slot["index"], picture[None].numpy())
    interpreter.invoke()
    points, scores = (interpreter.get_tensor(o["index"]) for o in interpreter.get_output_details())

    network = load_weights(SOURCES[name].build(), WEIGHTS / f"{name}.safetensors")
    assert isinstance(network, Detector)
    with torch.inference_mode():
        own_scores, own_points = network.read(picture.permute(2, 0, 1)[None])
    recorded = {}
    for part, own, original in (("scores", own_scores, scores), ("points", own_points, points)):
        reference = torch.from_numpy(original).reshape(own.shape)
        report(f"{name} {part}", own, reference)
        recorded[f"{name}.{part}"] = reference[:, ::EVERY].contiguous()
    return recorded


def check_mesh() -> dict[str, Tensor]:
    """Print how far the converted FaceMesh is from the original in a mediapipe graph; return the latter."""
    points = original_mesh(recipe_picture(192).numpy())
    network = load_weights(FaceMesh(), WEIGHTS / "face_mesh.safetensors")
    with torch.inference_mode():
        own, _ = network(recipe_picture(192).permute(2, 0, 1)[None] / 255)
    kept = torch.tensor([i for i in range(468) if i not in EYES])
    report("face_mesh lips", own[:, LIPS], points[:, LIPS])
    report("face_mesh points", own[:, kept], points[:, kept])
    return {"face_mesh.kept": kept, "face_mesh.points": points[:, kept].contiguous()}


def report(name: str, own: Tensor, original: Tensor) -> None:
    """Print the largest difference."""
    largest = (own - original).abs().max()
    print(f"{name}: differ by {largest:.1e} at most; the original reaches {original.abs().max():.4g}")


def original_mesh(crop: np.ndarray) -> Tensor:
    """The points (1, 468, 3) of a crop (192, 192, 3) uint8, in its pixels, by the package mediapipe 0.10.14.

    tflite's own runtime lacks the operations of the second look at the lips.
    """
    import mediapipe
    from mediapipe.framework.formats import rect_pb2
    from mediapipe.python import packet_creator, packet_getter
    from mediapipe.python._framework_bindings import resource_util

    resource_util.set_resource_dir(str(Path(mediapipe.__file__).parent.parent))
    graph = mediapipe.CalculatorGraph(graph_config=MESH_GRAPH)
    found: list[list[tuple[float, float, float]]] = []
    graph.observe_output_stream(
        "landmarks",
        lambda _, packet: found.append([(p.x, p.y, p.z) for p in packet_getter.get_proto(packet).landmark]),
    )
    graph.start_run()
    image = packet_creator.create_image_frame(data=crop, image_format=mediapipe.ImageFormat.SRGB)
    region = rect_pb2.NormalizedRect(x_center=0.5, y_center=0.5, width=1, height=1, rotation=0)
    graph.add_packet_to_input_stream("image", image.at(1))
    graph.add_packet_to_input_stream("region", packet_creator.create_proto(region).at(1))
    graph.close_all_packet_sources()
    graph.wait_until_done()
    return torch.tensor(found[0])[None, :468] * 192


def recipe_picture(side: int) -> Tensor:
    """A face of ellipses, (side, side, 3) uint8."""
    axis = (torch.arange(side) + 0.5) / side
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    picture = torch.stack([80 + 40 * x, 100 + 40 * y, 120 - 40 * x], dim=2)
    for centre, radii, colour in (
        ((0.5, 0.5), (0.27, 0.36), (215, 165, 140)),  # skin
        ((0.38, 0.42), (0.05, 0.022), (30, 25, 40)),  # eyes
        ((0.62, 0.42), (0.05, 0.022), (30, 25, 40)),
        ((0.38, 0.36), (0.07, 0.012), (90, 60, 50)),  # brows
        ((0.62, 0.36), (0.07, 0.012), (90, 60, 50)),
        ((0.5, 0.57), (0.035, 0.02), (150, 100, 90)),  # nose
        ((0.5, 0.68), (0.1, 0.03), (170, 60, 70)),  # lips
        ((0.5, 0.68), (0.07, 0.008), (60, 20, 30)),
    ):
        inside = ((x - centre[0]) / radii[0]) ** 2 + ((y - centre[1]) / radii[1]) ** 2 < 1
        picture[inside] = torch.tensor(colour, dtype=picture.dtype)
    return picture.round().to(torch.uint8)


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
    recorded = {f"picture.{side}": recipe_picture(side) for side in (128, 192)}
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
            recorded |= check_mesh() if name == "face_mesh" else check_detector(name, data)
    if args.record:
        write(GOLDEN, recorded)


if __name__ == "__main__":
    main()
