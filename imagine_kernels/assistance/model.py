"""A model at work in a project."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imagine_kernels.annotation import LabelTree, Project
from imagine_kernels.assistance.items import Item, Path
from imagine_kernels.assistance.looking import Looker
from imagine_kernels.assistance.naming import Naming
from imagine_kernels.records import Problem, Progress

if TYPE_CHECKING:
    from imagine_kernels.models.bundle import ModelBundle


@dataclass(frozen=True, eq=False)
class Opinion:
    """What a model says of n items, in the labels of the project.

    Attributes
    ----------
    naming : Naming
    good : (n,) bool ndarray
        The picture could be read.
    probabilities : (n, m) float32 ndarray
        Of ``naming.paths``; what is missing to 1 is of classes that are no label of the project.
    classes : (n,) ndarray of int
        The most probable class of the model itself.
    features : (n, d) float32 ndarray or None
    problems : tuple of Problem
    """

    naming: Naming
    good: NDArray[np.bool_]
    probabilities: NDArray[np.float32]
    classes: NDArray[np.int64]
    features: NDArray[np.float32] | None
    problems: tuple[Problem, ...]

    def own(self, i: int, path: Path) -> float | None:
        """The probability of a label for item i; None where the model does not know the label or could not look."""
        if not self.good[i] or path not in self.naming.paths:
            return None
        return min(1.0, float(self.probabilities[i, self.naming.paths.index(path)]))

    def top(self, i: int, n: int = 3) -> list[tuple[Path, float]]:
        """The best labels for item i."""
        return self.naming.top(self.probabilities[i], n) if self.good[i] else []


@dataclass(frozen=True, eq=False)
class Model:
    """A bundle, and how its classes are called in a project.

    Attributes
    ----------
    bundle : ModelBundle
    naming : Naming
    """

    bundle: ModelBundle
    naming: Naming

    @classmethod
    def of(cls, bundle: ModelBundle, project: Project, tree: LabelTree | None) -> Model:
        """A model to be used in a project."""
        return cls(bundle, Naming.of(bundle.classes, project, tree))

    @property
    def annotator(self) -> str:
        """Who gives its labels: its name and what changes with anything in it."""
        return f"model:{self.bundle.path.name}@{self.bundle.model_hash}"

    def opinion(
        self,
        looker: Looker,
        items: Sequence[Item],
        *,
        features: bool = False,
        progress: Progress | None = None,
        cancel: threading.Event | None = None,
    ) -> Opinion:
        """Look at items; raises `Cancelled` where `cancel` is set."""
        looked = looker.look(items, self.bundle, features=features, progress=progress, cancel=cancel)
        by_path = self.naming.by_path(looked.probabilities)
        classes = looked.probabilities.argmax(axis=1) if len(items) else np.empty(0, dtype=np.int64)
        return Opinion(self.naming, looked.good, by_path, classes, looked.features, looked.problems)
