"""The annotate app: pictures, videos and recordings of a project, marked, named and reviewed by several people."""

from imagine_kernels.apps.annotate.app import AnnotateApp, annotate

__all__ = ["AnnotateApp", "annotate"]
