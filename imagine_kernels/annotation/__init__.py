"""What people have made of what was identified: kept as an append-only list, so that nothing is ever lost."""

from imagine_kernels.annotation.history import Correction, State, fold, in_force, next_redo, next_undo
from imagine_kernels.annotation.store import AnnotationStore, Session, StaleSequence

__all__ = [
    "AnnotationStore",
    "Correction",
    "Session",
    "StaleSequence",
    "State",
    "fold",
    "in_force",
    "next_redo",
    "next_undo",
]
