"""Find the meshes of faces: where they were a frame ago, or where a detector sees them."""

from __future__ import annotations

import numpy as np

from ...types import Pixels
from ..detect import TILE_SIDES, Detection, FaceNetworks, look_at_tiles
from ..mesh import Mesh, box_area, face_step, find_mesh, region_of_detection, region_of_points

MOST_FACES = 8  # that are looked at closely in one frame
PRESENT = 0.5  # lowest score of a mesh
WARM_UP = 3  # times a mesh is found again in its own region after a detection
# Of the face's size between frames: beyond the first the mesh is found again in its own region, beyond the
# second the detectors are asked.
UNSURE_STEP, LARGEST_JUMP = 0.06, 0.8


class Seeker:
    """Finds faces' meshes with the networks."""

    def __init__(self, networks: FaceNetworks) -> None:
        self._networks = networks

    def follow(self, pixels: Pixels, before: np.ndarray) -> Mesh | None:
        """The mesh found where a face (468, 3) was a frame ago, unless it can't be trusted."""
        mesh = find_mesh(self._networks.mesh, pixels, region_of_points(before))
        if mesh.score >= PRESENT and face_step(before, mesh.points) > UNSURE_STEP:
            mesh = find_mesh(self._networks.mesh, pixels, region_of_points(mesh.points))
        if mesh.score < PRESENT or face_step(before, mesh.points) > LARGEST_JUMP:
            return None
        return mesh

    def settle(self, pixels: Pixels, detection: Detection) -> Mesh | None:
        """The mesh of a detected face, found again in its own region until it rests."""
        mesh = find_mesh(self._networks.mesh, pixels, region_of_detection(detection))
        for _ in range(WARM_UP):
            if mesh.score < PRESENT / 2:
                return None
            mesh = find_mesh(self._networks.mesh, pixels, region_of_points(mesh.points))
        return mesh if mesh.score >= PRESENT else None

    def settle_all(self, pixels: Pixels, found: list[Detection]) -> list[Mesh]:
        """The meshes of the largest faces among those that were detected."""
        found = sorted(found, key=lambda face: -box_area(face.box))[:MOST_FACES]
        return [mesh for face in found if (mesh := self.settle(pixels, face))]

    def search_tiles(self, pixels: Pixels) -> list[Mesh]:
        """The meshes of small faces; those in large tiles, or else in small ones."""
        for side in TILE_SIDES:
            found = look_at_tiles(self._networks, pixels, side)
            if meshes := self.settle_all(pixels, found):
                return meshes
        return []
