"""The notebooks run to their end, and teach what they say."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

import imagine_kernels as ik
from imagine_kernels.models.bundle import ModelBundle

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
ALL = sorted(NOTEBOOKS.glob("*/*.ipynb"))


def part_of_the_sample(folder: Path, every: int) -> Path:
    """Every so many-th vignette of the bundled sample, with its table."""
    source = ik.use_case("zooscan").bundled_sample()
    folder.mkdir()
    table = next(source.glob("*.tsv"))
    names, types, *rows = list(csv.reader(table.open(encoding="utf-8"), delimiter="\t"))
    kept = rows[::every]
    for row in kept:
        (folder / row[0]).write_bytes((source / row[0]).read_bytes())
    with (folder / table.name).open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, delimiter="\t", lineterminator="\n").writerows([names, types, *kept])
    return folder


def execute(notebook: Path, work: Path, **parameters: object) -> nbformat.NotebookNode:
    from papermill.execute import execute_notebook

    work.mkdir(exist_ok=True)
    return execute_notebook(
        str(notebook),
        str(work / "executed.ipynb"),
        parameters=parameters,
        cwd=str(work),
        kernel_name="python3",
        progress_bar=False,
    )


def shown(notebook: nbformat.NotebookNode) -> str:
    """All HTML and text that the cells have shown."""
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return "\n".join(str(output.get("data", {}).get("text/html", output.get("text", ""))) for output in outputs)


@pytest.mark.parametrize("path", ALL, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_they_are_tidy(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert notebook.metadata["title"]
    for cell in code:
        assert (cell.outputs, cell.execution_count) == ([], None)
    if path.stem not in ("identify", "annotate"):
        assert ["parameters"] in [cell.metadata.get("tags") for cell in code]


def test_explore_and_train_is_about_twenty_lines() -> None:
    notebook = nbformat.read(NOTEBOOKS / "zooscan" / "explore-and-train.ipynb", as_version=4)
    code = [
        cell.source for cell in notebook.cells if cell.cell_type == "code" and "parameters" not in cell.metadata.get("tags", [])
    ]
    lines = [line for source in code for line in source.splitlines() if line.strip()]
    assert len([line for line in lines if not line.startswith(("import ", "from "))]) <= 20
    prose = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    assert len(prose) >= len(code) - 1


@pytest.mark.timeout(900)
def test_explore_and_train_runs_and_publishes(imagine_home: Path, tmp_path: Path) -> None:
    data = part_of_the_sample(tmp_path / "part", every=2)
    notebook = NOTEBOOKS / "zooscan" / "explore-and-train.ipynb"
    text = shown(execute(notebook, tmp_path / "work", data=str(data), name="from-the-notebook"))
    assert text.count("<svg") == 2
    assert text.count("<img ") > 40
    assert "taken for" in text
    assert "balanced_accuracy" in text
    published = ik.use_case("zooscan").model("from-the-notebook")
    assert published.path == imagine_home / "models" / "from-the-notebook"
    assert published.metrics["balanced_accuracy"]["value"] > 0.5


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_explore_and_train_compares_two_candidates(tmp_path: Path) -> None:
    data = part_of_the_sample(tmp_path / "part", every=2)
    notebook = NOTEBOOKS / "zooscan" / "explore-and-train.ipynb"
    text = shown(execute(notebook, tmp_path / "work", data=str(data), name="tuned", epochs=1))
    assert "frozen" in text
    assert "fine-tuned" in text


@pytest.mark.timeout(900)
def test_the_report_notebook_runs_by_itself(starter_model: Callable[[str], ModelBundle], tmp_path: Path) -> None:
    starter_model("zooscan")
    data = part_of_the_sample(tmp_path / "part", every=8)
    text = shown(execute(NOTEBOOKS / "zooscan" / "report.ipynb", tmp_path / "work", data=str(data), settings={"n_draws": 100}))
    # Without the page of `imagine report` it brings its own style, for Voilà and JupyterLab.
    assert "--ik-background" in text
    assert "Versions, hashes and parameters" in text
