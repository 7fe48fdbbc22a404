"""Find a face, follow it, correct its track and show what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from comfy_api.latest import Input, io
from torch import Tensor

from . import host, media, networks, panel, sockets
from .schema import ADVANCED, meant, node_schema

if TYPE_CHECKING:
    from ..retalk_core.faces.choice import FaceChoice
    from ..retalk_core.faces.track import TrackedFace
    from ..retalk_core.media.clip import Clip
    from ..retalk_core.types import FaceTrack


RULES = {  # what the widget offers, and the core's word for it
    "largest": "largest",
    "index from the left": "index",
    "nearest to a point": "point",
    "in the mask": "mask",
}
# What a click beside all faces sets: the widgets named x and y get its place
AT_POINT = {"face": "nearest to a point"}
POINT = {"sets": AT_POINT, "x": "x", "y": "y"}
FPS_TIP = "Frames per second of an IMAGE batch, from 1 to 1000. A VIDEO knows its own, and this is not used."


class DetectFaces(io.ComfyNode):
    """Follow one face."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkDetectFaces",
            "Detect Faces",
            "faces",
            "Finds one person's face in every frame and follows it. Cuts begin a new shot, short gaps are "
            "filled in. Every later stage uses this track. A VIDEO is streamed, so its length doesn't "
            "matter.",
            aliases=["face detection", "face tracking", "landmarks", "mediapipe", "face mesh", "find face"],
            shows_text=True,
            inputs=[
                sockets.clip_input("clip", "The clip: IMAGE frames, or a VIDEO, which needs no memory."),
                io.Combo.Input(
                    "face",
                    options=list(RULES),
                    default="largest",
                    tooltip="Whose face, where several are in view. It is decided anew after each cut.",
                ),
                io.Int.Input(
                    "index",
                    default=0,
                    min=0,
                    max=63,
                    tooltip="For 'index from the left': 0 is the leftmost face.",
                ),
                io.Int.Input(
                    "x",
                    default=0,
                    min=0,
                    max=65535,
                    tooltip="For 'nearest to a point': pixels from the left.",
                ),
                io.Int.Input(
                    "y", default=0, min=0, max=65535, tooltip="For 'nearest to a point': pixels from the top."
                ),
                io.Float.Input("fps", default=25.0, min=0.01, max=1000.0, step=0.001, tooltip=FPS_TIP),
                io.Boolean.Input(
                    "smooth",
                    default=True,
                    tooltip="Calm the landmarks over time. Off: they tremble as the network finds them.",
                    **ADVANCED,
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="For 'in the mask': white over the face that is meant. One picture, or one for "
                    "each frame, of any size.",
                ),
            ],
            outputs=[
                sockets.FaceTrack.Output(
                    display_name="face_track", tooltip="The face in every frame, for all later stages."
                ),
                io.Mask.Output(
                    display_name="mask",
                    tooltip="The face's oval: one mask for each frame of an IMAGE; of a VIDEO, one mask of "
                    "all places where the face is.",
                ),
                io.Image.Output(
                    display_name="sheet", tooltip="At most 32 frames with box and landmarks drawn in."
                ),
                io.String.Output(display_name="report", tooltip="What was found, and where nothing was."),
            ],
        )

    @classmethod
    @host.in_words
    def execute(
        cls,
        clip: Input.Video | Tensor,
        face: str,
        index: int,
        x: int,
        y: int,
        fps: float,
        smooth: bool,
        mask: Tensor | None = None,
    ) -> io.NodeOutput:
        from ..retalk_core.reports.faces import choice_of_faces
        from ..retalk_core.reports.track import describe_track, oval_masks, overlay_sheet, track_lines

        choice = face_choice(meant(face, RULES), index, (x, y), mask)
        with media.clip_of(clip, fps) as source:
            if mask is not None:
                media.same_count(clip=source, mask=media.masks(mask))
            tracked = follow(source, choice, smooth)
            rows = range(len(source))
            sheet = overlay_sheet(source, tracked, rows)
            told = "\n".join(track_lines(describe_track(source, tracked, rows)))
            with networks.face_networks() as lent:
                seen = choice_of_faces(source, tracked, lent)
        report = host.say(cls, told)
        masks = oval_masks(tracked.track, together=not isinstance(clip, Tensor))
        shown = panel.words(report, faces=panel.faces(seen, _nearest), point=POINT)
        return io.NodeOutput(tracked.track, media.mask(masks), media.picture(sheet), report, ui=shown)


def _nearest(place: int, box: Sequence[float]) -> dict[str, object]:
    """What the widgets hold that choose the face in a box."""
    return {**AT_POINT, "x": round((box[0] + box[2]) / 2), "y": round((box[1] + box[3]) / 2)}


def face_choice(rule: str, index: int, point: tuple[int, int], mask: Tensor | None) -> FaceChoice:
    """The core's choice of a face."""
    from ..retalk_core.faces.choice import FaceChoice

    given = None if mask is None else media.masks(mask).numpy()
    return FaceChoice(rule, index, point, given)  # type: ignore[arg-type]  # one of the core's words


def follow(clip: Clip, choice: FaceChoice, smooth: bool) -> TrackedFace:
    """Follow a face through a clip, telling how far it is."""
    from ..retalk_core.faces.follow import track_faces
    from ..retalk_core.media.reader import prefetch

    with networks.face_networks() as lent:
        return track_faces(
            prefetch(clip.frames()),
            lent,
            choice=choice,
            smoothing="savgol" if smooth else "none",
            frame_count=len(clip),
            progress=host.Bar()(),
        )


class EditTrack(io.ComfyNode):
    """Correct a track by hand."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkEditTrack",
            "Edit Track",
            "faces",
            "Corrects a face track by hand in some ranges of time: leaves frames as they are, bridges a bad "
            "stretch from its two sides, places the face where a mask is, or fades the edit.",
            aliases=["fix face", "skip frames", "repair track", "keyframe", "manual"],
            inputs=[
                sockets.FaceTrack.Input("face_track", tooltip="From Detect Faces."),
                io.Combo.Input(
                    "action",
                    options=["skip", "interpolate", "place by mask", "strength"],
                    default="skip",
                    tooltip="skip: these frames stay as they are · interpolate: the face moves straight from "
                    "the frame before to the frame after · place by mask: the face gets the mask's centre "
                    "and height · strength: the edit shows only so far.",
                ),
                io.String.Input(
                    "ranges",
                    default="",
                    placeholder="0:01.5-0:03, 10-12",
                    tooltip="When, in seconds or minutes:seconds of the clip, with commas between ranges. "
                    "Empty: everywhere.",
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip="For 'strength': how far the edit shows, from 0 (not at all) to 1.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="For 'place by mask': white over the face. One picture, or one for each frame.",
                ),
            ],
            outputs=[sockets.FaceTrack.Output(display_name="face_track", tooltip="The corrected track.")],
        )

    @classmethod
    @host.in_words
    def execute(
        cls, face_track: FaceTrack, action: str, ranges: str, strength: float, mask: Tensor | None = None
    ) -> io.NodeOutput:
        from ..retalk_core.errors import OptionError
        from ..retalk_core.faces import edits as track_edits
        from ..retalk_core.times import parse_ranges

        when = parse_ranges(ranges)
        if action == "place by mask":
            if mask is None:
                raise OptionError("To place the face, connect a mask that is white over it.")
            return io.NodeOutput(track_edits.place_by_mask(face_track, when, media.masks(mask)))
        if action == "interpolate":
            return io.NodeOutput(track_edits.interpolate(face_track, when))
        share = meant(action, {"skip": 0.0, "strength": strength})
        return io.NodeOutput(track_edits.fade(face_track, when, share))


class PreviewTrack(io.ComfyNode):
    """Draw a track over its clip."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkPreviewTrack",
            "Preview Track",
            "faces",
            "Draws the face's box, landmarks and state over the clip, to see what the later stages will use. "
            "It is written to a temporary file, frame by frame.",
            aliases=["show landmarks", "debug face", "overlay", "visualize"],
            shows_text=True,
            inputs=[
                sockets.clip_input("clip", "The clip that the track was made from: IMAGE or VIDEO."),
                sockets.FaceTrack.Input("face_track", tooltip="From Detect Faces or Edit Track."),
                io.Float.Input("fps", default=25.0, min=0.01, max=1000.0, step=0.001, tooltip=FPS_TIP),
            ],
            outputs=[io.Video.Output(display_name="overlay", tooltip="The clip with the track drawn in.")],
        )

    @classmethod
    @host.in_words
    def execute(cls, clip: Input.Video | Tensor, face_track: FaceTrack, fps: float) -> io.NodeOutput:
        from ..retalk_core.faces.edits import tracked_face
        from ..retalk_core.reports.track import write_overlay

        path = host.temporary_file(".mp4")
        with media.clip_of(clip, fps) as source:
            media.same_count(clip=source, face_track=face_track)
            write_overlay(source, tracked_face(face_track), path, range(len(source)), host.Bar()())
        return io.NodeOutput(media.video(path), ui=media.video_preview(path))


class FaceTrackFromLandmarks(io.ComfyNode):
    """Use the face landmarks of ComfyUI's own nodes."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "ReTalkFaceTrackFromLandmarks",
            "Face Track From Landmarks",
            "faces",
            "Makes a face track out of the landmarks of ComfyUI's own MediaPipe Face Landmarker, for graphs "
            "that have found the faces already.",
            aliases=["mediapipe", "face landmarks", "convert landmarks"],
            inputs=[
                io.Image.Input("images", tooltip="The frames that the landmarks were found in."),
                sockets.FaceLandmarks.Input(
                    "face_landmarks", tooltip="From MediaPipe Face Landmarker (ComfyUI 0.22 or newer)."
                ),
                io.Float.Input(
                    "fps",
                    default=25.0,
                    min=0.01,
                    max=1000.0,
                    step=0.001,
                    tooltip="Frames per second of the images.",
                ),
                io.Int.Input(
                    "index",
                    default=0,
                    min=0,
                    max=63,
                    tooltip="Which face, counted from 0 at the left, where a shot begins with several.",
                ),
            ],
            outputs=[
                sockets.FaceTrack.Output(
                    display_name="face_track", tooltip="The face in every frame, for all later stages."
                )
            ],
        )

    @classmethod
    @host.in_words
    def execute(
        cls, images: Tensor, face_landmarks: Mapping[str, Any], fps: float, index: int
    ) -> io.NodeOutput:
        from ..retalk_core.faces.choice import FaceChoice
        from ..retalk_core.faces.select import track_found_faces

        found = [[_mesh_of(face) for face in faces] for faces in face_landmarks["frames"]]
        media.same_count(images=images, face_landmarks=found)
        with media.clip_of(images, fps) as source:
            tracked = track_found_faces(
                source.frames(), found, choice=FaceChoice("index", index), progress=host.Bar()()
            )
        return io.NodeOutput(tracked.track)


def _mesh_of(face: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a Mesh, whose module takes a while to import
    """One of ComfyUI's faces: 478 points, the last ten of them the irises'; depth in the network's pixels."""
    from ..models.faces.facemesh import POINTS
    from ..retalk_core.faces.mesh import Mesh

    flat, deep = np.asarray(face["landmarks_xy"])[:POINTS], np.asarray(face["landmarks_3d"])[:POINTS]
    spans = [float(np.linalg.norm(points[263, :2] - points[33, :2])) for points in (flat, deep)]  # the eyes
    depth = deep[:, 2:] * (spans[0] / max(spans[1], 1e-6))
    score = 1 / (1 + np.exp(-float(face.get("presence", 4.0))))
    return Mesh(np.concatenate([flat, depth], axis=1).astype(np.float32), float(score))
