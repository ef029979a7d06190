"""The executed report: a notebook, run by papermill, as one HTML file that needs nothing from outside.

>>> from imagine_kernels.reports import make_report
>>> make_report("zooscan", "cruise-12.zip", out="cruise-12.html")  # doctest: +SKIP
"""

from __future__ import annotations

from imagine_kernels.reports.make import make_report
from imagine_kernels.reports.report import Report, open_report

__all__ = ["Report", "make_report", "open_report"]
