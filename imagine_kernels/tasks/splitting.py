"""Splitting labelled data: objects of one sample stay together where there are several samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.errors import LabelError

if TYPE_CHECKING:
    import pandas as pd


#: One of so many parts of what is trained on tells when to stop.
WATCH_FOLDS = 8


@dataclass(frozen=True, kw_only=True)
class Split:
    """Which fold each object is in.

    Attributes
    ----------
    fold : (n,) ndarray of int
        From 0; fold 0 is the validation split.
    n_folds : int
    by : str
        The column whose values stay together; empty where the split is by object.
    sentence : str
        The same for people.
    warning : str
        Why the figures on held-out objects may be too good; empty where samples stay together, or nobody asked for that.
    """

    fold: NDArray[np.int64]
    n_folds: int
    by: str
    sentence: str
    warning: str = ""

    @property
    def validation(self) -> NDArray[np.bool_]:
        """(n,) mask of the validation split."""
        return np.asarray(self.fold == 0)


def check_labels(labels: NDArray[Any]) -> None:
    """Raise `LabelError` where labels (n,) cannot be trained on."""
    counts = Counter(labels.tolist())
    if len(counts) < 2:
        only = f"all {len(labels)} objects are {labels[0]!r}" if len(labels) else "there are none"
        raise LabelError(f"Training needs labels of at least two classes, but {only}: add objects of another class.")
    few = sorted(label for label, count in counts.items() if count < 2)
    if few:
        raise LabelError(
            f"The label {few[0]!r} has only one object, and training needs two or more of each: add some, or remove or merge the label."
        )


def split(labels: NDArray[Any], objects: pd.DataFrame, *, splits_by: Sequence[str], n_folds: int, seed: int) -> Split:
    """Folds that hold the classes in like shares.

    Parameters
    ----------
    labels : (n,) ndarray of str
    objects : DataFrame, n rows
    splits_by : sequence of str
        Columns that keep objects together; the first that varies enough wins: at least three values, of which none holds more than
        half of the objects, and every class in at least two of them.
    n_folds : int
    seed : int
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    fold = np.zeros(len(labels), dtype=np.int64)
    for column in splits_by:
        if column not in objects:
            continue
        groups = objects[column].astype(str).to_numpy(dtype=object)
        n = _folds_by_group(labels, groups, n_folds)
        if n:
            parts = StratifiedGroupKFold(n, shuffle=True, random_state=seed).split(fold, labels.astype(str), groups.astype(str))
            for index, (_, held_out) in enumerate(parts):
                fold[held_out] = index
            if _every_class_is_trained(labels, fold, n):
                return Split(
                    fold=fold, n_folds=n, by=column, sentence=f"{n} folds by {column}: objects of one {column} stay together."
                )
    n = int(min(n_folds, np.unique(labels.astype(str), return_counts=True)[1].min()))
    for index, (_, held_out) in enumerate(StratifiedKFold(n, shuffle=True, random_state=seed).split(fold, labels.astype(str))):
        fold[held_out] = index
    why = f" {', '.join(splits_by)} does not vary enough to split by." if splits_by else ""
    return Split(
        fold=fold,
        n_folds=n,
        by="",
        sentence=f"{n} folds by object, with like shares of the classes.{why}",
        warning=_too_good(objects, splits_by) if splits_by else "",
    )


def _too_good(objects: pd.DataFrame, splits_by: Sequence[str]) -> str:
    column = next((name for name in splits_by if name in objects), None)
    values = [] if column is None else objects[column].dropna().astype(str).unique().tolist()
    if len(values) < 2:
        whose = f"come from one sample ({values[0]})" if values else "name no sample"
        return (
            f"All labelled objects {whose}: what is held out lies beside what was trained on, and the figures may be too good for other"
            " samples. Label objects of at least three samples."
        )
    return (
        f"The labelled objects of {len(values)} values of {column} could not be kept apart, so that objects of one sample are on both sides:"
        " the figures may be too good for other samples. Label objects of at least three samples, each class in two of them."
    )


def watched(
    labels: NDArray[Any], objects: pd.DataFrame, parts: Split, *, splits_by: Sequence[str], seed: int
) -> NDArray[np.bool_]:
    """(n,) mask of the objects, outside the validation split, that tell a training when to stop: an eighth.

    None where a class is too small to give any away.
    """
    mask = np.zeros(len(labels), dtype=bool)
    rest = np.flatnonzero(~parts.validation)
    if np.unique(labels[rest].astype(str), return_counts=True)[1].min() >= WATCH_FOLDS:
        inner = split(labels[rest], objects.iloc[rest], splits_by=splits_by, n_folds=WATCH_FOLDS, seed=seed)
        mask[rest[inner.validation]] = True
    return mask


def _folds_by_group(labels: NDArray[Any], groups: NDArray[Any], n_folds: int) -> int:
    names, counts = np.unique(groups.astype(str), return_counts=True)
    if len(names) < 3 or counts.max() > len(groups) / 2:
        return 0
    spread = min(len(set(groups[labels == label])) for label in set(labels))
    return 0 if spread < 2 else int(min(n_folds, len(names)))


def _every_class_is_trained(labels: NDArray[Any], fold: NDArray[np.int64], n: int) -> bool:
    return all(set(labels[fold != index]) == set(labels) for index in range(n))
