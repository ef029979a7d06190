"""What people have marked, named and corrected, kept as histories to which is only ever added, so that nothing is lost.

`Projects`: media that several people annotate together. `AnnotationStore`: samples that were identified and are being corrected.
"""

from imagine_kernels.annotation.edits import Conflict, Edit, Outcome, Saved, Stored
from imagine_kernels.annotation.filters import Filter
from imagine_kernels.annotation.history import Correction, Cut, State, absent, fold, in_force, next_redo, next_undo
from imagine_kernels.annotation.label_trees import LabelTree, LabelTrees
from imagine_kernels.annotation.project import Project
from imagine_kernels.annotation.projects import Projects
from imagine_kernels.annotation.roles import NotAllowed, Person
from imagine_kernels.annotation.store import AnnotationStore, Session, StaleSequence

__all__ = [
    "AnnotationStore",
    "Conflict",
    "Correction",
    "Cut",
    "Edit",
    "Filter",
    "LabelTree",
    "LabelTrees",
    "NotAllowed",
    "Outcome",
    "Person",
    "Project",
    "Projects",
    "Saved",
    "Session",
    "StaleSequence",
    "State",
    "Stored",
    "absent",
    "fold",
    "in_force",
    "next_redo",
    "next_undo",
]
