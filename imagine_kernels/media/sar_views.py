"""Radar scenes as grey pictures of 8 bits, the same way for every scene: as models take them, and as people look at them.

Of calibrated scenes the fall of the backscatter with the angle of incidence is taken away, and amplitude is scaled so that the median of the
scene is `MEDIAN`: what is dark in one scene is as dark in another. Pictures of amplitude stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import SettingError
from imagine_kernels.files import Files
from imagine_kernels.media.sar import Scene, open_scene
from imagine_kernels.media.sar_normalising import scene_slope_db_per_deg, slope_normalised
from imagine_kernels.media.sources import Source
from imagine_kernels.media.speckle import FILTERS, filtered
from imagine_kernels.media.tiles import Box

#: Grey value of the median of a calibrated scene.
MEDIAN = 110.0
#: What a filter of speckle sees around a part, px.
_HALO = 8
#: Looks that a filter assumes where neither the file nor the user says them: those of Sentinel-1 IW GRDH.
_LOOKS = 4.4


class RadarView:
    """One scene, open, as 8-bit grey.

    Parameters
    ----------
    scene : Scene
    speckle : str
        ``"none"`` or one of `imagine_kernels.media.speckle.FILTERS`.
    """

    channels = 1

    def __init__(self, scene: Scene, *, speckle: str = "none") -> None:
        if speckle not in ("none", *FILTERS):
            raise SettingError(f"The setting speckle takes none, {', '.join(FILTERS)}, not {speckle!r}.")
        self.scene, self.width, self.height = scene, scene.width, scene.height
        self._speckle, self._looks = speckle, scene.looks if np.isfinite(scene.looks) else _LOOKS
        self._slope, self._gain = 0.0, 255.0
        if scene.levels == "sigma0":
            # What rises with the angle is wind or land, not the law of the sea.
            self._slope = min(0.0, scene_slope_db_per_deg(scene))
            overview, _ = scene.overview(512)
            known = overview[np.isfinite(overview) & (overview > 0)]
            self._gain = MEDIAN / float(np.sqrt(np.median(known))) if known.size else 1.0

    def read(self, box: Box) -> NDArray[np.uint8]:
        """A part of it (H, W) uint8; where nothing was taken it is as grey as the median."""
        rim = 0 if self._speckle == "none" else _HALO
        left, top = max(0, box.x - rim), max(0, box.y - rim)
        right, bottom = min(self.width, box.x + box.width + rim), min(self.height, box.y + box.height + rim)
        wider = Box(left, top, right - left, bottom - top)
        power = self.scene.read(wider)
        if self._speckle != "none":
            power = filtered(power, self._speckle, self._looks)
        if self._slope:
            angle = self.scene.incidence_deg(wider)
            power = power if angle is None else slope_normalised(power, angle, self._slope)
        inner = power[box.y - top : box.y - top + box.height, box.x - left : box.x - left + box.width]
        # What is left of the noise after it was taken away may lie below zero: as dark as can be, and not unknown.
        grey = np.rint(np.sqrt(np.maximum(inner, 0)) * np.float32(self._gain))
        return np.where(np.isfinite(grey), np.clip(grey, 0, 255), MEDIAN).astype(np.uint8)


@contextmanager
def radar_view(files: Files, name: str, settings: Mapping[str, Any]) -> Iterator[Source]:
    """Open a scene as `RadarView`, with the settings ``polarisation``, ``stored`` and ``speckle``."""
    scene = scene_of(files, name, settings)
    try:
        yield RadarView(scene, speckle=str(settings.get("speckle") or "none"))
    finally:
        scene.close()


def scene_of(files: Files, name: str, settings: Mapping[str, Any]) -> Scene:
    """Open a scene with the settings of a use case; see `imagine_kernels.media.sar.open_scene`."""
    error = settings.get("position_error_m")
    return open_scene(
        files,
        name,
        polarisation=str(settings.get("polarisation") or "VV"),
        stored=str(settings.get("stored") or "auto"),
        standard_error_m=None if error is None else float(error),
    )
