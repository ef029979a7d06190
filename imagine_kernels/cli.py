"""The terminal: ``imagine …``. Thin: every command calls one verb of the workflow."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from imagine_kernels.errors import Cancelled, ImagineError

F = TypeVar("F", bound=Callable[..., Any])


def json_option(command: F) -> F:
    """``--json`` of every command."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for machines instead of text for people.")(command)


def set_option(command: F) -> F:
    """``--set NAME=VALUE``, as often as wanted."""
    return click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="NAME=VALUE",
        callback=_read_settings,
        help="A setting of the use case, e.g. dpi=2400.",
    )(command)


def model_option(command: F) -> F:
    """``--model BUNDLE``; the starter model without it."""
    return click.option(
        "--model", type=str, default=None, metavar="BUNDLE", help="A model bundle; the starter model without it."
    )(command)


def _read_settings(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    for pair in given:
        if "=" not in pair:
            raise click.BadParameter(f"{pair!r} is not NAME=VALUE.")
    return dict(pair.split("=", 1) for pair in given)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="imagine-kernels", prog_name="imagine")
def imagine() -> None:
    """From pictures of the sea to quantities with units and errors."""


@imagine.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """Name the use cases."""
    from imagine_kernels.workflow import list_use_cases

    entries = list_use_cases()
    if as_json:
        from imagine_kernels import catalog

        say({"use_cases": entries, "style": str(catalog.style_sheet())})
        return
    for entry in entries:
        model = entry["model"]
        click.echo(f"{entry['name']:<12} {entry['title']}")
        click.echo(f"{'':<12} {entry['sentence']}")
        click.echo(f"{'':<12} model: {describe_model(model) if model else 'none yet; run `imagine models starter`'}")


@imagine.command()
@click.argument("use_case")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="An empty or new folder.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Another seed gives another sample.")
@json_option
def sample(use_case: str, out: Path, seed: int, as_json: bool) -> None:
    """Write the bundled labelled sample in the native format."""
    workflow = _use_case(use_case)
    opened = workflow.open(workflow.bundled_sample(out, seed=seed))
    say(
        _describe(opened),
        as_json,
        f"{len(opened)} {workflow.declaration.unit_noun}s of {len(opened.labels)} classes are in {out}.",
    )


@imagine.command()
@click.argument("use_case")
@click.argument("data", type=click.Path(path_type=Path))
@set_option
@json_option
def check(use_case: str, data: Path, settings: dict[str, str], as_json: bool) -> None:
    """Say what is there, in which layout, and what is wrong with it; nothing is changed."""
    workflow = _use_case(use_case)
    with _bar(as_json) as progress:
        opened = workflow.check(data, progress=progress, **settings)
    if as_json:
        say({**_describe(opened), "problems": [_problem(problem) for problem in opened.problems]})
        return
    noun = workflow.declaration.unit_noun
    click.echo(f"{opened.source}: {opened.layout}, {len(opened)} {noun}s")
    for label, count in opened.objects["label"].value_counts().sort_index().items():
        click.echo(f"  {count:6d}  {label or '(no label)'}")
    for problem in opened.problems:
        click.echo(f"{problem.severity}: {problem}")
    click.echo(f"{len(opened.problems)} problems" if opened.problems else "nothing is wrong with it")


@imagine.command()
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
    workflow = _use_case(use_case)
    opened = workflow.open(data, **settings)
    _report_problems(opened.problems)
    _fast_allocator()
    with _bar(as_json) as progress:
        bundle = workflow.train(opened, epochs=epochs, seed=seed, out=out, progress=progress)
    from imagine_kernels.models.store import model_summary

    summary = model_summary(bundle)
    say({"bundle": str(bundle.path), **summary}, as_json, f"{bundle.path}: {describe_model(summary)}")


@imagine.command()
@click.argument("use_case")
@click.argument("data", type=click.Path(path_type=Path))
@model_option
@set_option
@json_option
def evaluate(use_case: str, data: Path, model: str | None, settings: dict[str, str], as_json: bool) -> None:
    """Compare a model with labelled data; every figure with its 95 % interval."""
    workflow = _use_case(use_case)
    opened = workflow.open(data, **settings)
    bundle = workflow.model(model)
    problems = (*opened.problems, *workflow.unknown_labels(opened.labelled, bundle))
    _report_problems(problems)
    with _bar(as_json) as progress:
        evaluation = workflow.evaluate(opened, bundle, progress=progress)
    if as_json:
        say({**evaluation.to_dict(), "problems": [_problem(problem) for problem in problems]})
        return
    click.echo(evaluation.table().to_string(index=False, float_format=lambda value: f"{value:.3f}"))


@imagine.command()
@click.argument("use_case")
@click.argument("data", type=click.Path(path_type=Path))
@model_option
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for predictions.csv and the native formats.")
@set_option
@json_option
def identify(use_case: str, data: Path, model: str | None, out: Path, settings: dict[str, str], as_json: bool) -> None:
    """Identify every object; what cannot be read becomes a row of problems.csv."""
    workflow = _use_case(use_case)
    opened = workflow.open(data, **settings)
    with _bar(as_json) as progress:
        result = workflow.identify(opened, model, progress=progress)
    result.save(out)
    exports = [result.export(kind, out / f"{result.name}-{kind}.zip") for kind in workflow.declaration.exports]
    written = [str(path) for path, _ in exports]
    result = replace(result, problems=(*result.problems, *(problem for _, lost in exports for problem in lost)))
    result.save(out)
    _report_problems(result.problems)
    counts = {str(label): int(n) for label, n in zip(*_unique(result.predictions.label), strict=True)}
    text = "\n".join(
        [*(f"  {n:6d}  {label}" for label, n in counts.items()), f"{len(result)} {workflow.declaration.unit_noun}s are in {out}."]
    )
    say(
        {"out": str(out), "n": len(result), "counts": counts, "exports": written, "problems": len(result.problems)}, as_json, text
    )


@imagine.command()
@click.argument("use_case")
@click.argument("folder", type=click.Path(path_type=Path))
@set_option
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the tables.")
@json_option
def measure(use_case: str, folder: Path, settings: dict[str, str], out: Path, as_json: bool) -> None:
    """Turn what was identified into quantities, as CSV with units in the column names."""
    workflow = _use_case(use_case)
    measured = workflow.result(folder).measure(**settings)
    files = write_measurements(measured, out)
    text = "\n".join([*(f"note: {note}" for note in measured.notes), *(str(file) for file in files)])
    say({"files": [str(file) for file in files], "notes": list(measured.notes)}, as_json, text)


@imagine.command()
@click.argument("use_case")
@click.argument("data", type=click.Path(path_type=Path))
@model_option
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The report, one self-contained HTML file.")
@set_option
@json_option
def report(use_case: str, data: Path, model: str | None, out: Path, settings: dict[str, str], as_json: bool) -> None:
    """Execute the report notebook on the data, or on a folder that `imagine identify` wrote."""
    from imagine_kernels.reports import make_report

    with _bar(as_json) as progress:
        written = make_report(use_case, data, out=out, model=model, settings=settings, progress=progress)
    say({"report": str(written)}, as_json, str(written))


@imagine.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--to", "to", required=True, metavar="FORMAT", help="ecotaxa, class-folders or csv.")
@click.option("--use-case", default="zooscan", show_default=True)
@set_option
@json_option
def convert(source: Path, target: Path, to: str, use_case: str, settings: dict[str, str], as_json: bool) -> None:
    """Convert between exchange formats and say what the target cannot hold."""
    from imagine_kernels.formats.convert import convert_sample

    opened = _use_case(use_case).open(source, **settings)
    lost = convert_sample(opened, target, to=to)
    _report_problems(opened.problems)
    text = "\n".join([*(f"lost: {problem}" for problem in lost), f"{len(opened)} objects are in {target}."])
    say({"target": str(target), "n": len(opened), "lost": [_problem(problem) for problem in lost]}, as_json, text)


@imagine.group()
def models() -> None:
    """List, show and make model bundles."""


@models.command("list")
@click.argument("use_case", required=False)
@json_option
def models_list(use_case: str | None, as_json: bool) -> None:
    """Name the bundles that can be used."""
    from imagine_kernels import catalog
    from imagine_kernels.models.store import list_models, model_summary

    wanted = [_use_case(use_case).name] if use_case else catalog.names()
    found = [(name, bundle) for name in wanted for bundle in list_models(name)]
    rows = [{"use_case": name, "path": str(bundle.path), **model_summary(bundle)} for name, bundle in found]
    text = "\n".join(f"{row['use_case']:<12} {row['name']:<24} {describe_model(row)}" for row in rows)
    say(rows, as_json, text or "There are no models yet: run `imagine models starter`.")


@models.command("show")
@click.argument("use_case")
@click.argument("model", required=False)
@json_option
def models_show(use_case: str, model: str | None, as_json: bool) -> None:
    """Print the model card."""
    from imagine_kernels.models.store import model_summary

    bundle = _use_case(use_case).model(model)
    say({"path": str(bundle.path), **model_summary(bundle)}, as_json, bundle.card)


@models.command("starter")
@json_option
def models_starter(as_json: bool) -> None:
    """Train the starter model of every use case that has none, on a generated sample."""
    from imagine_kernels import catalog
    from imagine_kernels.models.store import model_summary
    from imagine_kernels.settings import home

    made = []
    for name in catalog.names():
        folder = home() / "models" / f"{name}-starter"
        if folder.is_dir():
            continue
        _fast_allocator()
        workflow = _use_case(name)
        click.echo(f"{name}: training the starter model …", err=True)
        with _bar(as_json) as progress:
            bundle = workflow.train_starter(folder, progress=progress)
        made.append({"use_case": name, "path": str(folder), **model_summary(bundle)})
    text = "\n".join(f"{row['path']}: {describe_model(row)}" for row in made)
    say(made, as_json, text or "Every use case has its starter model.")


def write_measurements(measured: Any, out: Path) -> list[Path]:
    """Write each table of `Measurements` as ``<name>.csv`` and the notes as ``notes.txt``."""
    from imagine_kernels.settings import writing

    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        files = []
        for name, table in measured.tables.items():
            files.append(out / f"{name}.csv")
            table.to_csv(files[-1], index=False, lineterminator="\n")
        files.append(out / "notes.txt")
        files[-1].write_text("".join(f"{note}\n" for note in measured.notes), encoding="utf-8")
    return files


def describe_model(summary: dict[str, Any]) -> str:
    """One line on a model: its recipe and balanced accuracy with interval on held-out objects."""
    figure = summary["metrics"].get("balanced_accuracy")
    if not figure:
        return str(summary["recipe"])
    held_out = f"{figure['value']:.3f} ({figure['low']:.3f}–{figure['high']:.3f}) on {summary['n_held_out']} held-out objects"
    return f"{summary['recipe']}, balanced accuracy {held_out}"


def say(value: Any, as_json: bool = True, text: str = "") -> None:
    """Print JSON for machines or `text` for people."""
    click.echo(json.dumps(value, indent=1, ensure_ascii=False, default=str) if as_json else text)


def main() -> None:
    """Run the command line: exit code 1 and one sentence for a user's error, 2 for wrong usage."""
    try:
        imagine(standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (Cancelled, KeyboardInterrupt, click.Abort):
        click.echo("Stopped.", err=True)
        sys.exit(130)
    except ImagineError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)


def _use_case(name: str) -> Any:
    from imagine_kernels.workflow import use_case

    return use_case(name)


def _bar(quiet: bool) -> Any:
    from imagine_kernels.progress import progress_bar

    return progress_bar(quiet=quiet)


def _fast_allocator() -> None:
    from imagine_kernels.inference.allocator import restart_with_fast_allocator

    restart_with_fast_allocator()


def _report_problems(problems: Any) -> None:
    for problem in problems:
        click.echo(f"{problem.severity}: {problem}", err=True)


def _problem(problem: Any) -> dict[str, Any]:
    return {name: getattr(problem, name) for name in ("item", "line", "severity", "what", "remedy")}


def _describe(opened: Any) -> dict[str, Any]:
    counts = {str(label): int(n) for label, n in opened.objects["label"].value_counts().sort_index().items()}
    return {"name": opened.name, "source": str(opened.source), "layout": opened.layout, "n": len(opened), "labels": counts}


def _unique(values: Any) -> Any:
    import numpy as np

    return np.unique(values.astype(str), return_counts=True)


if __name__ == "__main__":
    main()
