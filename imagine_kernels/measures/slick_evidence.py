"""Whether oil could be seen at that wind, and what speaks for a look-alike: evidence that can be read, not a verdict.

Wind: slicks show from 2 to 3 m/s on, when there are waves to be damped, and vanish between 10 and 14 m/s, when the sea mixes them under. Between
these limits it depends on sensor and oil, so such winds are *marginal*.

The score of look-alikes adds points, each with its reason, to a start of even odds: ``score = 1 / (1 + exp(-Σ points))``. One point is odds of e
= 2.7 to 1. The signs come from the literature named below; **the points themselves are a heuristic** and no fit to labelled slicks: they
order what a person should look at first.

References
----------
Brekke, C. and Solberg, A. H. S. (2005): Oil spill detection by satellite remote sensing. Remote Sensing of Environment 95, 1-13, sections 3.1 and
3.2 (wind limits, look-alikes). doi:10.1016/j.rse.2004.11.015
Alpers, W., Holt, B. and Zeng, K. (2017): Oil spill detection by imaging radars: challenges and pitfalls. Remote Sensing of Environment 201,
133-147 (biogenic films, low wind). doi:10.1016/j.rse.2017.09.002
Solberg, A. H. S., Storvik, G., Solberg, R. and Volden, E. (1999): Automatic detection of oil spills in ERS SAR images. IEEE Trans. GRS 37,
1916-1924 (contrast, border gradient, shape, distance to ships).
Minchew, B., Jones, C. E. and Holt, B. (2012): Polarimetric analysis of backscatter from the Deepwater Horizon oil spill using L-band synthetic
aperture radar. IEEE Trans. GRS 50, 3812-3830 (levels near the noise floor).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from imagine_kernels.errors import DataError

#: Names of the flags of wind.
ELIGIBLE, MARGINAL, TOO_CALM, TOO_ROUGH, UNKNOWN = "eligible", "marginal", "too calm", "too rough", "unknown"


@dataclass(frozen=True)
class WindLimits:
    """Wind at 10 m, m/s: no slick below `calm_m_s` or above `rough_m_s`; surely visible from `from_m_s` to `to_m_s`."""

    calm_m_s: float = 2.0
    from_m_s: float = 3.0
    to_m_s: float = 10.0
    rough_m_s: float = 14.0

    def __post_init__(self) -> None:
        if not 0 <= self.calm_m_s <= self.from_m_s <= self.to_m_s <= self.rough_m_s:
            raise DataError("The limits of the wind must ascend: calm, from, to, rough, in m/s.")

    def flag(self, wind_m_s: float) -> str:
        """One of eligible, marginal, too calm, too rough, or unknown for NaN.

        Raises
        ------
        DataError
            The wind is negative, or more than any wind: it may be in knots or km/h.
        """
        if math.isnan(wind_m_s):
            return UNKNOWN
        if not 0 <= wind_m_s <= 90:
            raise DataError(f"A wind of {wind_m_s:g} m/s cannot be: give the speed at 10 m in m/s.")
        if wind_m_s < self.calm_m_s:
            return TOO_CALM
        if wind_m_s > self.rough_m_s:
            return TOO_ROUGH
        return ELIGIBLE if self.from_m_s <= wind_m_s <= self.to_m_s else MARGINAL


@dataclass(frozen=True)
class Evidence:
    """What speaks for a look-alike (positive points) or for oil (negative ones)."""

    points: float
    reason: str


def look_alike_evidence(
    *,
    wind: str = UNKNOWN,
    damping_db: float = math.nan,
    damping_low_db: float = math.nan,
    edge_sharpness: float = math.nan,
    above_noise_db: float = math.nan,
    area_km2: float = math.nan,
    length_km: float = math.nan,
    mean_width_km: float = math.nan,
    complexity: float = math.nan,
    ship_km: float = math.nan,
    coast_km: float = math.nan,
) -> list[Evidence]:
    """The evidence of one slick; what is not known (NaN) says nothing.

    Parameters
    ----------
    wind : str
        See `WindLimits.flag`.
    damping_db, damping_low_db, edge_sharpness, above_noise_db : float
        See `Levels`.
    area_km2, length_km, mean_width_km, complexity : float
        See `Shape`.
    ship_km, coast_km : float
        Distance to the nearest ship and to the coast.
    """
    found: list[Evidence] = []

    def say(when: bool, points: float, reason: str) -> None:
        if when:
            found.append(Evidence(points, reason))

    say(wind == TOO_CALM, 2.0, "too little wind: the sea is dark by itself")
    say(wind == TOO_ROUGH, 1.5, "too much wind: a slick would be mixed under")
    say(wind == MARGINAL, 0.5, "the wind is at the limit at which slicks show")
    say(wind == ELIGIBLE, -0.5, "the wind is such that slicks show")
    masked = above_noise_db < 3
    say(damping_low_db <= 0, 1.0, "hardly darker than the sea around it, which varies as much")
    say(damping_db < 3 and not masked, 1.0, f"low damping ({damping_db:.1f} dB), as of natural films")
    say(damping_db >= 6, -1.0, f"high damping ({damping_db:.1f} dB)")
    say(edge_sharpness < 0.5, 1.0, "diffuse border")
    say(edge_sharpness >= 0.8, -0.5, "sharp border")
    slenderness = length_km / mean_width_km if mean_width_km > 0 else math.nan
    say(area_km2 >= 30 and slenderness < 6, 1.5, f"large and broad ({area_km2:.0f} km²), as calm areas are")
    say(slenderness >= 10, -1.0, "long and narrow, as behind a ship")
    say(complexity >= 4 and area_km2 >= 5, 0.5, "a very complex outline")
    say(ship_km <= 5, -1.0, f"a ship {ship_km:.1f} km away")
    say(coast_km < 2 and slenderness < 10, 0.5, "at the coast, where the wind is shadowed")
    return found


def look_alike_score(evidence: list[Evidence]) -> float:
    """0 to 1: 0.5 where nothing speaks for either; more for a look-alike."""
    return 1 / (1 + math.exp(-sum(each.points for each in evidence)))


def reasons(evidence: list[Evidence]) -> str:
    """The reasons in one line, the strongest first, each with its sign."""
    ordered = sorted(evidence, key=lambda each: -abs(each.points))
    return "; ".join(f"{'+' if each.points > 0 else '−'} {each.reason}" for each in ordered)
