"""Argus geometry as ``cameraData.yml`` holds it: eleven coefficients of the direct linear transformation per camera.

With the coefficients m1 … m11 a place is seen, without the distortion of the lens, at::

    U = (m1 x + m2 y + m3 z + m4) / (m5 x + m6 y + m7 z + 1)     V = (m8 x + m9 y + m10 z + m11) / (m5 x + m6 y + m7 z + 1)

The left 3 × 3 part of that matrix is the product of a triangular matrix, which holds focal length and principal point, and a rotation.
The pictures that Argus stores are free of the distortion of the lens already: at Duck, what two neighbouring cameras show of the same ground
agrees without D1 and D2, and not with them. So these two numbers, the distortion that was taken away, are not applied here.

References
----------
Abdel-Aziz, Y. I. and Karara, H. M. (1971, reprinted 2015): Direct linear transformation from comparator coordinates into object space
coordinates in close-range photogrammetry. Photogrammetric Engineering and Remote Sensing 81, 103-107. doi:10.14358/PERS.81.2.103
Holland, K. T. et al. (1997): Practical use of video imagery in nearshore oceanographic field studies. IEEE Journal of Oceanic Engineering 22,
81-92. doi:10.1109/48.557542
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imagine_kernels.errors import FormatError
from imagine_kernels.files import Files
from imagine_kernels.formats.yaml_text import read_yaml
from imagine_kernels.records import Problem
from imagine_kernels.records.camera import Camera, Extrinsics
from imagine_kernels.records.lens import Intrinsics

Numbers = NDArray[np.float64]


def read_argus(path: Path, *, width: int = 2448, height: int = 2048, crs: str = "") -> tuple[dict[str, Camera], list[Problem]]:
    """Read the cameras of a ``cameraData.yml``; what is no camera becomes a problem.

    Parameters
    ----------
    path : Path
    width, height : int
        Of the pictures, px: the file does not say it.
    crs : str
        Coordinate system of the places, which are mostly local metres.

    Raises
    ------
    DataNotFound, FormatError
        There is no such file, it is no YAML, or it holds no camera.
    """
    with Files(path) as files:
        held = read_yaml(files, path.name)
    if not isinstance(held, dict):
        raise FormatError(f"{path.name} holds no cameras: give a cameraData.yml with c1, c2, ….")
    cameras: dict[str, Camera] = {}
    problems: list[Problem] = []
    for name, said in held.items():
        if not isinstance(said, dict) or "m" not in said:
            continue
        try:
            cameras[str(name)] = _camera(str(name), said, width, height, crs)
        except (FormatError, TypeError, ValueError, np.linalg.LinAlgError) as error:
            problems.append(
                Problem(item=path.name, what=f"the camera {name} cannot be used ({error})", remedy="correct its eleven numbers m")
            )
    if not cameras:
        raise FormatError(f"{path.name} holds no camera with eleven coefficients m: give a cameraData.yml of Argus.")
    return cameras, problems


def _camera(name: str, said: Mapping[str, Any], width: int, height: int, crs: str) -> Camera:
    intrinsics, extrinsics = pose_of_dlt(np.array([float(each) for each in said["m"]]), width=width, height=height)
    return Camera(intrinsics, extrinsics, name, crs)


def pose_of_dlt(coefficients: ArrayLike, *, width: int, height: int) -> tuple[Intrinsics, Extrinsics]:
    """Lens (without distortion) and pose of eleven coefficients (11,) of the direct linear transformation, in pixels as MATLAB counts them.

    Raises
    ------
    FormatError
        They are not eleven finite numbers, or those of no camera.
    """
    from scipy.linalg import rq

    m = np.asarray(coefficients, dtype=np.float64).ravel()
    if m.shape != (11,) or not np.isfinite(m).all():
        raise FormatError(f"A direct linear transformation has eleven finite numbers, not {m.size}.")
    P = np.array([m[:4], m[7:11], [*m[4:7], 1.0]])
    M = P[:, :3] / np.linalg.norm(P[2, :3])
    # Its sign is free; what is seen lies ahead where the determinant is positive.
    M *= np.sign(np.linalg.det(M)) or 1.0
    if np.linalg.cond(M) > 1e12:
        raise FormatError("These eleven numbers are not those of a camera: solve it again from control points.")
    K, R = rq(M)
    signs = np.diag(np.sign(np.diag(K)))
    K, R = K @ signs, signs @ R
    K = K / K[2, 2]
    place = -np.linalg.solve(P[:, :3], P[:, 3])
    return Intrinsics.from_cirn([width, height, K[0, 2], K[1, 2], K[0, 0], K[1, 1], 0, 0, 0, 0, 0]), Extrinsics.from_axes(
        R, place
    )
