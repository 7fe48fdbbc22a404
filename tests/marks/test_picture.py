"""A mark on a face is found in the file that viewers get, and not in one that has none."""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from retalk_nodes.retalk_core.boxes import Box
from retalk_nodes.retalk_core.cli.demo import SHIPPED_CLIP
from retalk_nodes.retalk_core.crops.patch import Patch, paste_patch
from retalk_nodes.retalk_core.faces.detect import load_face_networks
from retalk_nodes.retalk_core.faces.follow import track_faces
from retalk_nodes.retalk_core.marks.cells.payload import read_cells, threshold
from retalk_nodes.retalk_core.marks.cells.plane import face_plane
from retalk_nodes.retalk_core.marks.frame import read_frame
from retalk_nodes.retalk_core.marks.identity import id_prefix
from retalk_nodes.retalk_core.marks.lay import FaceMarker, FrameMarker
from retalk_nodes.retalk_core.marks.picture import LOOKS, find_own_mark, find_picture_mark, look_through
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.types import Frame

NUMBER, KEY = 0x0123_4567_89AB_CDEF, b"a key of the tests"
COUNT = 125


@dataclass(frozen=True, eq=False)
class Clip:
    frames: list[Frame]
    mesh: np.ndarray


@pytest.fixture(scope="module")
def clip() -> Clip:
    """Five seconds of a face that speaks, and where it is."""
    frames = list(open_clip(SHIPPED_CLIP).frames(range(COUNT)))
    track = track_faces(frames, load_face_networks(), covers=False).track
    return Clip(frames, track.mesh.numpy())


@pytest.fixture(scope="module")
def marked(clip: Clip) -> list[np.ndarray]:
    """The same, marked on the face."""
    marker, shown = FaceMarker(KEY, NUMBER), []
    for frame, mesh in zip(clip.frames, clip.mesh, strict=True):
        height, width = frame.pixels.shape[:2]
        patch = Patch(Box(0, 0, width, height), frame.pixels.copy(), np.ones((height, width), bool))
        pixels = frame.pixels.copy()
        paste_patch(pixels, marker.mark(patch, mesh, float(frame.time)))
        shown.append(pixels)
    return shown


def coded(frames: list[np.ndarray], quality: int) -> list[np.ndarray]:
    """Encode frames with x264 and decode them again."""
    held = io.BytesIO()
    with av.open(held, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(25), options={"crf": str(quality)})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), "rgb24")))
        container.mux(stream.encode(None))
    held.seek(0)
    with av.open(held) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_a_marked_face_is_found_cropped_and_coded(marked: list[np.ndarray]) -> None:
    cropped = [frame[24:-24, 20:-28] for frame in marked]
    found = find_picture_mark(coded(cropped, 23), 25, key=KEY)
    assert found.present and found.where == "face" and found.id == id_prefix(NUMBER, found.bits)
    assert found.heat is not None and found.heat[face_plane().carries].mean() > 0.2


def test_who_knows_where_the_face_is_finds_it_too(marked: list[np.ndarray], clip: Clip) -> None:
    shown = ((pixels, float(frame.time)) for pixels, frame in zip(marked, clip.frames, strict=True))
    assert find_own_mark(shown, clip.mesh, KEY).id == id_prefix(NUMBER, 32)


def test_a_search_ends_once_the_mark_is_read(marked: list[np.ndarray]) -> None:
    taken = 0

    def streamed() -> object:
        nonlocal taken
        for _ in range(4):
            for frame in marked:
                taken += 1
                yield frame

    assert find_picture_mark(streamed(), 25, key=KEY).present  # type: ignore[arg-type]
    assert taken < 2 * COUNT


def test_a_marked_frame_is_found(clip: Clip) -> None:
    marker = FrameMarker(KEY, NUMBER)
    shown = [marker.mark(frame.pixels, float(frame.time)) for frame in clip.frames]
    small = [cv2.resize(frame, (300, 256), interpolation=cv2.INTER_AREA) for frame in shown]
    found = find_picture_mark(coded(small, 26), 25, key=KEY)
    assert found.where == "frame" and found.id == id_prefix(NUMBER, 32)


def test_nothing_is_found_in_200_trials_without_a_mark(clip: Clip) -> None:
    looked = look_through((frame.pixels for frame in clip.frames), [float(each.time) for each in clip.frames])
    assert looked.faces
    for number in range(200):
        key = f"other {number}".encode()
        scores = [read_cells(each, face_plane(), key, LOOKS).score for each in looked.faces]
        assert max(*scores, read_frame(looked.frame, key, LOOKS, cropped=False).score) < threshold(LOOKS)


def test_too_little_is_told(clip: Clip) -> None:
    found = find_picture_mark((frame.pixels for frame in clip.frames[:10]), 25)
    assert not found.present and "too little" in found.words
