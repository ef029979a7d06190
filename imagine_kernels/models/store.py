"""Finding model bundles by name; nothing here imports torch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, overload

from imagine_kernels import settings
from imagine_kernels.errors import BundleError, UnknownName
from imagine_kernels.models.bundle import DESCRIPTION, ModelBundle
from imagine_kernels.records.figures_of_merit import HEADLINES, HELD_OUT, TITLES


def starter_name(use_case: str) -> str:
    """Name of the model that is taken where none is named."""
    return f"{use_case}-starter"


@overload
def find_model(use_case: str, model: Path | str | None = None, *, missing_ok: Literal[False] = False) -> ModelBundle: ...
@overload
def find_model(use_case: str, model: Path | str | None = None, *, missing_ok: bool) -> ModelBundle | None: ...
def find_model(use_case: str, model: Path | str | None = None, *, missing_ok: bool = False) -> ModelBundle | None:
    """The bundle of that name or in that folder.

    Parameters
    ----------
    use_case : str
    model : path or str, optional
        A folder, or the name of one in the model folders; None is the starter model.
    missing_ok : bool
        Give None where there is none of that name; a damaged bundle is an error all the same, except for the starter model.

    Raises
    ------
    UnknownName
        There is no such model.
    BundleError
        It is damaged, or of another use case.
    """
    name = starter_name(use_case) if model is None else str(model)
    folder = _folder_of(name)
    if folder is None:
        if missing_ok:
            return None
        if model is None:
            raise UnknownName(
                f"There is no starter model for {use_case}: train one with `imagine train {use_case}`, or name a model."
            )
        known = [found.name for found in _folders() if _use_case_of(found) == use_case]
        raise UnknownName.among(f"model for {use_case}", name, known)
    try:
        bundle = ModelBundle.load(folder)
    except BundleError:
        if missing_ok and model is None:
            return None
        raise
    if bundle.use_case != use_case:
        raise BundleError(f"The model in {folder} is for {bundle.use_case}, not for {use_case}: give a model of {use_case}.")
    return bundle


def list_models(use_case: str) -> list[ModelBundle]:
    """All sound bundles of a use case in the model folders, the newest first, the starter model last."""
    bundles = []
    for folder in _folders():
        if _use_case_of(folder) == use_case:
            try:
                bundles.append(ModelBundle.load(folder))
            except BundleError:
                # A damaged one is named where it is asked for; it must not hide the others.
                continue
    starter = starter_name(use_case)
    newest = sorted(bundles, key=lambda bundle: bundle.created, reverse=True)
    return sorted(newest, key=lambda bundle: bundle.path.name == starter)


#: What the recipes are called before people.
RECIPES = {"frozen": "head on frozen features", "fine-tuned": "fine-tuned network"}


def model_summary(bundle: ModelBundle) -> dict[str, Any]:
    """Name, version, hash, recipe and held-out figures, for cards and for provenance; JSON."""
    return {
        "name": bundle.name,
        "version": bundle.version,
        "hash": bundle.model_hash,
        "created": bundle.created,
        "recipe": RECIPES.get(bundle.recipe, bundle.recipe),
        "classes": list(bundle.classes),
        "task": bundle.task,
        "headline": {
            "metric": HEADLINES[bundle.task],
            "title": TITLES[HEADLINES[bundle.task]],
            "on": HELD_OUT[bundle.task].removeprefix("held-out "),
        },
        "metrics": {name: dict(bundle.metrics[name]) for name in TITLES if name in bundle.metrics},
        "n_held_out": bundle.n_held_out,
    }


def _folder_of(name: str) -> Path | None:
    given = Path(name).expanduser()
    # A path wins over a name; a bare word is a name first, so that a folder of that name in the current one does not hide it.
    places = (
        [given] if given.is_absolute() or len(given.parts) > 1 else [*(base / name for base in settings.models_folders()), given]
    )
    for place in places:
        if place.is_dir():
            return place
    return None


def _folders() -> Iterator[Path]:
    for base in settings.models_folders():
        if base.is_dir():
            yield from sorted(
                folder for folder in base.iterdir() if not folder.name.startswith(".") and (folder / DESCRIPTION).is_file()
            )


def _use_case_of(folder: Path) -> str | None:
    try:
        held = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        return str(held["use_case"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
