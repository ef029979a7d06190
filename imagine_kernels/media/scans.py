"""Whole scans: made ready, looked through for objects, and cut into vignettes."""

from imagine_kernels.media.scan_cutting import ScanCutter, ScanObjects, with_scale_bar
from imagine_kernels.media.scan_objects import find_objects
from imagine_kernels.media.scan_preparing import DEFAULT_DPI, PreparedScan, ScanSettings, prepare
from imagine_kernels.media.scan_reading import SCANS, looks_like_scan

__all__ = [
    "DEFAULT_DPI",
    "SCANS",
    "PreparedScan",
    "ScanCutter",
    "ScanObjects",
    "ScanSettings",
    "find_objects",
    "looks_like_scan",
    "prepare",
    "with_scale_bar",
]
