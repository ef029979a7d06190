"""Sizes against the instrument's own, volumes against bodies of known volume, carbon against published values."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from imagine_kernels.errors import LabelError
from imagine_kernels.files import Files
from imagine_kernels.formats.particle_list import read_list
from imagine_kernels.formats.visualspreadsheet import find_lists
from imagine_kernels.measures.biovolume import abd_um, calibrated, carbon_pg, feret_diameters, volume_um3


def test_sizes_are_those_of_the_instrument_for_all_particles_of_two_real_runs(shared_data):
    n = 0
    with Files(shared_data("flowcam/vickot_flowcam8000") / "Training" / "data" / "raw") as files:
        for path in find_lists(files):
            found = read_list(files, path).columns
            scale, fringe = found["cal_const"], float(found["fringe_size"][0])
            assert (found["fringe_size"] == fringe).all()
            abd = abd_um(found["raw_area"], um_per_px=scale, fringe_px=fringe)
            np.testing.assert_allclose(abd, found["abd_diameter"], atol=1e-4)
            np.testing.assert_allclose(2 * np.sqrt(found["abd_area"] / np.pi), found["abd_diameter"], atol=1e-4)
            for raw, column in (("mean", "esd_diameter"), ("max", "length"), ("min", "width")):
                mine = calibrated(found[f"raw_feret_{raw}"], um_per_px=scale, fringe_px=fringe)
                np.testing.assert_allclose(mine, found[column], atol=1e-4)
            n += len(scale)
    assert n == 2000


def test_feret_diameters_of_real_masks_are_those_of_the_instrument(shared_data):
    folder = next((shared_data("flowcam/vickot_flowcam8000") / "Training" / "data" / "raw").iterdir())
    with Files(folder) as files:
        found = read_list(files, find_lists(files)[0]).columns
    masks, differences = {}, []
    for k in range(200):
        name = str(found["collage_file"][k]).replace(".tif", "_bin.tif")
        if name not in masks:
            with Image.open(folder / name) as picture:
                masks[name] = np.asarray(picture) > 127
        x, y, width, height = (int(found[field][k]) for field in ("image_x", "image_y", "image_w", "image_h"))
        mask = masks[name][y : y + height, x : x + width]
        assert mask.sum() == found["raw_area"][k]
        differences.append(feret_diameters(mask).mean() - found["raw_feret_mean"][k])
    assert np.abs(differences).mean() < 0.07
    assert abs(np.mean(differences)) < 0.01


def test_the_row_of_the_reference():
    assert abd_um(1.6136, um_per_px=1.0) == pytest.approx(1.4334, abs=5e-5)
    assert calibrated(10, um_per_px=2.0, fringe_px=4.5) == pytest.approx(11.0)
    assert calibrated(4, um_per_px=2.0, fringe_px=4.5) == pytest.approx(4.0)


def test_feret_diameters_of_a_disk_a_bar_and_nothing():
    rows, columns = np.ogrid[:201, :201]
    disk = feret_diameters((rows - 100) ** 2 + (columns - 100) ** 2 <= 80**2)
    assert disk.shape == (36,)
    assert disk.mean() == pytest.approx(161, abs=0.6)
    bar = feret_diameters(np.ones((4, 100), dtype=bool))
    assert (bar[0], bar[18]) == (100, pytest.approx(4))
    assert feret_diameters(np.ones((1, 1), dtype=bool)) == pytest.approx(np.ones(36))
    assert np.isnan(feret_diameters(np.zeros((3, 3), dtype=bool))).all()


def test_volumes_are_those_of_the_bodies():
    shape = np.array(["sphere", "prolate spheroid", "cylinder", "", "sphere"], dtype=object)
    size = {"abd": np.array([10.0, 10, 10, 10, np.nan]), "length": np.full(5, 30.0), "width": np.full(5, 10.0)}
    found = volume_um3(shape, **size)
    # A spheroid is two thirds of the cylinder around it, a sphere of its own one too (Archimedes).
    assert found[:3] == pytest.approx([2 / 3 * np.pi * 5**2 * 10, 2 / 3 * np.pi * 5**2 * 30, np.pi * 5**2 * 30])
    assert np.isnan(found[3:]).all()
    with pytest.raises(LabelError, match="Unknown shape 'cube'"):
        volume_um3(np.array(["cube"], dtype=object), abd=np.ones(1), length=np.ones(1), width=np.ones(1))


@pytest.mark.parametrize(
    ("volume", "group", "carbon"),
    [
        # Worked values of the R package iRfcb, vol2C_nondiatom and vol2C_lgdiatom.
        (5000, "protist", 643.1804), (10000, "protist", 1233.1048), (5000, "diatom", 211.7350), (10000, "diatom", 389.9420),
        (20000, "diatom", 718.1372),
        # The equations of the abstract: 0.288 V^0.811 for diatoms, 0.216 V^0.939 for others, 0.760 V^0.819 for dinoflagellates.
        (1000, "diatom", 0.288 * 1000**0.811), (1000, "protist", 0.216 * 1000**0.939), (1000, "dinoflagellate", 0.760 * 1000**0.819),
        (3000, "diatom", 0.288 * 3000**0.811),
    ],
)  # fmt: skip
def test_carbon_is_that_of_menden_deuer_and_lessard(volume: float, group: str, carbon: float):
    found = carbon_pg(np.array([volume]), np.array([group], dtype=object))[0]
    assert found == pytest.approx(carbon, rel=2e-3)


def test_carbon_is_not_known_for_what_has_no_relationship():
    found = carbon_pg(np.array([100.0, 0.0, np.nan]), np.array(["", "diatom", "protist"], dtype=object))
    assert np.isnan(found).all()
    with pytest.raises(LabelError, match="Unknown group 'copepod'"):
        carbon_pg(np.ones(1), np.array(["copepod"], dtype=object))
