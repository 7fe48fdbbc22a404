"""One socket for each of the core's types and for each network."""

from __future__ import annotations

from comfy_api.latest import io

from ..models.catalog import loaders

FaceTrack = io.Custom("RETALK_FACE_TRACK")
FaceCrops = io.Custom("RETALK_FACE_CROPS")
Coefficients = io.Custom("RETALK_COEFFICIENTS")
Expression = io.Custom("RETALK_EXPRESSION")
MelWindows = io.Custom("RETALK_MEL_WINDOWS")
DubOptions = io.Custom("RETALK_DUB_OPTIONS")

# A HostedNetwork each, by what a node loads; named are those that a node of a stage takes
NETWORKS = {loader.kind: io.Custom(loader.socket) for loader in loaders()}
Face3D = NETWORKS["Face3D"]
DNet = NETWORKS["DNet"]
LNet = NETWORKS["LNet"]
ENet = NETWORKS["ENet"]
Ganimation = NETWORKS["Ganimation"]
Parser = NETWORKS["Parser"]
Restorer = NETWORKS["Restorer"]

Lips = io.Custom("RETALK_LIPS")  # networks.HostedLips: what draws the lips, with its networks
Models = io.Custom("RETALK_MODELS")  # HostNetworks: all of them

# Of other makers
FaceLandmarks = io.Custom("FACE_LANDMARKS")  # ComfyUI's own, from MediaPipe Face Landmarker
VideoInfo = io.Custom("VHS_VIDEOINFO")  # VideoHelperSuite's


def lips_input(name: str, tooltip: str) -> io.MultiType.Input:
    """An input for what draws the lips; L-Net alone, from its own loader, is taken as that."""
    return io.MultiType.Input(name, types=[Lips, LNet], tooltip=tooltip)


def clip_input(name: str, tooltip: str, **more: bool) -> io.MultiType.Input:
    """An input for pictures or a video."""
    return io.MultiType.Input(name, types=[io.Image, io.Video], tooltip=tooltip, **more)
