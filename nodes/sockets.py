"""One socket for each of the core's types and for each network."""

from __future__ import annotations

from comfy_api.latest import io

FaceTrack = io.Custom("RETALK_FACE_TRACK")
FaceCrops = io.Custom("RETALK_FACE_CROPS")
Coefficients = io.Custom("RETALK_COEFFICIENTS")
Expression = io.Custom("RETALK_EXPRESSION")
MelWindows = io.Custom("RETALK_MEL_WINDOWS")
DubOptions = io.Custom("RETALK_DUB_OPTIONS")

# A HostedNetwork each
Face3D = io.Custom("RETALK_FACE3D")
DNet = io.Custom("RETALK_DNET")
LNet = io.Custom("RETALK_LNET")
ENet = io.Custom("RETALK_ENET")
Ganimation = io.Custom("RETALK_GANIMATION")
Parser = io.Custom("RETALK_PARSER")
Restorer = io.Custom("RETALK_RESTORER")  # GFPGAN or GPEN

Models = io.Custom("RETALK_MODELS")  # HostNetworks: all of them

# Of other makers
FaceLandmarks = io.Custom("FACE_LANDMARKS")  # ComfyUI's own, from MediaPipe Face Landmarker
VideoInfo = io.Custom("VHS_VIDEOINFO")  # VideoHelperSuite's


def clip_input(name: str, tooltip: str, **more: bool) -> io.MultiType.Input:
    """An input for pictures or a video."""
    return io.MultiType.Input(name, types=[io.Image, io.Video], tooltip=tooltip, **more)
