"""Where each thing of a scene stands in its frames: the truth that single patches of a picture can be asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from panda_hf.mini import world
from panda_hf.mini.motion import companion_poses, subject_pose, view
from panda_hf.mini.world import Scene

THINGS = 3
"""Places for the subject, then its companions."""
NOTHING = -1
HARDLY_SEEN = 0.35
"""A thing of less opacity counts as out of sight."""


@dataclass(frozen=True)
class Places:
    """The things of a scene in some frames of it.

    Attributes:
        where: float32 (frames, 3, 5): centre x, y and half width, half height as shares of the frame, and opacity.
        kinds: int64 (3, 3): shape, colour and texture of each thing as indices into ``world``'s; ``NOTHING``: no
            thing.
    """

    where: NDArray[np.float32]
    kinds: NDArray[np.int64]

    def mirrored(self) -> Places:
        """As a mirror shows them."""
        where = self.where.copy()
        where[..., 0] = 1 - where[..., 0]
        return Places(where, self.kinds)

    def moved(self, right: float, down: float) -> Places:
        """With the picture shifted by these shares of the frame."""
        where = self.where.copy()
        where[..., :2] += np.array([right, down], np.float32)
        return Places(where, self.kinds)


def places(scene: Scene, times: Sequence[float]) -> Places:
    """What stands where in the frames taken at these seconds from the start of the scene."""
    where = np.zeros((len(times), THINGS, 5), np.float32)
    kinds = np.full((THINGS, 3), NOTHING, np.int64)
    for k, thing in enumerate(scene.things):
        kinds[k] = (
            world.SHAPES.index(thing.shape),
            world.COLOURS.index(thing.colour),
            world.TEXTURES.index(thing.texture),
        )
    for frame, time in enumerate(times):
        progress = min(1.0, max(0.0, time / scene.duration))
        seen = view(scene, progress)
        for k, pose in enumerate([subject_pose(scene, progress), *companion_poses(scene)][: len(scene.things)]):
            x, y = 0.5 + seen.x + (pose.x - 0.5) * seen.zoom, 0.5 + seen.y + (pose.y - 0.5) * seen.zoom
            radius = pose.radius * seen.zoom  # of the height; the frame is 16 to 9
            where[frame, k] = x, y, radius * 9 / 16, radius, pose.opacity
    return Places(where, kinds)


def covered(where: NDArray[np.float32], kinds: NDArray[np.int64], side: int) -> NDArray[np.bool_]:
    """Which patches show which thing; a later thing hides an earlier one.

    Args:
        where: (..., 3, 5), as :attr:`Places.where`.
        kinds: (..., 3, 3), as :attr:`Places.kinds`.
        side: patches on a side of the picture.

    Returns:
        (..., 3, side * side), row by row.
    """
    centres = (np.arange(side) + 0.5) / side
    rows, columns = np.meshgrid(centres, centres, indexing="ij")
    x, y, width, height, opacity = (where[..., i, None, None] for i in range(5))
    slack = 0.25 / side + 1e-9
    inside = ((columns - x) / (width + slack)) ** 2 + ((rows - y) / (height + slack)) ** 2 < 1
    shown = inside & (opacity > HARDLY_SEEN) & (kinds[..., 0] != NOTHING)[..., None, None]
    for k in range(THINGS - 1):
        shown[..., k, :, :] &= ~shown[..., k + 1 :, :, :].any(axis=-3)
    return shown.reshape(*shown.shape[:-2], side * side)
