"""Parts of objects on a scan: what a line leaves is what another implementation labels, and it is cut out of the scan again."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.measure import label, regionprops

from imagine_kernels.errors import DataError, ImageError
from imagine_kernels.media.scan_objects import COLUMNS
from imagine_kernels.media.scan_parts import PartObjects, divided, drawn
from imagine_kernels.media.scans import PreparedScan
from imagine_kernels.records.cuts import CUT, as_wkt


@pytest.fixture
def scan() -> PreparedScan:
    """Two blocks that touch over 20 px, and another object beside them."""
    grey = np.full((200, 300), 255, dtype=np.uint8)
    grey[40:100, 50:110] = 100
    grey[80:160, 110:150] = 150
    grey[85:120, 160:200] = 120
    return PreparedScan(name="scan.tif", pixels=grey, dpi=2400.0, frame=(0, 0, 300, 200))


WHOLE = {"object_bx": 50, "object_by": 40, "object_width": 100, "object_height": 120, "object_xstart": 50, "object_ystart": 40}


def test_each_part_is_an_object_of_its_own(scan: PreparedScan) -> None:
    objects = PartObjects(scan, 243)
    alone, corner = objects.measured(WHOLE)
    lines = (((110, 70), (110, 110)),)
    places = divided(alone, lines, corner=corner, threshold=243, least_area=50)
    # The line takes a column of 20 px from the second block: it goes from 80 to 99 where both are, and to 110 in the second alone.
    first, second = (dict(zip(COLUMNS, row, strict=True)) for row in places.tolist())
    assert (first["object_bx"], first["object_width"], first["object_area"]) == (50, 60, 60 * 60)
    assert (second["object_bx"], second["object_area"]) == (110, 80 * 40 - 31)
    for place, value in ((first, 100), (second, 150)):
        picture, at = objects.measured({**place, CUT: as_wkt(lines)})
        assert at == (place["object_bx"], place["object_by"])
        assert np.unique(picture).tolist() == [value, 255] if value == 150 else [value]
        assert (picture <= 243).sum() == place["object_area"]
    vignette = objects.vignette({**second, CUT: as_wkt(lines)})
    assert vignette.shape == (80 + 2 * 16, 40 + 2 * 8)


def test_nothing_goes_through_a_line_whatever_its_slope() -> None:
    rng = np.random.default_rng(5)
    for _ in range(60):
        block = np.full((60, 60), 255, dtype=np.uint8)
        block[5:55, 5:55] = 90
        # From one side to the opposite one, with a bend between.
        bend = tuple(int(each) for each in rng.integers(20, 40, 2))
        line = ((2, int(rng.integers(12, 48))), bend, (57, int(rng.integers(12, 48))))
        places = divided(block, (line,), corner=(0, 0), threshold=243, least_area=1)
        regions = regionprops(label(drawn(block, (line,)) <= 243, connectivity=2))
        assert sorted(places[:, 6].tolist()) == sorted(float(region.area) for region in regions)
        assert len(places) == 2


def test_what_does_not_divide_says_so(scan: PreparedScan) -> None:
    alone, corner = PartObjects(scan, 243).measured(WHOLE)
    with pytest.raises(DataError, match="do not divide the object: draw them from background to background"):
        divided(alone, (((110, 85), (110, 90)),), corner=corner, threshold=243, least_area=50)
    with pytest.raises(DataError, match="leave a single part that is large enough"):
        divided(alone, (((52, 36), (52, 110)),), corner=corner, threshold=243, least_area=500)
    with pytest.raises(ImageError, match=r"scan\.tif, a: 'POINT' says no cut"):
        PartObjects(scan, 243).measured({**WHOLE, "object_id": "a", CUT: "POINT"})
