"""Drift of oil on the sea: an ensemble of particles carried by current, wind and waves, forwards or backwards in time.

Each particle moves with ``u = u_current + α R(θ) u_wind + u_Stokes``, integrated on the ellipsoid by the Runge-Kutta method of fourth order, and
makes a random step ``√(2 K Δt) N(0, 1)`` along each direction (De Dominicis et al. 2013, part 1). What is not known is drawn once for each
particle: the share α of the wind, its angle θ, and an error of the current. Where Stokes drift is given by a field of its own, α must hold
the drift by wind alone; without one it holds both, and is larger by about 1.5 % of the wind.

Oil does not weather here: no mass is lost to air or water.

References
----------
De Dominicis, M., Pinardi, N., Zodiatis, G. and Lardner, R. (2013): MEDSLIK-II, a Lagrangian marine surface oil spill model for short-term
forecasting. Geosci. Model Dev. 6, 1851-1869. doi:10.5194/gmd-6-1851-2013
Dagestad, K.-F., Röhrs, J., Breivik, Ø. and Ådlandsvik, B. (2018): OpenDrift v1.0: a generic framework for trajectory modelling. Geosci. Model
Dev. 11, 1405-1420 (wind drift and Stokes drift). doi:10.5194/gmd-11-1405-2018
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imagine_kernels.errors import DataError, SettingError
from imagine_kernels.measures.drift_fields import Speed
from imagine_kernels.records.trajectories import STATES, Trajectories

if TYPE_CHECKING:
    from shapely import Geometry

Numbers = NDArray[np.float64]

DRIFTING, STRANDED, LEFT, WAITING = range(len(STATES))
#: Half axes and eccentricity of WGS 84.
_A, _E2 = 6_378_137.0, 0.0066943799901413165
#: Nothing is let drift for longer than this, hours.
MAX_HOURS = 24 * 30
#: Beyond this latitude directions are no longer those of a grid, degrees.
_POLE = 89.5
_BISECTIONS = 12


@dataclass(frozen=True, kw_only=True)
class DriftSettings:
    """How particles drift.

    Attributes
    ----------
    wind_factor, wind_factor_sd : float
        Share α of the wind at 10 m; 0.03 where Stokes drift is not given, about 0.015 to 0.02 where it is.
    deflection_deg, deflection_sd_deg : float
        Angle θ of wind drift, to the right of the wind north of the equator and to the left south of it.
    current_sd_m_s : float
        Error of the current, along each direction.
    diffusivity_m2_s : float
        K, along each direction.
    step_s : float
        Step of time.
    output_s : float
        Time between the positions that are kept.
    seed : int
        Of all that is drawn.

    Raises
    ------
    SettingError
        A number cannot be.
    """

    wind_factor: float = 0.03
    wind_factor_sd: float = 0.005
    deflection_deg: float = 0.0
    deflection_sd_deg: float = 5.0
    current_sd_m_s: float = 0.05
    diffusivity_m2_s: float = 2.0
    step_s: float = 900.0
    output_s: float = 3600.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.wind_factor <= 0.2:
            raise SettingError(f"Oil does not drift with {self.wind_factor:g} of the wind: give a share such as 0.03.")
        for name in ("wind_factor_sd", "deflection_sd_deg", "current_sd_m_s", "diffusivity_m2_s"):
            if not 0 <= getattr(self, name) < 1e4:
                raise SettingError(f"{name} cannot be {getattr(self, name):g}: give 0 or more.")
        if not 1 <= self.step_s <= 6 * 3600 or not self.step_s <= self.output_s:
            raise SettingError(
                f"A step of {self.step_s:g} s and output each {self.output_s:g} s cannot be: give 1 s to 6 h, and no less for output."
            )


def drift(
    lon: ArrayLike,
    lat: ArrayLike,
    start: datetime,
    hours: float,
    *,
    speeds: Sequence[Speed] = (),
    wind: Speed | None = None,
    land: Geometry | None = None,
    release_s: ArrayLike | None = None,
    settings: DriftSettings | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Trajectories:
    """Let particles drift.

    Parameters
    ----------
    lon, lat : (n,) arrays
        Where they begin, degrees.
    start : datetime
        When, with its time zone.
    hours : float
        How long; negative for a hindcast, which leads back to where they came from.
    speeds : sequence of Speed
        What carries them wholly: current, Stokes drift.
    wind : Speed, optional
        What carries them by a share of itself.
    land : shapely geometry, optional
        Polygons in longitude and latitude: what comes there stays there.
    release_s : (n,) array, optional
        So much later than `start` each particle is set free (earlier in a hindcast), s; at the end of the step in which that is.
    settings : DriftSettings, optional
    progress : callable, optional
        Called with steps done and steps in all.

    Returns
    -------
    Trajectories

    Raises
    ------
    DataError
        No positions, positions that are none, fields that do not reach so far, or a time without zone.
    SettingError
        The time is too long.
    """
    settings = settings or DriftSettings()
    lon, lat = (np.atleast_1d(np.asarray(each, dtype=np.float64)).copy() for each in np.broadcast_arrays(lon, lat))
    _check(lon, lat, start, hours)
    last = start + timedelta(hours=hours)
    for each in (*speeds, *([wind] if wind is not None else [])):
        each.check_covers(min(start, last), max(start, last))
    n, sign = lon.size, 1.0 if hours >= 0 else -1.0
    waits = np.zeros(n) if release_s is None else np.broadcast_to(np.abs(np.asarray(release_s, dtype=np.float64)), (n,))
    rng = np.random.default_rng(settings.seed)
    carried = _Carried(speeds, wind, _Members.drawn(n, settings, rng))
    shore = _Shore(land) if land is not None else None
    state = np.where(waits > 0, WAITING, DRIFTING).astype(np.uint8)
    if shore is not None:
        state[shore.holds(lon, lat)] = STRANDED
    kept = [(0.0, lon.copy(), lat.copy(), state.copy())]
    moments = _moments(abs(hours) * 3600, settings.step_s, settings.output_s)
    for number, (begin, end, output) in enumerate(moments):
        moving = np.flatnonzero(state == DRIFTING)
        if moving.size:
            when = start + timedelta(seconds=sign * begin)
            new_lon, new_lat = carried.moved(when, sign * (end - begin), lon[moving], lat[moving], moving)
            spread = math.sqrt(2 * settings.diffusivity_m2_s * (end - begin))
            if spread:
                new_lon, new_lat = _stepped(new_lon, new_lat, *rng.normal(0, spread, (2, moving.size)))
            lost = ~(np.isfinite(new_lon) & np.isfinite(new_lat)) | (np.abs(new_lat) > _POLE)
            state[moving[lost]] = LEFT
            new_lon[lost], new_lat[lost] = lon[moving[lost]], lat[moving[lost]]
            if shore is not None:
                stranded = shore.crossed(lon[moving], lat[moving], new_lon, new_lat)
                new_lon[stranded], new_lat[stranded] = shore.landfall(
                    lon[moving[stranded]], lat[moving[stranded]], new_lon[stranded], new_lat[stranded]
                )
                state[moving[stranded]] = STRANDED
            lon[moving], lat[moving] = new_lon, new_lat
        state[(state == WAITING) & (waits <= end + 1e-6)] = DRIFTING
        if output:
            kept.append((sign * end, lon.copy(), lat.copy(), state.copy()))
        if progress is not None:
            progress(number + 1, len(moments))
    seconds, lons, lats, states = zip(*kept, strict=True)
    return Trajectories(start, np.array(seconds), _wrapped(np.stack(lons)), np.stack(lats), np.stack(states))


def seeds_in(polygon: Geometry, n: int, *, seed: int = 0) -> tuple[Numbers, Numbers]:
    """Longitudes and latitudes (n,) spread evenly by chance over a slick.

    Parameters
    ----------
    polygon : Polygon or MultiPolygon
        In longitude and latitude; a point or a line gives positions on it.

    Raises
    ------
    DataError
        The slick is empty, or no particles are wanted.
    """
    import shapely

    from imagine_kernels.measures.geodesy import LocalPlane

    if polygon.is_empty or n < 1:
        raise DataError(
            f"{n} particles cannot begin in {'an empty slick' if polygon.is_empty else 'a slick'}: give one particle at least."
        )
    rng = np.random.default_rng(seed)
    points = shapely.get_coordinates(polygon)
    plane = LocalPlane.around(points[:, 0], points[:, 1])
    # A straight side on the map is none on the plane.
    flat = plane.flat(shapely.segmentize(polygon, 0.02))
    if flat.area <= 0:
        along = flat
        if len(points) > 1:
            line = shapely.LineString(shapely.get_coordinates(flat))
            along = shapely.line_interpolate_point(line, rng.random(n), normalized=True)
        x, y = np.broadcast_to(shapely.get_coordinates(along), (n, 2)).T
        return plane.lonlat(x, y)
    triangles = np.array(list(shapely.get_parts(shapely.constrained_delaunay_triangles(flat))), dtype=object)
    areas = shapely.area(triangles)
    chosen = rng.choice(len(triangles), n, p=areas / areas.sum())
    corners = np.stack([shapely.get_coordinates(each)[:3] for each in triangles])[chosen]
    u, v = rng.random((2, n))
    # Evenly over a triangle: the half of the parallelogram beyond its side is folded back.
    u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)
    x, y = (corners[:, 0] + u[:, None] * (corners[:, 1] - corners[:, 0]) + v[:, None] * (corners[:, 2] - corners[:, 0])).T
    return plane.lonlat(x, y)


@dataclass(frozen=True)
class _Members:
    """What is drawn once for each particle."""

    factor: Numbers
    angle: Numbers
    east: Numbers
    north: Numbers

    @classmethod
    def drawn(cls, n: int, settings: DriftSettings, rng: np.random.Generator) -> _Members:
        draws = rng.normal(0, 1, (4, n))
        return cls(
            np.maximum(settings.wind_factor + settings.wind_factor_sd * draws[0], 0),
            np.radians(settings.deflection_deg + settings.deflection_sd_deg * draws[1]),
            settings.current_sd_m_s * draws[2],
            settings.current_sd_m_s * draws[3],
        )


class _Carried:
    """Moves particles by what carries them."""

    def __init__(self, speeds: Sequence[Speed], wind: Speed | None, members: _Members) -> None:
        self._speeds, self._wind, self._members = speeds, wind, members

    def moved(
        self, when: datetime, seconds: float, lon: Numbers, lat: Numbers, which: NDArray[np.intp]
    ) -> tuple[Numbers, Numbers]:
        """One step of the Runge-Kutta method of fourth order."""

        def rate(after: float, x: Numbers, y: Numbers) -> tuple[Numbers, Numbers]:
            east, north = self._speed(when + timedelta(seconds=after), x, y, which)
            per_lon, per_lat = _metres_per_degree(y)
            return east / per_lon, north / per_lat

        half = seconds / 2
        a = rate(0.0, lon, lat)
        b = rate(half, lon + half * a[0], lat + half * a[1])
        c = rate(half, lon + half * b[0], lat + half * b[1])
        d = rate(seconds, lon + seconds * c[0], lat + seconds * c[1])
        found = [at + seconds / 6 * (p + 2 * q + 2 * r + s) for at, p, q, r, s in zip((lon, lat), a, b, c, d, strict=True)]
        return found[0], found[1]

    def _speed(self, when: datetime, lon: Numbers, lat: Numbers, which: NDArray[np.intp]) -> tuple[Numbers, Numbers]:
        east, north = self._members.east[which], self._members.north[which]
        for each in self._speeds:
            more = each.at(when, lon, lat)
            east, north = east + more[0], north + more[1]
        if self._wind is not None:
            blown = self._wind.at(when, lon, lat)
            # To the right in the northern hemisphere: clockwise.
            angle = -np.sign(lat) * self._members.angle[which]
            cos, sin, factor = np.cos(angle), np.sin(angle), self._members.factor[which]
            east = east + factor * (cos * blown[0] - sin * blown[1])
            north = north + factor * (sin * blown[0] + cos * blown[1])
        return east, north


class _Shore:
    """Land that stops particles."""

    def __init__(self, land: Geometry) -> None:
        import shapely

        self._land = shapely.union_all(shapely.get_parts(shapely.make_valid(land)))
        shapely.prepare(self._land)

    def holds(self, lon: Numbers, lat: Numbers) -> NDArray[np.bool_]:
        import shapely

        return np.asarray(shapely.contains_xy(self._land, _wrapped(lon), lat))

    def crossed(self, lon: Numbers, lat: Numbers, new_lon: Numbers, new_lat: Numbers) -> NDArray[np.bool_]:
        """Whether the way from one place to the next meets land, however narrow."""
        import shapely

        start = _wrapped(lon)
        ways = shapely.linestrings(
            np.stack([np.column_stack([start, lat]), np.column_stack([start + new_lon - lon, new_lat])], axis=1)
        )
        return np.asarray(shapely.intersects(self._land, ways))

    def landfall(self, lon: Numbers, lat: Numbers, new_lon: Numbers, new_lat: Numbers) -> tuple[Numbers, Numbers]:
        """Where the way first meets land, by halving it."""
        low, high = np.zeros(lon.size), np.ones(lon.size)
        for _ in range(_BISECTIONS if lon.size else 0):
            middle = (low + high) / 2
            meets = self.crossed(lon, lat, lon + middle * (new_lon - lon), lat + middle * (new_lat - lat))
            low, high = np.where(meets, low, middle), np.where(meets, middle, high)
        return lon + high * (new_lon - lon), lat + high * (new_lat - lat)


def _wrapped(lon: Numbers) -> Numbers:
    """Longitudes from -180 to 180; those that are so already stay to the last bit."""
    return np.where(np.abs(lon) <= 180, lon, (lon + 180) % 360 - 180)


def _metres_per_degree(lat: Numbers) -> tuple[Numbers, Numbers]:
    """Length of a degree of longitude and of latitude on WGS 84, m."""
    angle = np.radians(np.clip(lat, -89.99, 89.99))
    w2 = 1 - _E2 * np.sin(angle) ** 2
    degree = math.pi / 180
    return degree * _A * np.cos(angle) / np.sqrt(w2), degree * _A * (1 - _E2) / w2**1.5


def _stepped(lon: Numbers, lat: Numbers, east_m: Numbers, north_m: Numbers) -> tuple[Numbers, Numbers]:
    per_lon, per_lat = _metres_per_degree(lat)
    return lon + east_m / per_lon, lat + north_m / per_lat


def _moments(length: float, step: float, output: float) -> list[tuple[float, float, bool]]:
    """Begin and end of each step, s, and whether positions are kept at its end: steps end where output is wanted."""
    several = [np.arange(1, int(length / each) + 1) * each for each in (step, output)]
    ends = np.unique(np.round(np.concatenate([*several, [length]]), 6))
    ends = ends[(ends > 0) & (ends <= length)]
    begins = np.concatenate([[0.0], ends[:-1]]) if ends.size else ends
    kept = [bool(abs(end / output - round(end / output)) < 1e-9 or end == length) for end in ends]
    return list(zip(begins.tolist(), ends.tolist(), kept, strict=True))


def _check(lon: Numbers, lat: Numbers, start: datetime, hours: float) -> None:
    if (
        lon.ndim != 1
        or not lon.size
        or not (np.isfinite(lon) & np.isfinite(lat) & (np.abs(lat) <= _POLE) & (np.abs(lon) <= 360)).all()
    ):
        raise DataError("Particles need positions in degrees, longitude first, not beyond 89.5° of latitude.")
    if start.tzinfo is None:
        raise DataError("The time at which oil begins to drift needs a time zone: give it in UTC.")
    if not abs(hours) <= MAX_HOURS:
        raise SettingError(f"Oil cannot be followed for {hours:g} hours: give {MAX_HOURS} at most.")
