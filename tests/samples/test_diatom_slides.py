"""The drawn slides: deterministic, plausible, and true to their truth."""

import json
from collections import Counter
from hashlib import sha256

import numpy as np
import pytest
from PIL import Image

from imagine_kernels.formats.interchange import open_annotations
from imagine_kernels.measures.oriented_boxes import oriented_iou
from imagine_kernels.samples.diatom_valves import SPECIES, density_of, make_valve, outline
from imagine_kernels.samples.diatoms import HEIGHT, SCALE_BAR_UM, UM_PER_PX, WIDTH, make_sample


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return make_sample(tmp_path_factory.mktemp("diatoms") / "sample", 0)


@pytest.fixture(scope="module")
def truth(sample):
    return json.loads((sample / "truth.json").read_text(encoding="utf-8"))


def digest(folder):
    return {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(sample, tmp_path):
    again, other = make_sample(tmp_path / "again", 0), make_sample(tmp_path / "other", 1)
    assert digest(sample) == digest(again)
    assert digest(sample)["truth.json"] != digest(other)["truth.json"]


def test_it_is_small_and_has_enough_of_each_species(sample, truth):
    assert 200 <= len(truth["valves"]) <= 400
    assert sum(path.stat().st_size for path in sample.rglob("*") if path.is_file()) < 16_000_000
    counts = Counter(entry["species"] for entry in truth["valves"] if entry["view"] in ("valve", "broken valve"))
    assert set(counts) == set(SPECIES)
    assert min(counts.values()) >= 15
    assert len({name.split()[0] for name in SPECIES}) >= 6
    views = Counter(entry["view"] for entry in truth["valves"])
    assert views["girdle view"] >= 8
    assert views["fragment"] >= 8
    assert views["broken valve"] >= 3
    assert sum(entry["touches"] for entry in truth["valves"]) >= 8
    slides = {entry["sample_id"] for entry in truth["valves"]}
    assert slides == {entry["sample_id"] for entry in truth["samples"]}
    assert len(slides) == 5
    for entry in truth["samples"]:
        mine = Counter(valve["label"] for valve in truth["valves"] if valve["sample_id"] == entry["sample_id"])
        assert mine == entry["n"]


def test_the_annotations_are_the_truth(sample, truth):
    annotations = open_annotations(sample).annotations()
    assert len(annotations) == len(truth["valves"])
    by_file = {}
    for each in truth["valves"]:
        by_file.setdefault(each["file"], []).append(each)
    for each in annotations:
        x, y, width, height, clockwise = each.shape.numbers
        near = min(by_file[each.medium], key=lambda valve: np.hypot(valve["x"] - x, valve["y"] - y))
        assert near["label"] == each.label
        true = np.array([[near["x"], near["y"], near["length_px"], near["breadth_px"], near["angle"]]])
        assert oriented_iou(np.array([[x, y, width, height, -clockwise]]), true)[0, 0] > 0.99


def test_the_micrographs_say_their_scale_and_show_it(sample, truth):
    with Image.open(sample / truth["valves"][0]["file"]) as picture:
        assert picture.size == (WIDTH, HEIGHT)
        assert picture.info["dpi"][0] == pytest.approx(25_400 / UM_PER_PX, rel=1e-4)
        pixels = np.asarray(picture)
    black = (pixels == 0).sum(axis=1)
    assert black[HEIGHT - 22 : HEIGHT - 16].tolist() == [round(SCALE_BAR_UM / UM_PER_PX)] * 6
    assert 120 < np.median(pixels) < 210


@pytest.mark.parametrize("species", sorted(SPECIES))
def test_a_valve_is_as_long_and_as_striate_as_its_truth(species):
    valve = make_valve(species, "valve", np.random.default_rng(1))
    form = SPECIES[species]
    assert form.length_um[0] <= valve.length_um <= form.length_um[1]
    assert form.width_um[0] <= valve.width_um <= form.width_um[1]
    points = outline(valve)
    assert np.ptp(points[:, 0]) == pytest.approx(valve.length_um, rel=1e-6)
    assert (points[:, 1].min(), points[:, 1].max()) == pytest.approx((valve.box[1], valve.box[3]))
    if not form.bend:
        assert np.ptp(points[:, 1]) == pytest.approx(valve.width_um, rel=0.03)
    # The striae along a line beside the axial area, between the middle and an end, counted in a spectrum of 10 µm.
    u = np.linspace(0.12, 0.32, 2001) * valve.length_um
    t = 2 * u / valve.length_um
    across = valve.width_um * (form.bend * (0.5 - t**2) + 0.06) + 0.8
    density = density_of(valve, u[None], across[None])[0]
    spectrum = np.abs(np.fft.rfft((density - density.mean()) * np.hanning(len(u)), n=1 << 18))
    frequency = np.fft.rfftfreq(1 << 18, u[1] - u[0]) * 10
    fine = frequency > 3
    assert frequency[fine][spectrum[fine].argmax()] == pytest.approx(form.striae, rel=0.12)


def test_a_fragment_is_less_than_half_and_a_broken_valve_more():
    rng = np.random.default_rng(0)
    for species in SPECIES:
        for _ in range(5):
            piece, broken = make_valve(species, "fragment", rng), make_valve(species, "broken valve", rng)
            assert piece.box[2] - piece.box[0] < piece.length_um / 2
            assert piece.label == "unidentified (fragment)"
            assert broken.box[2] - broken.box[0] > 0.6 * broken.length_um
            assert broken.box[2] > 0
            assert broken.label == species
