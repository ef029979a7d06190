"""Names of diatoms: taxa with rank and code, what a label says beside the taxon, and the genus in place of an uncertain species."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.records import Predictions

#: The taxon of what nobody could name.
UNIDENTIFIED = "unidentified"
#: What a label says in brackets behind the taxon.
GIRDLE_VIEW, FRAGMENT = "girdle view", "fragment"
_MARKED = re.compile(rf"(.*?)\s*\(({GIRDLE_VIEW}|{FRAGMENT})\)\s*", re.IGNORECASE)
_BINOMEN = re.compile(r"\W*\d*\s*([A-Z][a-z]{3,})[\s_-]+(?:cf\.?\s|aff\.?\s|cf\.|aff\.)?\s*([a-z]{3,}(?:-[a-z]{3,})?)(?![a-z])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Taxon:
    """One taxon.

    Attributes
    ----------
    name : str
    code : str
        Four letters in OMNIDIA; empty where it has none.
    rank : str
        ``"species"``, ``"genus"`` …
    genus : str
        Empty for what is above a genus.
    """

    name: str
    code: str = ""
    rank: str = ""
    genus: str = ""


def split_label(label: str) -> tuple[str, str]:
    """A label without its mark, and the mark: ``"girdle view"``, ``"fragment"`` or empty."""
    match = _MARKED.fullmatch(label)
    return (match[1].strip(), match[2].lower()) if match else (label.strip(), "")


def species_in(file: str) -> str:
    """The species in a file name that begins with it, as ``"Navicula cari"``; empty where there is none."""
    match = _BINOMEN.match(PurePosixPath(file).name)
    return f"{match[1]} {match[2]}" if match else ""


def taxon_of(label: str, taxa: Mapping[str, Taxon]) -> Taxon:
    """The taxon of a label, by name or code; one that the table does not hold is read from the name itself.

    Parameters
    ----------
    label : str
        A mark behind it does not matter.
    taxa : mapping of str to Taxon
        By name and by code.
    """
    name = split_label(label)[0]
    if name in taxa:
        return taxa[name]
    words = name.replace("_", " ").split()
    if name == UNIDENTIFIED or not words or not words[0][:1].isupper():
        return Taxon(name=name)
    return Taxon(
        name=name, rank="species" if len(words) > 1 and words[1] not in ("sp.", "sp", "spp.") else "genus", genus=words[0]
    )


def with_fallback(predictions: Predictions, taxa: Mapping[str, Taxon], *, least: float) -> NDArray[Any]:
    """Labels (n,) of which no predicted one is less likely than `least`.

    A predicted label stays where its probability reaches `least`. Else the genus takes its place, if the probabilities of all its classes together
    reach it (the genus of the most probable class is not always the most probable genus: the most probable genus is taken); else the object is
    `UNIDENTIFIED`. What a person has seen, and a label that the model does not know, stays.

    Parameters
    ----------
    predictions : Predictions
    taxa : mapping of str to Taxon
    least : float
        0 to 1.
    """
    labels = predictions.label.copy()
    if not predictions.classes or not len(predictions):
        return np.asarray(labels)
    # float32 probabilities of one may add up to a little less.
    doubtful = (predictions.status == "predicted") & np.isin(labels, np.array(predictions.classes, dtype=object))
    doubtful &= predictions.probability < least - 1e-6
    genera = [taxon_of(name, taxa).genus for name in predictions.classes]
    names = sorted(set(genera) - {""})
    member = np.array([[genus == name for name in names] for genus in genera], dtype=np.float64).reshape(len(genera), len(names))
    together = predictions.probabilities.astype(np.float64) @ member
    for row in np.flatnonzero(doubtful):
        best = int(together[row].argmax()) if names else -1
        labels[row] = names[best] if best >= 0 and together[row, best] >= least - 1e-6 else UNIDENTIFIED
    return np.asarray(labels)


def by_name_and_code(taxa: Sequence[Taxon]) -> dict[str, Taxon]:
    """Taxa by their names, and by their codes where no taxon is named so."""
    return {taxon.code: taxon for taxon in taxa if taxon.code} | {taxon.name: taxon for taxon in taxa}
