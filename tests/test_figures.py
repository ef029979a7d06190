"""Figures: units on every axis, words for those who cannot see them, colours of the style sheet, and nothing from the data that acts."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import shapely
from matplotlib.backends.backend_agg import FigureCanvasAgg

from imagine_kernels import catalog, figures
from imagine_kernels.errors import ImageError, LabelError
from imagine_kernels.records import OUTLINE, Confusion, Predictions

NASTY = '<script>alert("x")</script> $a_b$ & co'


def abundance_table(samples: int = 2, taxa: tuple[str, ...] = ("Copepoda", NASTY)) -> pd.DataFrame:
    rows = []
    for s in range(samples):
        for t, taxon in enumerate((*taxa, figures.ALL_OBJECTS)):
            value = 3.0 + s + t
            rows.append(
                {
                    "sample_id": f"station {s}", "taxon": taxon, "n_counted": 4 + t,
                    "abundance_ind_m3": value, "abundance_low_ind_m3": value - 1, "abundance_high_ind_m3": value + 2,
                    "abundance_corrected_ind_m3": value + 0.5, "abundance_corrected_low_ind_m3": 0.0, "abundance_corrected_high_ind_m3": value + 4,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def spectrum_tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    from imagine_kernels.measures.size_spectrum import nbss

    rng = np.random.default_rng(1)
    volume = 10 ** rng.uniform(-2, 1, 2000) ** 1.0
    sample = np.repeat(np.array(["a", "b"], dtype=object), 1000)
    return nbss(sample, np.full(2000, "Copepoda", dtype=object), volume, np.full(2000, 2.0), np.full(2000, 0.0106))


def confusion() -> Confusion:
    return Confusion(classes=("Copepoda", NASTY), counts=np.array([[9, 1], [2, 5]]))


def slicks() -> pd.DataFrame:
    ring = shapely.Polygon(
        [(14.0, 60.0), (14.2, 60.0), (14.2, 60.1), (14.0, 60.1)], [[(14.05, 60.02), (14.15, 60.02), (14.1, 60.08)]]
    )
    far = shapely.box(-3.0, 35.0, -2.9, 35.2)
    polygons = [ring, shapely.box(14.05, 60.2, 14.1, 60.22), far, None]
    return pd.DataFrame(
        {"file": ["a/one", "a/one", "a/two", "a/two"], "label": ["oil", NASTY, "oil", "oil"], "polygon": polygons}
    )


def drawings() -> dict[str, figures.Drawing]:
    tried = [{"recipe": "frozen", "balanced_accuracy": {"value": 0.8, "low": 0.7, "high": 0.9}}]
    return {
        "abundance": figures.abundance(abundance_table()),
        "many samples": figures.abundance(abundance_table(samples=15)),
        "size_spectrum": figures.size_spectrum(*spectrum_tables()),
        "confusion": figures.confusion(confusion()),
        "candidates": figures.candidates(tried),
        "confusion of pixels": figures.confusion(
            Confusion(classes=("sea", NASTY), counts=np.array([[10**9, 3], [0, 5]])), pixels=True
        ),
        "map": figures.outline_map(slicks(), land=[shapely.box(14.15, 59, 15, 61)], noun="slick"),
        "many scenes": figures.outline_map(slicks(), frames={f"scene {k}": (k, 0.0, k + 1.0, 1.0) for k in range(14)}),
    }


@pytest.fixture(scope="module")
def drawn() -> dict[str, figures.Drawing]:
    return drawings()


NAMES = ("abundance", "many samples", "size_spectrum", "confusion", "candidates", "confusion of pixels", "map", "many scenes")


@pytest.mark.parametrize("name", NAMES)
def test_axes_say_what_they_measure(drawn: dict[str, figures.Drawing], name: str) -> None:
    figure = drawn[name].figure
    said = [axis.get_xlabel() + axis.get_ylabel() for axis in figure.axes] + [
        str(figure._supxlabel.get_text() if figure._supxlabel else "")
    ]
    assert re.search(r"ind/m³|mm³|number of|0 to 1|longitude, °E|% of the pixels", " ".join(said))
    if name == "size_spectrum":
        axis = figure.axes[0]
        assert "mm³" in axis.get_xlabel()
        assert "1/m³" in axis.get_ylabel()
        assert (axis.get_xscale(), axis.get_yscale()) == ("log", "log")


@pytest.mark.parametrize("name", NAMES)
def test_the_svg_is_whole_described_and_inert(drawn: dict[str, figures.Drawing], name: str) -> None:
    svg = drawn[name].svg()
    root = ElementTree.fromstring(svg)
    assert root.attrib["role"] == "img"
    assert len(root.attrib["aria-label"]) > 20
    tags = {element.tag.rsplit("}", 1)[-1] for element in root.iter()}
    assert not tags & {"script", "image", "foreignObject", "a", "metadata"}
    for element in root.iter():
        for key, value in element.attrib.items():
            assert not key.rsplit("}", 1)[-1].startswith("on")
            if key.endswith("href"):
                assert value.startswith("#")


def test_names_are_written_as_they_are(drawn: dict[str, figures.Drawing]) -> None:
    root = ElementTree.fromstring(drawn["confusion"].svg())
    texts = "".join(element.text or "" for element in root.iter() if element.tag.endswith("text"))
    assert "<script>" in texts
    assert "<script>" not in drawn["confusion"].svg()


def test_no_name_is_used_twice_on_a_page(drawn: dict[str, figures.Drawing]) -> None:
    page = drawn["abundance"].svg() + drawn["abundance"].svg() + drawn["confusion"].svg()
    names = re.findall(r'\bid="([^"]+)"', page)
    assert len(names) == len(set(names))
    for used in re.findall(r'(?:href="|url\()#([^")]+)', page):
        assert used in names


def test_colours_are_those_of_the_style_sheet() -> None:
    sheet = catalog.style_sheet().read_text(encoding="utf-8")
    light = sheet[: sheet.index("@media")]
    for i, colour in enumerate(figures.SERIES, 1):
        assert f"--ik-series-{i}: {colour};" in light
    svg = figures.confusion(confusion()).svg()
    for token, colour in re.findall(r"var\((--ik-[\w-]+), (#[0-9a-f]{6})\)", svg):
        assert f"{token}: {colour};" in light
    # Nothing is left that a dark page could not change.
    assert not re.search(r": #(?!000000)[0-9a-f]{6}", svg)


def test_counts_are_drawn_where_the_volume_is_not_known() -> None:
    table = abundance_table().assign(abundance_ind_m3=np.nan)
    drawing = figures.abundance(table)
    assert "count of" in drawing.alt
    assert ">count<" in drawing.svg()


def test_a_spectrum_without_a_line_says_so() -> None:
    bins, fits = spectrum_tables()
    assert "Regression: slope" in figures.size_spectrum(bins, fits).alt
    assert "too few" in figures.size_spectrum(bins, fits.assign(slope=np.nan)).alt
    assert "too few" in figures.size_spectrum(bins).alt


def test_a_confusion_without_classes_is_an_error() -> None:
    with pytest.raises(LabelError, match="has no classes"):
        figures.confusion(Confusion(classes=(), counts=np.zeros((0, 0), dtype=np.int64)))


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_a_drawing_is_saved(tmp_path: Path, suffix: str) -> None:
    written = figures.confusion(confusion()).save(tmp_path / f"figure.{suffix}")
    assert written.stat().st_size > 1000


def test_a_gallery_groups_escapes_and_leaves_out_what_cannot_be_decoded() -> None:
    picture = np.full((40, 300), 255, dtype=np.uint8)
    shown = figures.gallery(
        ["b", NASTY, "b"], [picture, picture, ImageError("x cannot be read: mend it.")], captions=["0.9", NASTY, "0.1"]
    )
    assert [(title, len(members)) for title, members in shown.groups] == [("b", 1), (NASTY, 1)]
    html = shown._repr_html_()
    assert "<script>" not in html
    assert html.count("<img ") == 2
    assert 'width="96" height="13"' in html
    assert re.findall(r'src="(data:image/png;base64,)', html) == ["data:image/png;base64,"] * 2


def test_mistakes_come_with_the_most_frequent_kind_and_the_most_confident_object_first() -> None:
    probabilities = np.array([[0.6, 0.4], [0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.1, 0.9]])
    predictions = Predictions.of(["1", "2", "3", "4", "5"], ["a", "b"], probabilities)
    titles, rows = figures.mistakes(["b", "b", "a", "", "b"], predictions)
    assert titles == ["b taken for a (2)", "b taken for a (2)", "a taken for b (1)"]
    assert rows.tolist() == [1, 0, 2]
    assert figures.mistakes(["b"], predictions[4:5])[0] == []


def test_candidates_are_drawn_by_the_figure_of_their_task() -> None:
    score = {"value": 0.6, "low": 0.5, "high": 0.7}
    drawing = figures.candidates(
        [{"recipe": "frozen", "mean_iou": score}, {"recipe": "fine-tuned", "mean_iou": {**score, "value": 0.65}}]
    )
    assert drawing.alt == "mean IoU (0 to 1) of 2 lines: frozen 0.60, fine-tuned 0.65."
    for nothing in ([], [{"recipe": "frozen", "speed": score}]):
        with pytest.raises(LabelError, match="no candidates with figures"):
            figures.candidates(nothing)


def test_pixels_are_said_as_shares() -> None:
    drawing = figures.confusion(Confusion(classes=("sea", "oil"), counts=np.array([[999_999, 1], [300, 100]])), pixels=True)
    texts = [text.get_text() for text in drawing.figure.axes[0].texts]
    assert texts == [">99.9", "<0.1", "75.0", "25.0"]


def test_quantities_without_a_total_are_drawn_with_their_own_words() -> None:
    table = pd.DataFrame(
        {"sample_id": ["a", "a", "b"], "taxon": ["oil", "film", "no slick"], "n_counted": [2, 1, 0], "area_km2": [3.0, 1.0, 0.0],
         "area_low_km2": [2.0, 0.5, 0.0], "area_high_km2": [4.0, 2.0, 0.0]}
    )  # fmt: skip
    drawing = figures.abundance(table, taxa="labels", samples_noun="scenes")
    assert drawing.alt.startswith("Bars: area, km² of 2 labels in 2 scenes")
    # Nothing found is an empty panel, not a bar; and nothing is corrected, so that no legend is needed.
    assert [tick.get_text() for tick in drawing.figure.axes[0].get_yticklabels()] == ["oil", "film"]
    assert len([axis for axis in drawing.figure.axes if axis.get_visible()]) == 2
    assert drawing.figure.legends == []


def test_a_map_is_true_to_shape_and_keeps_holes(drawn: dict[str, figures.Drawing]) -> None:
    assert drawn["map"].alt == f"Map of 3 slicks on 2 scenes: 1 {NASTY}, 2 oil."
    first, second = drawn["map"].figure.axes[:2]
    # A degree of longitude at 60° N is half of one of latitude.
    assert first.get_aspect() == pytest.approx(2, rel=0.01)
    assert second.get_aspect() == pytest.approx(1 / np.cos(np.radians(35.1)), rel=0.001)
    assert first.get_xlim()[0] < 14
    assert first.get_xlim()[1] > 14.2
    canvas = FigureCanvasAgg(drawn["map"].figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[:, :, :3]

    def colour(lon: float, lat: float) -> tuple[int, ...]:
        x, y = first.transData.transform((lon, lat))
        return tuple(pixels[int(len(pixels) - y), int(x)].tolist())

    # Within the hole it is as white as outside, and land is seen through oil.
    assert colour(14.108, 60.043) == (255, 255, 255)
    assert colour(14.012, 60.043) != (255, 255, 255)
    assert len({colour(14.17, 60.15), colour(14.17, 60.01), (255, 255, 255)}) == 3
    bar, said = first.lines[0], first.texts[0].get_text()
    length = np.ptp(bar.get_xdata()) * 111.19 * np.cos(np.radians(np.mean(first.get_ylim())))
    assert said == f"{length:.0f} km"


def test_a_map_says_what_it_leaves_out(drawn: dict[str, figures.Drawing]) -> None:
    # The scenes with a frame come first; of all sixteen twelve are drawn.
    assert drawn["many scenes"].alt.endswith("The first 12 of 16 scenes are drawn.")
    from imagine_kernels.errors import DataError

    with pytest.raises(DataError, match="Nothing here has a place on the earth"):
        figures.outline_map(slicks().iloc[3:])


def test_outlines_are_drawn_where_they_are() -> None:
    objects = pd.DataFrame(
        {"label": ["b", "a"], OUTLINE: ["POLYGON ((20 20, 60 20, 60 40, 20 40, 20 20))", "POLYGON ((0 0, 4 0, 4 4, 0 4, 0 0))"]}
    )
    grey = np.full((50, 80), 90, dtype=np.uint8)
    small = figures.outlined(grey[::2, ::2], objects, factor=0.5)
    whole = figures.outlined(grey, objects)
    for picture, factor in ((whole, 1.0), (small, 0.5)):
        changed = np.argwhere((picture != 90).any(axis=2))
        rows, columns = changed.max(axis=0)
        np.testing.assert_allclose([rows, columns], [40 * factor, 60 * factor], atol=1.5)
    assert grey.max() == 90
    # The same label has the same colour, whatever else is there.
    alone = figures.outlined(grey, objects[objects["label"] == "b"], labels=["a", "b"])
    np.testing.assert_array_equal(alone[19, 40], whole[19, 40])
