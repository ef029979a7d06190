"""Model bundles: list, show, make the starters."""

from __future__ import annotations

import click

from imagine_kernels.cli.options import json_option
from imagine_kernels.cli.output import bar, describe_model, say, workflow_of


@click.group()
def models() -> None:
    """List, show and make model bundles."""


@models.command("list")
@click.argument("use_case", required=False)
@json_option
def models_list(use_case: str | None, as_json: bool) -> None:
    """Name the bundles that can be used."""
    from imagine_kernels import catalog
    from imagine_kernels.models.store import list_models, model_summary

    wanted = [workflow_of(use_case).name] if use_case else catalog.names()
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

    bundle = workflow_of(use_case).model(model)
    say({"path": str(bundle.path), **model_summary(bundle)}, as_json, bundle.card)


@models.command("starter")
@json_option
def models_starter(as_json: bool) -> None:
    """Train the starter model of every use case that has none, on a generated sample."""
    from imagine_kernels import catalog
    from imagine_kernels.inference.allocator import restart_with_fast_allocator
    from imagine_kernels.models.store import model_summary
    from imagine_kernels.settings import home

    made = []
    for name in catalog.names():
        folder = home() / "models" / f"{name}-starter"
        if folder.is_dir():
            continue
        restart_with_fast_allocator()
        workflow = workflow_of(name)
        click.echo(f"{name}: training the starter model …", err=True)
        with bar(as_json) as progress:
            bundle = workflow.train_starter(folder, progress=progress)
        made.append({"use_case": name, "path": str(folder), **model_summary(bundle)})
    text = "\n".join(f"{row['path']}: {describe_model(row)}" for row in made)
    say(made, as_json, text or "Every use case has its starter model.")
