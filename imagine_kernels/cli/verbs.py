"""The verbs: train, evaluate, identify, measure, report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from imagine_kernels.cli.options import json_option, model_option, set_option
from imagine_kernels.cli.output import bar, describe_model, plain_warnings, report_problems, say, workflow_of


@click.command()
@click.argument("use_case")
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the model bundle.")
@click.option(
    "--epochs", type=click.IntRange(min=0), default=5, show_default=True, help="0: a head on frozen features, in seconds."
)
@click.option("--seed", type=int, default=0, show_default=True)
@set_option
@json_option
def train(use_case: str, data: Path, out: Path, epochs: int, seed: int, settings: dict[str, str], as_json: bool) -> None:
    """Train on labelled data and keep the better candidate as a bundle."""
    from imagine_kernels.inference.allocator import restart_with_fast_allocator

    workflow = workflow_of(use_case)
    restart_with_fast_allocator()
    with bar(as_json) as progress, plain_warnings():
        opened = workflow.open(data, progress=progress, **settings)
        report_problems(opened.problems)
        bundle = workflow.train(opened, epochs=epochs, seed=seed, out=out, progress=progress)
    from imagine_kernels.models.store import model_summary

    summary = model_summary(bundle)
    say({"bundle": str(bundle.path), **summary}, as_json, f"{bundle.path}: {describe_model(summary)}")


@click.command()
@click.argument("use_case")
@click.argument("data", type=click.Path(path_type=Path))
@model_option
@set_option
@json_option
def evaluate(use_case: str, data: Path, model: str | None, settings: dict[str, str], as_json: bool) -> None:
    """Compare a model with labelled data; every figure with its 95 % interval."""
    workflow = workflow_of(use_case)
    with bar(as_json) as progress:
        opened = workflow.open(data, progress=progress, **settings)
        bundle = workflow.model(model)
        problems = (*opened.problems, *workflow.unknown_labels(opened.labelled, bundle))
        report_problems(problems)
        evaluation = workflow.evaluate(opened, bundle, progress=progress)
    if as_json:
        say({**evaluation.to_dict(), "problems": [problem.to_dict() for problem in problems]})
        return
    click.echo(evaluation.table().to_string(index=False, float_format=lambda value: f"{value:.3f}"))


@click.command()
@click.argument("use_case")
@click.argument("data", type=click.Path(path_type=Path))
@model_option
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for predictions.csv and the native formats.")
@set_option
@json_option
def identify(use_case: str, data: Path, model: str | None, out: Path, settings: dict[str, str], as_json: bool) -> None:
    """Identify every object; what cannot be read becomes a row of problems.csv."""
    workflow = workflow_of(use_case)
    with bar(as_json) as progress:
        opened = workflow.open(data, progress=progress, **settings)
        result = workflow.identify(opened, model, progress=progress)
    result, exports = result.save_with_exports(out)
    written = [str(path) for path in exports]
    report_problems(result.problems)
    counts = {str(label): int(n) for label, n in zip(*_unique(result.predictions.label), strict=True)}
    text = "\n".join(
        [*(f"  {n:6d}  {label}" for label, n in counts.items()), f"{len(result)} {workflow.declaration.unit_noun}s are in {out}."]
    )
    say(
        {"out": str(out), "n": len(result), "counts": counts, "exports": written, "problems": len(result.problems)}, as_json, text
    )


@click.command()
@click.argument("use_case")
@click.argument("folder", type=click.Path(path_type=Path))
@set_option
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the tables.")
@json_option
def measure(use_case: str, folder: Path, settings: dict[str, str], out: Path, as_json: bool) -> None:
    """Turn what was identified into quantities, as CSV with units in the column names.

    FOLDER is what `imagine identify` has written, or data: these are measured by the labels that they carry, without a model.
    """
    from imagine_kernels.result import PREDICTIONS_FILE, RESULT_FILE, write_measurements

    workflow = workflow_of(use_case)
    if folder.exists() and not any((folder / name).is_file() for name in (PREDICTIONS_FILE, RESULT_FILE)):
        with bar(as_json) as progress:
            opened = workflow.open(folder, progress=progress, **settings)
        report_problems(opened.problems)
        result = workflow.labelled_result(opened)
    else:
        result = workflow.result(folder)
    measured = result.measure(**settings)
    files = write_measurements(measured, out)
    text = "\n".join([*(f"note: {note}" for note in measured.notes), *(str(file) for file in files)])
    say({"files": [str(file) for file in files], "notes": list(measured.notes)}, as_json, text)


@click.command()
@click.argument("use_case")
@click.argument("data", type=click.Path(path_type=Path))
@model_option
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The report, one self-contained HTML file.")
@set_option
@json_option
def report(use_case: str, data: Path, model: str | None, out: Path, settings: dict[str, str], as_json: bool) -> None:
    """Execute the report notebook on the data, or on a folder that `imagine identify` wrote."""
    from imagine_kernels.reports import make_report

    with bar(as_json) as progress:
        written = make_report(use_case, data, out=out, model=model, settings=settings, progress=progress)
    say({"report": str(written)}, as_json, str(written))


def _unique(values: Any) -> Any:
    import numpy as np

    return np.unique(values.astype(str), return_counts=True)
