"""What is wrong with the files of FlowCam runs, besides the collages themselves."""

from __future__ import annotations

from pathlib import PurePosixPath

import numpy as np

from imagine_kernels.files import Files
from imagine_kernels.formats.pictures import Locator
from imagine_kernels.formats.visualspreadsheet import find_lists, run_files
from imagine_kernels.records import Problem, Sample

#: Relative difference of two ways to know the imaged volume that is still rounding.
_SAME_VOLUME = 0.03


def check_runs(sample: Sample) -> list[Problem]:
    """Look for calibration pictures, masks and summaries of every run of a sample, and compare what they say.

    Parameters
    ----------
    sample : Sample
        With ``cut_from`` ``"collage"``.

    Returns
    -------
    list of Problem
        Warnings: none of this keeps a particle from being identified.
    """
    problems: list[Problem] = []
    by_run = dict(list(sample.objects.groupby("sample_id", sort=False)))
    with Files(sample.source) as files:
        locator = Locator(files.names())
        seen: set[str] = set()
        for path in find_lists(files):
            run, listed = str(PurePosixPath(path).with_suffix("")), PurePosixPath(path).stem
            name = run if listed in seen else listed
            if name not in by_run:
                continue
            seen.add(name)
            mine = by_run[name]
            problems += _effort(files, path, int(mine["acq_particles_listed"].iloc[0]))
            numbers = np.unique(mine["object_cal_image"].to_numpy(dtype=float)) if "object_cal_image" in mine else np.empty(0)
            for number in numbers[np.isfinite(numbers) & (numbers > 0)].astype(int).tolist():
                picture = f"cal_image_{number:06d}.tif"
                if _beside(locator, picture, path) is None:
                    what = f"the calibration picture is missing, in whose light particles of {listed} were found"
                    problems.append(
                        _warning(f"{PurePosixPath(path).parent}/{picture}".removeprefix("./"), what, "copy the run whole")
                    )
            without = [
                collage
                for collage in mine["file"].drop_duplicates().tolist()
                if collage
                and _beside(locator, f"{PurePosixPath(collage).stem}_bin{PurePosixPath(collage).suffix}", collage) is None
            ]
            if without:
                what = f"{len(without)} collages of {listed} have no mask (_bin.tif) beside them"
                problems.append(_warning(without[0], what, "copy the run whole"))
    return problems


def _effort(files: Files, path: str, listed: int) -> list[Problem]:
    """How the summary, the context and the list agree on what was counted, and in how much water."""
    run, _ = run_files(files, path)
    problems = []
    if run.volume_ml is None:
        what = "neither a summary nor a context says how much water was imaged"
        problems.append(_warning(path, what, "put the .ctx and the _summary.csv beside the list, or set volume_imaged_ml"))
    if run.count is not None and round(run.count) != listed:
        what = f"the summary counts {run.count:.0f} particles, the list holds {listed}"
        problems.append(_warning(path, what, "give the list of the whole run, else there are too few particles per mL"))
    said, computed = run.volume_imaged_ml, run.computed_volume_ml
    if said and computed and abs(said - computed) > _SAME_VOLUME * computed:
        what = f"the summary says {said:.4g} mL were imaged; frames, field, depth and volume factor make {computed:.4g} mL"
        problems.append(_warning(path, what, "the summary was believed; set volume_imaged_ml where it is wrong"))
    return problems


def _beside(locator: Locator, picture: str, path: str) -> str | None:
    """The picture in the folder of the list; one of the same name in another folder is of another run."""
    folder = str(PurePosixPath(path).parent)
    found = locator.find(picture, beside=path)
    return found if found is not None and str(PurePosixPath(found).parent) == folder else None


def _warning(item: str, what: str, remedy: str) -> Problem:
    return Problem(item=item, what=what, remedy=remedy, severity="warning")
