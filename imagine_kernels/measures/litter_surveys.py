"""Tables of surveys by category, of trends by beach and category, and of the assessment of beaches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from imagine_kernels.errors import DataError
from imagine_kernels.measures.litter import TOTAL
from imagine_kernels.measures.litter_assessment import assess
from imagine_kernels.measures.litter_sizes import LIMITS_CM
from imagine_kernels.measures.litter_trends import decimal_years, mann_kendall, step_test, theil_sen

if TYPE_CHECKING:
    import pandas as pd

#: A trend is told where p is below this.
SIGNIFICANCE = 0.05


def survey_table(
    table: pd.DataFrame, items: pd.DataFrame, surveys: pd.DataFrame, names: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Items by survey and J-code, as survey tables of beach litter have them.

    A class whose items are of several codes (pieces up to 50 cm and above) is divided by the shares of its items.

    Parameters
    ----------
    table : DataFrame
        As `imagine_kernels.measures.litter.measure_litter` gives it.
    items : DataFrame
        The items that it was made of: ``survey_id``, ``label``, ``j_code`` (empty where there is none), and where known ``size_cm``.
    surveys : DataFrame
        ``survey_id``, and where known ``beach``, ``date``, ``length_m``, ``observed_m2``.
    names : mapping of str to str, optional
        Names of the categories by J-code.

    Returns
    -------
    DataFrame
        One row per survey, class and code with items, and one without a code for each survey with all of them: ``survey_id``, ``beach``,
        ``date``, ``length_m``, ``j_code``, ``name``, ``label``, ``n_items``, ``items_per_100_m``, ``low``, ``high`` (95 % interval of the latter),
        ``observed_m2``. The columns are the fields of a row of `imagine_kernels.formats.litter_surveys`.
    """
    import pandas as pd

    figures = table.set_index(["sample_id", "taxon"])
    counted = items[~(items["size_cm"].to_numpy(dtype=np.float64) < LIMITS_CM[0])] if "size_cm" in items else items
    rows: list[dict[str, Any]] = []
    for survey in surveys.to_dict("records"):
        survey_id = str(survey["survey_id"])
        about: dict[str, Any] = {"survey_id": survey_id, "beach": _text(survey.get("beach")), "date": _text(survey.get("date"))}
        about |= {"length_m": _number(survey.get("length_m")), "observed_m2": _number(survey.get("observed_m2"))}
        mine = counted[counted["survey_id"].astype(str) == survey_id]
        for (label, code), group in mine.groupby(["label", "j_code"], sort=True):
            share = len(group) / int((mine["label"] == label).sum())
            said = {"j_code": str(code), "name": (names or {}).get(str(code), ""), "label": str(label)}
            rows.append({**about, **said, **_figures(figures.loc[(survey_id, str(label))], share)})
        rows.append({**about, "j_code": "", "name": "", "label": TOTAL, **_figures(figures.loc[(survey_id, TOTAL)], 1.0)})
    columns = [
        "survey_id",
        "beach",
        "date",
        "length_m",
        "j_code",
        "name",
        "label",
        "n_items",
        "items_per_100_m",
        "low",
        "high",
        "observed_m2",
    ]
    return pd.DataFrame(rows, columns=columns)


def _figures(row: Any, share: float) -> dict[str, float]:
    return {
        "n_items": float(row["n_items"]) * share,
        "items_per_100_m": float(row["items_per_100_m"]) * share,
        "low": float(row["items_per_100_m_low"]) * share,
        "high": float(row["items_per_100_m_high"]) * share,
    }


def _text(value: object) -> str:
    return "" if value is None or (isinstance(value, float) and np.isnan(value)) else str(value)


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def trend_table(surveys: pd.DataFrame, *, seasons: bool = False) -> pd.DataFrame:
    """Trends of ``items_per_100_m`` of each beach and class over the dates of its surveys.

    Parameters
    ----------
    surveys : DataFrame
        As `survey_table` gives it, several surveys of a beach; a class that a survey does not have counts as 0 there.
    seasons : bool
        Compare only surveys of one quarter of the year with each other.

    Returns
    -------
    DataFrame
        ``beach``, ``label``, ``n_surveys``, ``from_year``, ``to_year``, ``slope_per_100_m_per_year`` with its 95 % interval, ``tau``, ``p``,
        ``trend`` (rising, falling or none, with p below 0.05; ``too few`` below three surveys), ``step_p`` (the later half of the surveys
        against the earlier one) and ``step_per_100_m``.

    Raises
    ------
    DataError
        A survey has no date.
    """
    import pandas as pd

    years = dict(zip(surveys["survey_id"], decimal_years(surveys["date"].tolist()), strict=True))
    undated = [survey for survey, year in years.items() if np.isnan(year)]
    if undated:
        raise DataError(f"The survey {undated[0]} has no date, which a trend needs: write it as 2025-05-31.")
    rows = []
    for beach, mine in surveys.groupby("beach", sort=True):
        wide = mine.pivot_table(index="survey_id", columns="label", values="items_per_100_m", aggfunc="sum", fill_value=0.0)
        wide = wide.loc[sorted(wide.index, key=lambda survey: (years[survey], survey))]
        times = np.array([years[survey] for survey in wide.index])
        quarter = [str(int(year % 1 * 4)) for year in times] if seasons else None
        for label in wide.columns:
            values = wide[label].to_numpy(dtype=np.float64)
            rows.append({"beach": beach, "label": label, "n_surveys": len(values), **_trend(values, times, quarter)})
    return pd.DataFrame(rows)


def _trend(values: Any, times: Any, quarter: list[str] | None) -> dict[str, Any]:
    nan = float("nan")
    found: dict[str, Any] = {"from_year": float(times.min()), "to_year": float(times.max())}
    names = ("slope_per_100_m_per_year", "slope_low_per_100_m_per_year", "slope_high_per_100_m_per_year")
    if len(np.unique(times)) < 2 or len(values) < 3:
        return {
            **found,
            **dict.fromkeys(names, nan),
            "tau": nan,
            "p": nan,
            "trend": "too few",
            "step_p": nan,
            "step_per_100_m": nan,
        }
    slope, _ = theil_sen(values, times)
    test = mann_kendall(values, times, seasons=quarter)
    half = len(values) // 2
    step = step_test(values[:half], values[-half:])
    told = "none" if not test.p < SIGNIFICANCE else "rising" if test.s > 0 else "falling"
    figures = dict(zip(names, (slope.value, slope.low, slope.high), strict=True))
    return {**found, **figures, "tau": test.tau, "p": test.p, "trend": told, "step_p": step.p, "step_per_100_m": step.change}


def assessment_table(surveys: pd.DataFrame, *, by: str = "beach") -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The threshold of 20 items per 100 m for each beach or other group of surveys, from their rows `TOTAL`, and notes.

    Returns
    -------
    table : DataFrame
        ``by``, ``n_surveys``, ``median_per_100_m`` with its 95 % interval, ``probability_above``, ``meets_threshold``.
    notes : tuple of str
    """
    import pandas as pd

    rows, notes = [], dict[str, None]()
    whole = surveys[(surveys["label"] == TOTAL) & np.isfinite(surveys["items_per_100_m"].to_numpy(dtype=np.float64))]
    for name, mine in whole.groupby(by, sort=True):
        found = assess(mine["items_per_100_m"].to_numpy(dtype=np.float64))
        notes |= {f"{name}: {note}": None for note in found.notes}
        rows.append(
            {
                by: name, "n_surveys": found.n_surveys, "median_per_100_m": found.median.value, "median_low_per_100_m": found.median.low,
                "median_high_per_100_m": found.median.high, "probability_above": found.probability_above,
                "meets_threshold": found.meets_threshold,
            }
        )  # fmt: skip
    return pd.DataFrame(rows), tuple(notes)
