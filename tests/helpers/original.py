"""The original program's own way around its networks, for parity alone: what ships goes other ways.

Written from a description of the program, for comparison with its recordings. Pictures are uint8 (H, W, 3),
their channels in any order; boxes are top, bottom, left, right in pixels; points are x, y, and pixel i's
centre lies at i.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import torch
from PIL import Image
from retalk_nodes.retalk_core.crops import framing
from retalk_nodes.retalk_core.crops.blend import pyramid_blend
from retalk_nodes.retalk_core.crops.framing import FFHQ_POINTS, GPEN_POINTS, fit_similarity
from retalk_nodes.retalk_core.stages.lips.lnet import pair_faces
from retalk_nodes.retalk_core.stages.speech import WINDOW
from retalk_nodes.retalk_core.types import Coefficients
from scipy.ndimage import gaussian_filter1d

Picture = np.ndarray
Box = Sequence[int]
PORTRAIT = 256  # pixels, the side of D-Net's pictures
FACE = 384  # of L-Net's, before they are shrunk
RESTORED = 512  # of GPEN's and GFPGAN's
SMALL_FACE = 100  # pixels; smaller faces are blurred once they are enhanced


def resized(picture: Picture, width: int, height: int) -> Picture:
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)


def part(picture: Picture, box: Box) -> Picture:
    top, bottom, left, right = box
    return picture[top:bottom, left:right]


# The sound's windows


def window_starts(columns: int, fps: float) -> list[int]:
    """The column where each frame's window starts; the last one is moved back to fit, and ends the list."""
    starts: list[int] = []
    while (start := int(len(starts) * 80 / fps)) + WINDOW <= columns:
        starts.append(start)
    return [*starts, columns - WINDOW]


# Squares around faces, and pasting by them


def oriented_quads(
    landmarks: np.ndarray, scale: float = 1.0, centre_sigma: float = 0, axis_sigma: float = 0
) -> np.ndarray:
    """FFHQ's squares (T, 4, 2) around faces with landmarks (T, 68, 2), smoothed over time if asked to.

    Corners: left top, left bottom, right bottom, right top, of an upright face.
    """
    centre, x = framing._oriented_square(landmarks)
    x = scale * x
    if centre_sigma:
        centre = gaussian_filter1d(centre, centre_sigma, axis=0)
    if axis_sigma:
        x = gaussian_filter1d(x, axis_sigma, axis=0)
    y = x[:, ::-1] * (-1, 1)
    return np.stack([centre - x - y, centre - x + y, centre + x + y, centre + x - y], axis=1)


def ffhq_box(landmarks: np.ndarray, width: int, height: int) -> tuple[Box, Box, np.ndarray]:
    """The one box that a clip is cut to, with the mistakes of the original.

    landmarks: (68, 2) in the first frame
    returns:   the box in the frame; the rectangle that the square is first looked for in, and the square's
               bounds inside that, both as left, top, right, bottom and both in a frame that is shrunk
               where the square measures more than 2048 pixels
    """
    quad = oriented_quads(landmarks[None].astype(float))[0]
    size = np.array([width, height])
    shrink = int(_side(quad) / RESTORED * 0.5)
    if shrink > 1:
        size, quad = np.rint(size / shrink).astype(int), quad / shrink
    left, top, right, _ = bordered = _bordered(quad, size)
    points = quad - (left, top) + 0.5
    low = np.maximum([points[:2, 0].min(), points[[0, 3], 1].min()], 0)
    # The width bounds both: a mistake that cuts tall frames short.
    high = np.minimum([points[2:, 0].max(), points[1:3, 1].max()], right - left)
    (x1, y1), (x2, y2) = low.astype(int), high.astype(int)
    box = top + y1, min(top + y2, height), left + x1, min(left + x2, width)
    return box, bordered, np.concatenate([low, high])


def _side(quad: np.ndarray) -> float:
    return float(np.linalg.norm(quad[3] - quad[0]))


def _bordered(quad: np.ndarray, size: np.ndarray) -> tuple[int, int, int, int]:
    """The rectangle around a quad, with a tenth of its side as a border, inside a picture of a size."""
    border = max(int(np.rint(0.1 * _side(quad))), 3)
    left, top = np.maximum(np.floor(quad.min(axis=0)).astype(int) - border, 0)
    right, bottom = np.minimum(np.ceil(quad.max(axis=0)).astype(int) + border, size)
    return int(left), int(top), int(right), int(bottom)


def cut_quad(picture: Picture, quad: np.ndarray, side: int = PORTRAIT) -> Picture:
    """A quad (4, 2) of a picture as a square one, black beyond the picture's edge."""
    height, width = picture.shape[:2]
    bounds = _bordered(quad, np.array([width, height]))
    corners = (quad - bounds[:2] + 0.5).flatten()
    cut = Image.fromarray(picture).crop(bounds)
    return np.array(cut.transform((side, side), Image.Transform.QUAD, corners, Image.Resampling.BILINEAR))


def perspective_to_square(quad: np.ndarray, side: int = PORTRAIT) -> np.ndarray:
    """The numbers (8,) of the perspective that takes a quad (4, 2), pixel centres at i + 0.5, to a square."""
    targets = np.array([(0, 0), (0, side), (side, side), (side, 0)], float)
    rows = []
    for (x, y), (u, v) in zip(quad + 0.5, targets, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    return np.linalg.solve(np.array(rows), targets.flatten())


def paste_quad(background: Picture, square: Picture, quad: np.ndarray) -> Picture:
    """Paste a square picture into a quad (4, 2) of another; RGBA (H, W, 4)."""
    base = Image.fromarray(background).convert("RGBA")
    projected = (
        Image.fromarray(square)
        .convert("RGBA")
        .transform(
            base.size,
            Image.Transform.PERSPECTIVE,
            perspective_to_square(quad, len(square)),
            Image.Resampling.BILINEAR,
        )
    )
    base.paste(projected, (0, 0), mask=projected)
    return np.array(base)


def stabilised_frame(frame: Picture, portrait: Picture, landmarks: np.ndarray, box: Box) -> Picture:
    """A frame with a stabilised portrait in it.

    portrait:  (256, 256, 3), what became of the frame's part in the clip's box
    landmarks: (68, 2) in the portrait
    """
    quad = oriented_quads(landmarks[None])[0]
    base = resized(part(frame, box), PORTRAIT, PORTRAIT)
    pasted = paste_quad(base, cut_quad(portrait, quad), quad)[..., :3]
    top, bottom, left, right = box
    result = frame.copy()
    result[top:bottom, left:right] = resized(pasted, right - left, bottom - top)
    return result


# Face boxes


def smoothed_boxes(boxes: np.ndarray, window: int = 5) -> np.ndarray:
    """Means (n, 4) over each box and those that follow it, as whole numbers.

    The last ones all take the last `window` boxes, some of which are means already; of fewer boxes than a
    window, those that a slice with a negative start finds.
    """
    boxes = boxes.copy()
    for i in range(len(boxes)):
        fits = i + window <= len(boxes)
        boxes[i] = (boxes[i : i + window] if fits else boxes[len(boxes) - window :]).mean(axis=0).astype(int)
    return boxes


def face_boxes(
    found: np.ndarray,
    frame_size: tuple[int, int],
    pads: Sequence[int] = (0, 20, 0, 0),
    smooth: bool = True,
) -> np.ndarray:
    """Boxes (n, 4) top, bottom, left, right of a detector's (n, 4) left, top, right, bottom.

    pads: pixels added at the top, bottom, left, right, whatever the face's size
    """
    height, width = frame_size
    above, below, before, behind = pads
    found = found.clip(min=0)
    boxes = np.stack(
        [
            np.maximum(found[:, 0] - before, 0),
            np.maximum(found[:, 1] - above, 0),
            np.minimum(found[:, 2] + behind, width),
            np.minimum(found[:, 3] + below, height),
        ],
        axis=1,
    )
    return (smoothed_boxes(boxes) if smooth else boxes)[:, [1, 3, 0, 2]]


# What L-Net is given


@dataclass(frozen=True, eq=False)
class LipBatch:
    """Some frames' input, and where it came from."""

    pairs: np.ndarray  # (B, 384, 384, 6) in [0, 255], BGR: face without its lower half, reference
    windows: np.ndarray  # (B, 80, 16, 1)
    boxes: list[tuple[int, ...]]
    frames: list[int]  # numbers of the frames


def lip_batches(
    frames: Sequence[Picture],
    stabilised: Sequence[Picture],
    boxes: np.ndarray,
    windows: np.ndarray,
    batch_size: int = 16,
) -> Iterator[LipBatch]:
    """A batch of frames for so many windows of speech (n, 80, 16), from the first frame again after the last.

    frames, stabilised: BGR, original and with the stabilised face
    """
    for first in range(0, len(windows), batch_size):
        spoken = windows[first : first + batch_size]
        numbers = [(first + i) % len(frames) for i in range(len(spoken))]
        faces, references = (
            np.stack([resized(part(source[n], boxes[n]), FACE, FACE) for n in numbers])
            for source in (frames, stabilised)
        )
        pairs = pair_faces(_images(faces), _images(references)).movedim(1, -1).numpy() * 255
        chosen = [tuple(int(side) for side in boxes[n]) for n in numbers]
        yield LipBatch(pairs, spoken[..., None], chosen, numbers)


def _images(pictures: np.ndarray) -> torch.Tensor:
    """BGR pictures (T, H, W, 3) uint8 as the project's images."""
    return torch.from_numpy(pictures[..., ::-1].astype(np.float32) / 255)


# Blending


def laplacian_blend(over: Picture, under: Picture, mask: np.ndarray, levels: int) -> np.ndarray:
    """Blend pictures (H, W, 3) under a mask (H, W) float32 in [0, 1]; float32, not clipped.

    Pyramids of eight-bit pictures are rounded on every level.
    """
    if over.dtype != np.uint8:
        return pyramid_blend(over, under, mask, levels)
    pyramids = [[picture] for picture in (over, under, mask)]
    for pyramid in pyramids:
        for _ in range(levels - 1):
            pyramid.append(cv2.pyrDown(pyramid[-1]))
    overs, unders = (_details(pyramid) for pyramid in pyramids[:2])
    shares = [level[..., None] for level in pyramids[2]]
    result = None
    for upper, lower, share in list(zip(overs, unders, shares, strict=True))[::-1]:
        blended = upper * share + lower * (1 - share)
        result = blended if result is None else blended + _doubled(result, blended)
    assert result is not None
    return result


def _details(pyramid: list[np.ndarray]) -> list[np.ndarray]:
    floats = [level.astype(np.float32) for level in pyramid]
    finer = [level - _doubled(below, level) for level, below in pairwise(floats)]
    return [*finer, floats[-1]]


def _doubled(picture: np.ndarray, like: np.ndarray) -> np.ndarray:
    return cv2.pyrUp(picture, dstsize=like.shape[1::-1])


def blend_at_512(over: Picture, under: Picture, mask: np.ndarray, levels: int) -> Picture:
    """Blend whole frames at 512 by 512 pixels, whatever their own size and proportion."""
    height, width = under.shape[:2]
    small = (resized(each, RESTORED, RESTORED) for each in (over, under, mask))
    blended = laplacian_blend(*small, levels).clip(0, 255)
    return resized(blended, width, height).astype(np.uint8)


# GPEN's way around a face: enhance it and put it back; also, without GPEN, the final blend


def to_aligned(five: np.ndarray) -> np.ndarray:
    """The matrix (2, 3) from a frame to GPEN's picture of the face with five points (5, 2), in float32."""
    points, template = (each.astype(np.float32).astype(float) for each in (five, GPEN_POINTS))
    return fit_similarity(points[None], template)[0]


def warped(
    picture: np.ndarray,
    matrix: np.ndarray,
    width: int,
    height: int,
    border: int | tuple[int, int, int] = 0,
) -> np.ndarray:
    """Move a picture, uint8 or float32, by a matrix (2, 3); a colour comes in from beyond its edge.

    This is `cv2.warpAffine` of OpenCV 4, in whole numbers. OpenCV 5 goes another way, up to 5 levels off.
    """
    x, y, right, down = _places(matrix, width, height)
    rows, columns = picture.shape[:2]
    depth = 1 if picture.ndim == 2 else picture.shape[2]
    whole = picture.dtype == np.uint8
    framed = np.empty((rows + 2, columns + 2, depth), np.int64 if whole else np.float64)
    framed[:] = border
    framed[1:-1, 1:-1] = picture.reshape(rows, columns, depth)
    total = np.zeros((height, width, depth), framed.dtype)
    for i, along in enumerate((32 - down, down)):
        for j, across in enumerate((32 - right, right)):
            near = framed[(y + i).clip(-1, rows) + 1, (x + j).clip(-1, columns) + 1]
            total += (along * across)[..., None] * near
    mixed = (total + 512) >> 10 if whole else total / 1024
    return mixed.astype(picture.dtype).reshape(height, width, *picture.shape[2:])


def _places(matrix: np.ndarray, width: int, height: int) -> tuple[np.ndarray, ...]:
    """Where each pixel (height, width) comes from: x and y, and how many 32nds of a pixel farther."""
    back = cv2.invertAffineTransform(matrix)
    columns = np.rint(back[:, :1] * np.arange(width) * 1024).astype(int)
    rows = np.rint((back[:, 1:2] * np.arange(height) + back[:, 2:]) * 1024).astype(int)
    x, y = (rows[:, :, None] + 16 + columns[:, None]) >> 5
    return x >> 5, y >> 5, x & 31, y & 31


def aligned_face(frame: Picture, five: np.ndarray) -> Picture:
    """The face with five points (5, 2), as GPEN takes it."""
    return warped(frame, to_aligned(five), RESTORED, RESTORED)


def from_aligned(five: np.ndarray) -> np.ndarray:
    """The matrix (2, 3) back from GPEN's picture to the frame.

    The original fits once more, the other way round and with the scale inverted: which is the inverse.
    """
    return cv2.invertAffineTransform(to_aligned(five))


def sharp_mask(parsed: np.ndarray) -> np.ndarray:
    """Where a picture (512, 512) shows a face, 0 or 1 float32; never at its border."""
    mask = parsed.astype(np.float32)
    inside = np.zeros_like(mask)
    inside[20:-20, 20:-20] = mask[20:-20, 20:-20]
    return inside


def soft_mask(sharp: np.ndarray) -> np.ndarray:
    once = cv2.GaussianBlur(sharp, (101, 101), 11)
    return cv2.GaussianBlur(once, (101, 101), 11)


@dataclass(frozen=True, eq=False)
class FoundFace:
    """A face in a frame."""

    five: np.ndarray  # (5, 2) its points
    size: tuple[float, float]  # height and width of its box
    parsed: np.ndarray  # (512, 512) bool, where its aligned picture shows the face


def enhancer_pass(
    frame: Picture,
    own: Picture,
    faces: Sequence[FoundFace],
    enhance: Callable[[Picture], Picture] | None,
    box: Box | None = None,
) -> Picture:
    """Enhance a frame's faces and blend them over another picture of it.

    frame:   where the faces, at least one, are
    own:     what shows around them
    enhance: of a face (512, 512, 3); None leaves it as it is, only resampled
    box:     the final blend's; None for the pass that enhances
    """
    height, width = frame.shape[:2]
    layer = np.zeros_like(frame)
    soft = np.zeros((height, width), np.float32)
    for face in faces:
        aligned = aligned_face(frame, face.five)
        drawn = aligned if enhance is None else enhance(aligned)
        if min(face.size) < SMALL_FACE:
            drawn = cv2.filter2D(drawn, -1, np.outer([1, 2, 1], [1, 2, 1]) / 16)
        back = from_aligned(face.five)
        own_sharp = sharp_mask(face.parsed)
        own_soft = warped(soft_mask(own_sharp), back, width, height)
        sharp = warped(own_sharp, back, width, height)  # the last face's stays
        nearer = own_soft > soft
        soft[nearer] = own_soft[nearer]
        layer[nearer] = warped(drawn, back, width, height)[nearer]
    sharp = cv2.GaussianBlur(sharp, (0, 0), sigmaX=1, sigmaY=1)
    if box is None:
        return _mixed(own, _mixed(own, layer, soft), sharp)
    top, bottom, left, right = box
    inside = np.zeros_like(sharp)
    inside[top : bottom - 5, left:right] = 1
    return blend_at_512(layer, own, sharp * inside, levels=6)


def _mixed(under: Picture, over: Picture, mask: np.ndarray) -> Picture:
    share = mask[..., None]
    return cv2.convertScaleAbs(under * (1 - share) + over * share)


# facexlib's way, around GFPGAN


def facexlib_affine(five: np.ndarray) -> np.ndarray:
    """The matrix (2, 3) from a frame to GFPGAN's picture of the face with five points (5, 2)."""
    return cv2.estimateAffinePartial2D(five, FFHQ_POINTS, method=cv2.LMEDS)[0]


def facexlib_crop(frame: Picture, affine: np.ndarray) -> Picture:
    return warped(frame, affine, RESTORED, RESTORED, border=(135, 133, 132))


def facexlib_paste(frame: Picture, restored: Picture, affine: np.ndarray) -> Picture:
    """Paste a restored face (512, 512, 3) back under a soft square."""
    height, width = frame.shape[:2]
    back = cv2.invertAffineTransform(affine)
    face = warped(restored, back, width, height)
    square = warped(np.ones(restored.shape[:2], np.float32), back, width, height)
    square = cv2.erode(square, np.ones((2, 2), np.uint8))
    edge = int(np.sqrt(square.sum())) // 20
    inner = cv2.erode(square, np.ones((2 * edge, 2 * edge), np.uint8))
    mask = cv2.GaussianBlur(inner, (2 * edge + 1, 2 * edge + 1), 0)[..., None]
    return (mask * (square[..., None] * face) + (1 - mask) * frame).astype(np.uint8)


def scale_ratio(source: Coefficients, clip: Coefficients) -> torch.Tensor:
    """How much larger the alignment's scale must be for pictures from outside the clip, (m,).

    source: m rows, one for each picture
    clip:   the rows whose poses it shall take

    Each is compared with the row of the clip that it resembles most, by expression and angle; for a row
    of the clip itself that is this row, and the ratio 1.
    """
    expression = (source.expression[:, None] - clip.expression).abs().mean(dim=-1)  # (m, T)
    angle = (source.angle[:, None] - clip.angle).abs().mean(dim=-1)
    nearest = (0.3 * expression + 0.7 * angle).argmin(dim=1)
    return source.alignment[:, 2] / clip.alignment[nearest, 2]
