"""Reports: one file, nothing from outside, nothing of the data acts, and errors in one sentence."""

from __future__ import annotations

import hashlib
import re
import subprocess
import threading
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import imagine_kernels as ik
from imagine_kernels import errors
from imagine_kernels.models.bundle import ModelBundle
from imagine_kernels.records import Problem
from imagine_kernels.reports import html, make_report, open_report
from imagine_kernels.reports.provenance import hash_source, versions
from imagine_kernels.reports.report import latest_result
from imagine_kernels.reports.tables import any_table, title
from imagine_kernels.result import Result

NASTY = '<img src=x onerror="document.title=1"><script>document.title=2</script> & $x$'


class Resources(HTMLParser):
    """Everything that a browser would load or run."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.acting: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "data", "srcset", "action", "poster"):
                self.loaded.append(value or "")
            if name.startswith("on"):
                self.acting.append(name)
        if tag in ("script", "iframe", "object", "embed", "form", "link", "base"):
            self.acting.append(tag)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(page: Path) -> Resources:
    parser = Resources()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser


@pytest.fixture(scope="module")
def result(starter_model: Callable[[str], ModelBundle]) -> Result:
    workflow = ik.use_case("zooscan")
    sample = workflow.open()
    return workflow.identify(sample.where(np.arange(0, len(sample), 6)), starter_model("zooscan"))


@pytest.fixture(scope="module")
def nasty(result: Result) -> Result:
    """A result with corrections and with markup wherever a user could have put it."""
    from dataclasses import replace

    ids = [str(each) for each in result.predictions.object_id[:5]]
    corrected = result.corrected(ids, label=NASTY)
    objects = corrected.sample.objects.copy()
    objects.loc[objects.index[:4], "sample_id"] = NASTY
    sample = replace(corrected.sample, name=NASTY, objects=objects)
    problem = Problem(item=NASTY, what=NASTY, remedy=NASTY, line=3)
    return replace(corrected, sample=sample, problems=(problem,), model={**corrected.model, "name": NASTY})


@pytest.fixture(scope="module")
def page(nasty: Result, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    return make_report("zooscan", nasty.save(folder / "result"), out=folder / "report.html", settings={"n_draws": 100})


def test_it_is_one_file_that_loads_nothing(page: Path) -> None:
    found = read(page)
    assert found.acting == []
    assert [address for address in found.loaded if not address.startswith(("data:image/", "#"))] == []
    text = page.read_text(encoding="utf-8")
    assert "@import" not in text
    assert not re.search(r"url\(\s*['\"]?(?!#)", text)
    assert "default-src 'none'" in text


def test_it_says_what_was_measured_with_what(page: Path, result: Result) -> None:
    text = " ".join(read(page).text)
    for wanted in (
        "Zooplankton from the ZooScan", "ind/m³", "mm³/m³", "as counted", "corrected", "95 %", "Size spectrum", "Vignettes",
        "balanced accuracy", "sha256", str(result.model["hash"]), ik.__version__, "UTC", "n_draws", "checked by a person",
    ):  # fmt: skip
        assert wanted in text, wanted
    assert str(hash_source(result.sample.source).sha256) in text  # type: ignore[union-attr]
    # What the data hold is shown as it is, as text.
    assert NASTY in text
    assert "Traceback" not in text


def test_every_figure_and_picture_has_words(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.count("<svg") >= 3
    assert len(re.findall(r'<svg[^>]*role="img"[^>]*aria-label="[^"]{20,}"', text)) == text.count("<svg")
    pictures = re.findall(r"<img [^>]*>", text)
    assert len(pictures) >= 8
    assert all(re.search(r'alt="[^"]+"', picture) for picture in pictures)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_it_without_any_request(page: Path, browser: Any, scheme: str) -> None:
    tab = browser.new_page(color_scheme=scheme, viewport={"width": 1280, "height": 800})
    asked, said = [], []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.goto(page.as_uri())
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert said == []
    assert tab.title().startswith("Zooplankton from the ZooScan: <img")
    assert tab.locator("svg").first.is_visible()
    assert tab.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    # Nothing sticks out of the page.
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    background = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", background)[:3])) > 380) is (scheme == "light")
    tab.close()


def test_on_paper_everything_is_unfolded(page: Path, browser: Any) -> None:
    tab = browser.new_page()
    tab.goto(page.as_uri())
    tab.emulate_media(media="print")
    heights = tab.evaluate(
        "[...document.querySelectorAll('details > :not(summary)')].map(part => part.getBoundingClientRect().height)"
    )
    assert heights
    assert min(heights) > 10
    tab.close()


def test_a_sample_is_identified_first_and_progress_is_told(starter_model: Callable[[str], ModelBundle], tmp_path: Path) -> None:
    bundle = starter_model("zooscan")
    source = ik.use_case("zooscan").bundled_sample()
    small = tmp_path / "a sample" / "Copepoda"
    small.mkdir(parents=True)
    for file in sorted(source.glob("*.png"))[:12]:
        (small / file.name).write_bytes(file.read_bytes())
    told: list[tuple[int, int, str]] = []
    out = make_report(
        "zooscan", tmp_path / "a sample", out=tmp_path / "new" / "r.html", model=bundle.path, settings={"dpi": "2400"},
        progress=lambda done, total, what: told.append((done, total, what)),
    )  # fmt: skip
    text = " ".join(read(out).text)
    assert "sample_tot_vol is missing" in text
    assert "dpi = 2400" in text
    assert told
    assert told[-1][0] == told[-1][1] == 12
    assert sorted(file.name for file in out.parent.iterdir()) == ["r.html"]


def test_errors_are_those_of_the_library(tmp_path: Path, nasty: Result) -> None:
    with pytest.raises(errors.DataNotFound, match="There is nothing at"):
        make_report("zooscan", tmp_path / "nowhere", out=tmp_path / "r.html")
    with pytest.raises(errors.UnknownName, match="Unknown use case 'zoscan'"):
        make_report("zoscan", out=tmp_path / "r.html")
    with pytest.raises(errors.UnknownName, match="Unknown setting of zooscan 'dip'"):
        make_report("zooscan", out=tmp_path / "r.html", settings={"dip": 2400})
    with pytest.raises(errors.DataNotFound, match="is a folder: give the name of the report"):
        make_report("zooscan", out=tmp_path)
    # This one is found out in the notebook.
    (tmp_path / "empty").mkdir()
    with pytest.raises(errors.DataNotFound, match=r"^\S+empty holds nothing to work on: put .* there, or give another path\.$"):
        make_report("zooscan", tmp_path / "empty", out=tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()


def test_an_unforeseen_error_is_one_sentence_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nbformat
    from nbformat.v4 import new_code_cell, new_notebook

    (tmp_path / "zooscan").mkdir()
    cells = [
        new_code_cell("use_case = data = model = settings = None", metadata={"tags": ["parameters"]}),
        new_code_cell("1 / 0"),
    ]
    nbformat.write(new_notebook(cells=cells), tmp_path / "zooscan" / "report.ipynb")
    monkeypatch.setenv("IMAGINE_NOTEBOOKS", str(tmp_path))
    with pytest.raises(
        errors.ImagineError, match=r"^The report notebook stopped with ZeroDivisionError \(division by zero\): open it in"
    ):
        make_report("zooscan", out=tmp_path / "r.html")
    # And a notebook that never ends is ended.
    cells[1]["source"] = "import time\ntime.sleep(600)"
    nbformat.write(new_notebook(cells=cells), tmp_path / "zooscan" / "report.ipynb")
    with pytest.raises(errors.ImagineError, match="took too long and was stopped"):
        make_report("zooscan", out=tmp_path / "r.html", timeout_s=8)
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(errors.Cancelled, match="stopped before it was complete"):
        make_report("zooscan", out=tmp_path / "r.html", cancel=cancel)


def test_without_data_it_is_the_latest_result_with_its_corrections(
    result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from imagine_kernels.annotation import AnnotationStore

    monkeypatch.setenv("IMAGINE_HOME", str(tmp_path))
    assert latest_result("zooscan") is None
    store = AnnotationStore()
    facts = {
        "use_case": "zooscan",
        "name": result.name,
        "source": str(result.sample.source),
        "fingerprint": "f",
        "model_hash": "m",
    }
    session = store.new_session(**facts)
    result.save(tmp_path / "results" / session.id)
    object_id = str(result.predictions.object_id[0])
    store.append(session.id, object_ids=[object_id], label="Ostracoda", status="validated", after=0)
    assert latest_result("zooscan") == tmp_path / "results" / session.id
    assert latest_result("another") is None
    shown = open_report("zooscan", settings={"n_draws": 100}).result.predictions
    row = shown.object_id.tolist().index(object_id)
    assert (shown.label[row], shown.status[row]) == ("Ostracoda", "validated")
    assert (shown.status == "validated").sum() == 1


def test_the_hash_of_a_folder_is_what_sha256sum_says(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "é.txt").write_text("one")
    (tmp_path / "a.txt").write_text("two")
    (tmp_path / ".hidden").write_text("three")
    command = "find . -type f -not -path '*/.*' | sed 's|^\\./||' | LC_ALL=C sort | xargs -d '\\n' sha256sum | sha256sum"
    said = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True).stdout.split()[0]
    found = hash_source(tmp_path)
    assert found is not None
    assert (found.sha256, found.n_files, found.n_bytes) == (said, 2, 6)
    single = hash_source(tmp_path / "a.txt")
    assert single is not None
    assert single.sha256 == hashlib.sha256(b"two").hexdigest()
    assert hash_source(tmp_path / "gone") is None


def test_versions_name_the_library_and_python() -> None:
    assert {"Python", "imagine-kernels", "numpy"} <= set(versions())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (float("nan"), "–"), (None, "–"), (0.0, "0"), (5, "5"), (np.int64(12345), "12\u202f345"), (12.345, "12.3"), (0.01234, "0.0123"),
        (123456.7, "123\u202f457"), (2.5e7, "2.50 × 10⁷"), (2.5e-5, "2.50 × 10⁻⁵"), (1e-90, "<\u202f10⁻⁶"), (-0.5, "−0.500"),
        (True, "yes"), (np.bool_(False), "no"), (float("inf"), "∞"),
    ],
)  # fmt: skip
def test_numbers_read_well(value: Any, text: str) -> None:
    assert html.number(value) == text


def test_intervals_and_tables_read_well() -> None:
    import pandas as pd

    assert html.interval(2.0, 1.0, 3.0) == "2.00 (1.00–3.00)"
    assert html.interval(-0.5, -0.9, -0.1) == "−0.500 (−0.900 to −0.100)"
    assert html.interval(float("nan"), 1.0, 2.0) == "–"
    assert html.interval(2.0, float("nan"), 3.0) == "2.00"
    table = pd.DataFrame({"value_mm": [1.0], "value_low_mm": [0.5], "value_high_mm": [2.0], "name": ["<b>"]})
    markup = any_table("a & b", table).markup
    assert "&lt;b&gt;" in markup
    assert "a &amp; b" in markup
    assert "1.00 (0.500–2.00)" in markup
    assert markup.count("<th ") == 2
    assert title("pixel_size_mm") == "pixel size (mm)"
