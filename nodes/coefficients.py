"""Read head pose and expression off a face."""

from __future__ import annotations

from typing import TYPE_CHECKING

from comfy_api.latest import io
from torch import Tensor

from . import host, media, networks, sockets
from .schema import ADVANCED, BATCH_TIP, node_schema

if TYPE_CHECKING:
    from ..retalk_core.types import FaceCrops, FaceTrack


class Fit3DMM(io.ComfyNode):
    """Fit a 3D morphable model to a face."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkFit3DMM",
            "Fit 3DMM",
            "coefficients",
            "Reads a 3D morphable model's coefficients off the face in every frame: how the head is held, "
            "which expression it has. D-Net is told of them.",
            aliases=["3d face reconstruction", "deep3d", "coefficients", "head pose", "bfm"],
            inputs=[
                io.Image.Input("faces", tooltip="Crops in the portrait framing, from Crop Faces."),
                sockets.FaceCrops.Input(
                    "face_crops", tooltip="Where they came from, of the same Crop Faces."
                ),
                sockets.FaceTrack.Input("face_track", tooltip="The track that they were cut with."),
                sockets.Face3D.Input("face3d", tooltip="From Load 3DMM Regressor."),
                io.Int.Input("batch_size", default=0, min=0, max=256, tooltip=BATCH_TIP, **ADVANCED),
            ],
            outputs=[
                sockets.Coefficients.Output(
                    display_name="coefficients", tooltip="One row for each frame, for Neutralise Expression."
                )
            ],
        )

    @classmethod
    @host.in_words
    def execute(
        cls,
        faces: Tensor,
        face_crops: FaceCrops,
        face_track: FaceTrack,
        face3d: networks.HostedNetwork,
        batch_size: int,
    ) -> io.NodeOutput:
        from ..retalk_core.stages.coefficients import fit_coefficients, hold_absent, track_landmarks_in

        given = media.pictures(faces, "faces")
        media.same_count(faces=given, face_crops=face_crops, face_track=face_track)
        landmarks = track_landmarks_in(face_crops, face_track, given.shape[1])
        with networks.running(face3d) as (network, progress):
            found = fit_coefficients(
                network,
                given,
                landmarks,
                batch_size=networks.batch_size(face3d, batch_size),
                progress=progress,
            )
        return io.NodeOutput(hold_absent(found, face_track.present, face_track.shot))
