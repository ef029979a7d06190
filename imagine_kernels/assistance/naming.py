"""The labels of a model in the words of a project."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.annotation import LabelTree, Project
from imagine_kernels.annotation.label_trees import folded

Path = tuple[str, ...]
#: Between the names of a path in the name of a class.
BETWEEN = " > "


@dataclass(frozen=True)
class Naming:
    """Which label of the project each class of a model is.

    Attributes
    ----------
    classes : tuple of str, length k
    paths : tuple of path, length m
        The labels that the model can give, each once.
    why_not : mapping of str to str
        What is wrong with a class that is none of the labels: a sentence with the remedy.
    """

    classes: tuple[str, ...]
    paths: tuple[Path, ...]
    why_not: Mapping[str, str] = field(default_factory=dict)
    column: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64), repr=False)

    @classmethod
    def of(cls, classes: Sequence[str], project: Project, tree: LabelTree | None) -> Naming:
        """Match classes to the labels by path, then by last name, then by synonym; accents and capitals do not matter.

        Where the project has no tree, a class is the label in use of that name, or a new one.
        """
        known = _Known(tree, project)
        paths: list[Path] = []
        column: list[int] = []
        why_not: dict[str, str] = {}
        for name in classes:
            found = known.find(name)
            if isinstance(found, str):
                why_not[name] = found
                column.append(-1)
                continue
            if found not in paths:
                paths.append(found)
            column.append(paths.index(found))
        return cls(tuple(classes), tuple(paths), why_not, np.array(column, dtype=np.int64))

    def by_path(self, probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, m) probabilities of the labels from (n, k) of the classes: classes that are the same label are added up."""
        found = np.zeros((len(probabilities), len(self.paths)), dtype=np.float32)
        for at, column in enumerate(self.column.tolist()):
            if column >= 0:
                found[:, column] += probabilities[:, at]
        return found

    def top(self, values: NDArray[np.float32], n: int = 3) -> list[tuple[Path, float]]:
        """The best labels of one item, from its row (m,) of `by_path`."""
        order = np.argsort(-values, kind="stable")[:n]
        return [(self.paths[i], min(1.0, float(values[i]))) for i in order]


class _Known:
    def __init__(self, tree: LabelTree | None, project: Project) -> None:
        self._free = tree is None
        used = [path for path in project.counts().labels if path] if tree is None else sorted(tree.paths)
        self._by_path = {_whole(path): path for path in used}
        self._by_name = _grouped((folded(path[-1]), path) for path in used)
        labels = tree.labels if tree is not None else ()
        self._by_synonym = _grouped((folded(each), label.path) for label in labels for each in label.synonyms)

    def find(self, name: str) -> Path | str:
        """The label, or why there is none."""
        for parts in _paths_of(name):
            if _whole(parts) in self._by_path:
                return self._by_path[_whole(parts)]
        for held in (self._by_name, self._by_synonym):
            found = held.get(folded(name), [])
            if len(found) == 1:
                return found[0]
            if found:
                return f"The model's label {name!r} may be {len(found)} labels of the tree: add it as a synonym of the one that is meant."
        if self._free:
            return _paths_of(name)[0]
        return (
            f"The model's label {name!r} is not in the label tree of the project: add it, or add it as a synonym of one that is."
        )


def class_names(paths: Iterable[Path]) -> dict[Path, str]:
    """What labels are called as classes of a model: by their last name, or by all of the path where several have that."""
    unique = sorted(set(paths))
    names = _grouped((folded(path[-1]), path) for path in unique)
    return {path: path[-1] if len(names[folded(path[-1])]) == 1 else BETWEEN.join(path) for path in unique}


def _paths_of(name: str) -> list[Path]:
    """A class as a path: as this library, a file system or EcoTaxa writes one (which begins with the last name), or its name alone."""
    found: list[Path] = [tuple(part.strip() for part in name.split(BETWEEN))]
    if "/" in name:
        found.append(tuple(part.strip() for part in name.split("/")))
    if "<" in name:
        found.append(tuple(part.strip() for part in reversed(name.split("<"))))
    return [path for path in found if all(path)] or [(name,)]


def _whole(path: Path) -> Path:
    return tuple(map(folded, path))


def _grouped(pairs: Iterable[tuple[str, Path]]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for name, path in pairs:
        if path not in found.setdefault(name, []):
            found[name].append(path)
    return found
