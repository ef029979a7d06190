"""What there is: use cases, samples, and what is wrong with data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from imagine_kernels.cli.options import json_option, set_option
from imagine_kernels.cli.output import bar, describe_model, say, workflow_of


@click.command("list")
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


@click.command()
@click.argument("use_case")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="An empty or new folder.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Another seed gives another sample.")
@json_option
def sample(use_case: str, out: Path, seed: int, as_json: bool) -> None:
    """Write the bundled labelled sample in the native format."""
    workflow = workflow_of(use_case)
    opened = workflow.open(workflow.bundled_sample(out, seed=seed))
    say(
        _describe(opened),
        as_json,
        f"{len(opened)} {workflow.declaration.unit_noun}s of {len(opened.labels)} classes are in {out}.",
    )


@click.command()
@click.argument("use_case")
@click.argument("data", type=click.Path(path_type=Path))
@set_option
@json_option
def check(use_case: str, data: Path, settings: dict[str, str], as_json: bool) -> None:
    """Say what is there, in which layout, and what is wrong with it; nothing is changed."""
    workflow = workflow_of(use_case)
    with bar(as_json) as progress:
        opened = workflow.check(data, progress=progress, **settings)
    if as_json:
        say({**_describe(opened), "problems": [problem.to_dict() for problem in opened.problems]})
        return
    noun = workflow.declaration.unit_noun
    click.echo(f"{opened.source}: {opened.layout}, {len(opened)} {noun}s")
    for label, count in opened.objects["label"].value_counts().sort_index().items():
        click.echo(f"  {count:6d}  {label or '(no label)'}")
    for problem in opened.problems:
        click.echo(f"{problem.severity}: {problem}")
    click.echo(f"{len(opened.problems)} problems" if opened.problems else "nothing is wrong with it")


def _describe(opened: Any) -> dict[str, Any]:
    counts = {str(label): int(n) for label, n in opened.objects["label"].value_counts().sort_index().items()}
    return {"name": opened.name, "source": str(opened.source), "layout": opened.layout, "n": len(opened), "labels": counts}
