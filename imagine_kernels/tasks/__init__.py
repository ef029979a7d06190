"""Tasks, declared as data; what trains them is imported when it is used."""

from imagine_kernels.tasks.classification import Augmentation, Classification

__all__ = ["Augmentation", "Classification"]
