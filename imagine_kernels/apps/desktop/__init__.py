"""The desktop view: vignettes on a sheet in napari, for people who work on their own computer.

Nothing heavy is imported before `open_viewer` is called: neither napari, nor Qt, nor torch.
"""

from imagine_kernels.apps.desktop.viewer import open_viewer

__all__ = ["open_viewer"]
