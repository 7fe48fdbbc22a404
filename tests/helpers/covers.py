"""Things drawn before faces, and how to lay them there."""

from __future__ import annotations

import cv2
import numpy as np


def lay(picture: np.ndarray, mask: np.ndarray, colour: tuple[int, int, int] | np.ndarray) -> np.ndarray:
    """A picture (h, w, 3) uint8 with a colour where a mask (h, w) is 1; its edge is as soft as a camera's."""
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.8)[..., None]
    return np.rint(picture + soft * (np.asarray(colour, np.float32) - picture)).astype(np.uint8)


def hand(size: tuple[int, int], mouth: tuple[float, float], eyes: float) -> np.ndarray:
    """Four fingers and a palm from below; `eyes` is the eye distance."""
    mask = np.zeros(size, np.float32)
    x, y = mouth
    for i in range(4):
        left = x + (i - 1.5) * 0.26 * eyes
        top, bottom = (round(left), round(y - 0.25 * eyes)), (round(left), round(y + 0.5 * eyes))
        cv2.line(mask, top, bottom, 1.0, round(0.25 * eyes), cv2.LINE_AA)
    cv2.ellipse(mask, ((x, y + 0.5 * eyes), (1.1 * eyes, 1.0 * eyes), 0.0), 1.0, -1)
    cv2.line(
        mask, (round(x), round(y + eyes)), (round(x + eyes), round(y + 4 * eyes)), 1.0, round(0.7 * eyes)
    )
    return mask


def microphone(size: tuple[int, int], mouth: tuple[float, float], eyes: float) -> np.ndarray:
    """A round head below the lips, and its stalk."""
    mask = np.zeros(size, np.float32)
    x, y = round(mouth[0]), round(mouth[1] + 0.5 * eyes)
    cv2.circle(mask, (x, y), round(0.26 * eyes), 1.0, -1, cv2.LINE_AA)
    cv2.line(mask, (x, y), (round(x + 0.3 * eyes), round(y + 3 * eyes)), 1.0, round(0.2 * eyes))
    return mask


def cloth(size: tuple[int, int], face: np.ndarray) -> np.ndarray:
    """A mask from the nose over cheeks and chin of a face (468, 2 or 3)."""
    ring = (93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 5)
    mask = np.zeros(size, np.float32)
    cv2.fillPoly(mask, [np.round(face[list(ring), :2]).astype(np.int32)], 1.0)
    return mask
