"""The desktop view: `imagine napari`."""

from __future__ import annotations

from pathlib import Path

import click

from imagine_kernels.cli.options import json_option, model_option, set_option
from imagine_kernels.cli.output import bar, say, workflow_of


@click.command()
@click.argument("use_case")
@click.argument("data", type=click.Path(path_type=Path), required=False)
@model_option
@set_option
@json_option
def napari(use_case: str, data: Path | None, model: str | None, settings: dict[str, str], as_json: bool) -> None:
    """Look at data, or at a folder that `imagine identify` wrote, in napari, and correct it there."""
    from imagine_kernels.apps.desktop import open_viewer

    with bar(as_json) as progress:
        viewer = open_viewer(workflow_of(use_case), data, model=model, settings=settings, progress=progress)

    import napari as window

    title = viewer.title
    window.run()
    say({"closed": title}, as_json, f"{title}: every correction is saved.")
