"""A beach as it is on the ground: a flat dry beach, an even beach face down into the sea, wrack on the one and rips in the other, in metres.

Places are counted across the shore from the camera towards the sea, and along it to the left of who looks at the sea. All that is measured later is
set here: the polygons of wrack, the boxes of rips, the shoreline of every hour.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.records.camera import Camera, Extrinsics
from imagine_kernels.records.ground import Transect
from imagine_kernels.records.lens import Intrinsics

Numbers = NDArray[np.float64]
CRS = "EPSG:32631"
LABELS = ("dense wrack", "intermediate wrack")
#: Level of the dry beach above the datum (m), tan β of the beach face, and where the dune ends (m across the shore).
BEACH_LEVEL_M, SLOPE, DUNE_M = 1.2, 0.08, 9.0
#: The days of the sample, and the hours (UTC) of each.
DAYS = tuple(datetime(2024, 10, day, tzinfo=UTC) for day in (3, 5, 8, 12, 16))
HOURS = (8, 11, 14)
#: Height of the waves of each day, m: rips from 1 m on; the fourth is a storm, which takes the wrack away and brings new.
WAVES_M = (0.4, 1.1, 1.4, 2.6, 1.0)
#: How much dense wrack lies there on each day, as a part of the most.
DENSE = (0.25, 0.5, 1.0, 0.4, 0.9)
#: How far the upper end of the beach face has moved towards the sea, m.
MOVED_M = (0.0, 0.6, 1.1, -5.5, -2.9)
TRANSECTS_EVERY_M, TRANSECTS, TRANSECT_M = 12.0, 6, 130.0


@dataclass(frozen=True, kw_only=True)
class Site:
    """One station with its camera.

    Attributes
    ----------
    site, camera_number : str
        As in the names of pictures.
    camera : Camera
        The true one.
    seaward_deg : float
        Direction of the sea, clockwise from north.
    beach_m : float
        Across the shore, where the dry beach ends and the face begins, on the first day.
    along_m : float
        Along the shore, where the first transect stands.
    """

    site: str
    camera_number: str
    camera: Camera
    seaward_deg: float
    beach_m: float
    along_m: float

    @property
    def name(self) -> str:
        """Site and camera, e.g. ``"clm_01"``."""
        return f"{self.site}_{self.camera_number}"

    @property
    def axes(self) -> Numbers:
        """(2, 2): rows towards the sea and along the shore (to the left), east and north."""
        a = math.radians(self.seaward_deg)
        return np.array([[math.sin(a), math.cos(a)], [-math.cos(a), math.sin(a)]])

    def world(self, across_along: Numbers) -> Numbers:
        """(n, 2) east and north of places (n, 2) across and along the shore."""
        return np.asarray(across_along @ self.axes + self.camera.extrinsics.place[:2])

    def local(self, east: Numbers, north: Numbers) -> tuple[Numbers, Numbers]:
        """Across and along the shore (…) of east and north (…)."""
        dx, dy = east - self.camera.extrinsics.x_m, north - self.camera.extrinsics.y_m
        (a, b), (c, d) = self.axes
        return dx * a + dy * b, dx * c + dy * d

    def baseline(self) -> Numbers:
        """(2, 2) east and north of a line along the foot of the dune; the sea is to its right."""
        return self.world(np.array([[DUNE_M, self.along_m - 10.0], [DUNE_M, self.along_m + 110.0]]))

    def transects(self) -> list[Transect]:
        """Transects from the foot of the dune towards the sea."""
        found = []
        for k in range(TRANSECTS):
            at = self.along_m + k * TRANSECTS_EVERY_M
            (x0, y0), (x1, y1) = self.world(np.array([[DUNE_M, at], [DUNE_M + TRANSECT_M, at]])).tolist()
            found.append(Transect(f"{self.site.upper()}{k + 1}", x0, y0, x1, y1, CRS))
        return found


def sites() -> tuple[Site, Site]:
    """The two stations: different heights, lenses, directions and distortion."""
    first = Intrinsics(640, 480, 318.4, 241.7, 612.0, 610.5, d1=-0.21, d2=0.06, t1=0.0006, t2=-0.0004)
    second = Intrinsics(640, 480, 322.9, 236.2, 548.0, 549.2, d1=-0.16, d2=0.03, t1=-0.0003, t2=0.0007)
    return (
        Site(
            site="clm",
            camera_number="01",
            camera=_camera(first, 532_712.4, 4_382_516.8, 29.3, azimuth_deg=39.0, tilt_deg=70.5, swing_deg=0.8, name="clm_01"),
            seaward_deg=92.0,
            beach_m=44.0,
            along_m=16.0,
        ),
        Site(
            site="snb",
            camera_number="02",
            camera=_camera(second, 590_241.7, 4_417_133.2, 33.6, azimuth_deg=146.0, tilt_deg=67.5, swing_deg=-1.1, name="snb_02"),
            seaward_deg=196.0,
            beach_m=50.0,
            along_m=14.0,
        ),
    )


def _camera(
    lens: Intrinsics, x: float, y: float, z: float, *, azimuth_deg: float, tilt_deg: float, swing_deg: float, name: str
) -> Camera:
    angles = (math.radians(each) for each in (azimuth_deg, tilt_deg, swing_deg))
    return Camera(lens, Extrinsics(x, y, z, *angles), name, CRS)


@dataclass(frozen=True, kw_only=True)
class Wrack:
    """A patch of wrack: its label and outline (n, 2), east and north, m."""

    label: str
    outline: Numbers = field(compare=False)


@dataclass(frozen=True, kw_only=True)
class Rip:
    """A rip: the middle across and along the shore, its length and width (m), and how far its axis is turned from straight out to sea (deg)."""

    across_m: float
    along_m: float
    length_m: float
    width_m: float
    turned_deg: float

    def corners(self, site: Site) -> Numbers:
        """(4, 2) east and north, in turn."""
        a = math.radians(self.turned_deg)
        axis = np.array([math.cos(a), math.sin(a)]) * self.length_m / 2
        side = np.array([-math.sin(a), math.cos(a)]) * self.width_m / 2
        middle = np.array([self.across_m, self.along_m])
        return site.world(np.array([middle - axis - side, middle + axis - side, middle + axis + side, middle - axis + side]))

    def bearing_deg(self, site: Site) -> float:
        """Direction of the axis towards the sea, clockwise from north."""
        return (site.seaward_deg - self.turned_deg) % 360.0


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A station at one hour."""

    site: Site
    time: datetime
    tide_m: float
    wave_m: float
    beach_m: float
    wrack: tuple[Wrack, ...]
    rips: tuple[Rip, ...]
    light: float
    warmth: float
    fog: float

    @property
    def shoreline_m(self) -> float:
        """Across the shore from the camera at the level of the tide."""
        return self.beach_m + (BEACH_LEVEL_M - self.tide_m) / SLOPE

    @property
    def stem(self) -> str:
        """Name of the picture without its ending, as SIRENA writes it."""
        return f"{self.site.site}_s_{self.site.camera_number}_{self.time:%Y-%m-%d-%H-%M}"


def tide_m(time: datetime) -> float:
    """A made-up tide: half a day and a day, m above the datum."""
    hours = (time - DAYS[0]) / timedelta(hours=1)
    return 0.22 * math.cos(2 * math.pi * hours / 12.42) + 0.08 * math.cos(2 * math.pi * (hours - 5) / 24.0)


def scenes(seed: int) -> list[Scene]:
    """All scenes of both stations, in order of station and time."""
    found = []
    for number, site in enumerate(sites()):
        home = np.random.default_rng([seed, number])
        rip_homes = np.array([home.uniform(42, 48), home.uniform(66, 72)])
        for day, date in enumerate(DAYS):
            rng = np.random.default_rng([seed, number, day + 1])
            beach = site.beach_m + MOVED_M[day]
            wrack = _wrack(rng, site, beach, DENSE[day] * float(rng.uniform(0.9, 1.1)))
            drift = rng.normal(0, 1.5, 2)
            for hour in HOURS:
                time = date + timedelta(hours=hour)
                tide = tide_m(time)
                light = 0.72 + 0.28 * math.sin(math.pi * (hour - 5) / 13) + float(rng.normal(0, 0.03))
                fog = float(rng.choice([0.0, 0.0, 0.12, 0.3]))
                shoreline = beach + (BEACH_LEVEL_M - tide) / SLOPE
                rips = _rips(rng, WAVES_M[day], shoreline, rip_homes + drift)
                warmth = 0.06 * abs(hour - 11) / 3
                found.append(
                    Scene(
                        site=site, time=time, tide_m=tide, wave_m=WAVES_M[day], beach_m=beach, wrack=wrack, rips=rips,
                        light=light, warmth=warmth, fog=fog,
                    )
                )  # fmt: skip
    return found


def _wrack(rng: np.random.Generator, site: Site, beach: float, dense: float) -> tuple[Wrack, ...]:
    """Berms along the upper end of the beach face, and thinner patches behind them; none touches another."""
    patches = []
    n_berms = 1 if dense < 0.4 else 2
    for k in range(n_berms):
        length, width = 26 * dense / n_berms + 5, 2.5 + 3.2 * dense
        patches.append(
            (LABELS[0], beach - 4.2 + rng.normal(0, 0.3), 42 + (k - (n_berms - 1) / 2) * 26 + rng.normal(0, 1), length, width)
        )
    for k in range(3):
        length, width = float(rng.uniform(6, 11)), float(rng.uniform(2.2, 3.8))
        patches.append((LABELS[1], DUNE_M + 10 + rng.uniform(0, 8), 34 + 16 * k + rng.normal(0, 1), length, width))
    return tuple(
        Wrack(label=label, outline=site.world(_patch(rng, across, along, length, width)))
        for label, across, along, length, width in patches
    )


def _patch(rng: np.random.Generator, across: float, along: float, length: float, width: float) -> Numbers:
    """(72, 2) an outline that is long along the shore, with a wavy rim."""
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    rim = 1 + sum(rng.normal(0, 0.11 / k) * np.cos(k * angle + rng.uniform(0, 2 * np.pi)) for k in (2, 3, 4, 5))
    # Between an ellipse and a rectangle, as berms are.
    reach = (np.abs(np.cos(angle)) ** 3 + np.abs(np.sin(angle)) ** 3) ** (-1 / 3) * rim
    return np.column_stack([across + width / 2 * reach * np.sin(angle), along + length / 2 * reach * np.cos(angle)])


def _rips(rng: np.random.Generator, wave: float, shoreline: float, homes: Numbers) -> tuple[Rip, ...]:
    """One rip at each home where waves are high enough; in a storm breakers are everywhere and none is to be seen."""
    if not 1.0 <= wave < 2.0:
        return ()
    found = []
    for home in homes.tolist():
        length, width = float(rng.uniform(22, 30)), float(rng.uniform(7, 11))
        turned = float(rng.normal(0, 10))
        along = home + float(rng.normal(0, 1))
        found.append(Rip(across_m=shoreline + 4 + length / 2, along_m=along, length_m=length, width_m=width, turned_deg=turned))
    return tuple(found)
