"""Masks beside pictures: which belongs to which, and what they mark."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from imagine_kernels.errors import ImageError
from imagine_kernels.files import Files
from imagine_kernels.media.label_masks import find_masks, mask_regions


def test_masks_are_found_by_their_names() -> None:
    pictures = ["a/1_sat.jpg", "a/2.tif", "b/2.tif", "lonely.tif"]
    names = [*pictures, "a/1_mask.png", "a/masks/2.png", "b/masks/2.png", "other_mask.png"]
    assert find_masks(pictures, names) == {"a/1_sat.jpg": "a/1_mask.png", "a/2.tif": "a/masks/2.png", "b/2.tif": "b/masks/2.png"}


def test_a_grey_mask_is_marked_where_it_is_light(tmp_path: Path) -> None:
    mask = np.zeros((20, 30), np.uint8)
    mask[5:15, 5:20] = 255
    mask[4, 5:20], mask[15, 5:20] = 127, 128
    cv2.imwrite(str(tmp_path / "m.png"), mask)
    with Files(tmp_path) as files:
        [(region, label)] = mask_regions(files, "m.png", {1: "oil", 2: "look-alike"}, size=(30, 20))
    assert (region.outline.bounds, label) == ((5.0, 5.0, 20.0, 16.0), "oil")


def test_class_indices_are_their_labels_and_others_are_background(tmp_path: Path) -> None:
    mask = np.zeros((20, 30), np.uint8)
    mask[2:4, 2:4], mask[10:14, 2:6], mask[10:14, 20:30] = 1, 2, 3
    cv2.imwrite(str(tmp_path / "m.png"), mask)
    with Files(tmp_path) as files:
        found = mask_regions(files, "m.png", {1: "oil", 2: "look-alike"}, size=(30, 20))
        assert [(label, region.area_px) for region, label in found] == [("oil", 4), ("look-alike", 16)]
        assert len(mask_regions(files, "m.png", {1: "oil", 2: "look-alike"}, size=(30, 20), min_area_px=5)) == 1


def test_a_mask_of_another_size_or_none_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "m.png"), np.zeros((20, 30), np.uint8))
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno")
    with Files(tmp_path) as files:
        with pytest.raises(ImageError, match=r"m\.png measures 30 × 20 px, its picture 31 × 20"):
            mask_regions(files, "m.png", {1: "oil"}, size=(31, 20))
        with pytest.raises(ImageError, match="no mask that can be read"):
            mask_regions(files, "broken.png", {1: "oil"}, size=(31, 20))
