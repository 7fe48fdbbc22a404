"""ComfyUI nodes: schemas, sockets, devices, progress."""

from __future__ import annotations

from comfy_api.latest import ComfyExtension, io

from . import downloads, host, language
from .blend import LaplacianBlend, PasteBack
from .coefficients import Fit3DMM
from .compare import CompareVideos
from .crops import CropFaces, ReframeFaces
from .demo import DemoClip, DemoVoice
from .downloads import GetModels
from .dub import DubFrames, DubVideo
from .dub_options import DubOptionsNode
from .expression import EditUpperFace, Expression, NeutraliseExpression
from .faces import DetectFaces, EditTrack, FaceTrackFromLandmarks, PreviewTrack
from .judge import JudgeFrames, JudgeVideo, KeepBetter
from .lips import EnhanceIdentity, LipSync, LipSyncPreview
from .loaders import CheckModels, LoadModels, network_loaders
from .origin import DetectOrigin
from .restore import ParseFace, RestoreFace
from .save import SaveDub
from .speech import AudioToMel, FitLength

NODES: list[type[io.ComfyNode]] = [
    DubVideo,
    DubFrames,
    DubOptionsNode,
    CompareVideos,
    LoadModels,
    *network_loaders(),
    CheckModels,
    FitLength,
    DetectFaces,
    EditTrack,
    PreviewTrack,
    FaceTrackFromLandmarks,
    CropFaces,
    ReframeFaces,
    Fit3DMM,
    Expression,
    NeutraliseExpression,
    AudioToMel,
    LipSync,
    EnhanceIdentity,
    LipSyncPreview,
    EditUpperFace,
    ParseFace,
    RestoreFace,
    LaplacianBlend,
    PasteBack,
    SaveDub,
    DetectOrigin,
    GetModels,
    DemoClip,
    DemoVoice,
    JudgeVideo,
    JudgeFrames,
    KeepBetter,
]


class ReTalk(ComfyExtension):
    """The pack, as ComfyUI asks for it."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        downloads.register_addresses()
        language.register_address()
        host.register_folder()  # not in on_load, which old versions don't call
        host.warn_of_two_opencvs()
        return list(NODES)
