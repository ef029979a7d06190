"""The desktop view: `imagine napari`."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from imagine_kernels.cli.options import json_option, model_option, set_option
from imagine_kernels.cli.output import bar, say, workflow_of
from imagine_kernels.errors import ImagineError, SettingError, UnknownName


@click.command()
@click.argument("name", metavar="USE_CASE|PROJECT")
@click.argument("data", metavar="[DATA|MEDIUM]", required=False)
@click.option("--project", is_flag=True, help="The name is that of a project, also where a use case is called the same.")
@click.option(
    "--files", type=click.Path(path_type=Path), default=None, metavar="FOLDER", help="Where the files of the project are."
)
@model_option
@set_option
@json_option
def napari(
    name: str, data: str | None, project: bool, files: Path | None, model: str | None, settings: dict[str, str], as_json: bool
) -> None:
    """Look at data in napari and correct it there: a sample of a use case, or the media of an annotation project.

    DATA may also be a folder that `imagine identify` wrote. MEDIUM is the name of one in the project; without it the first one is opened
    that nobody has looked at.
    """
    from imagine_kernels.catalog import names

    if project or name not in names():
        if model is not None or settings:
            raise SettingError("--model and --set belong to use cases: leave them out for a project.")
        viewer = _open_project(name, data, files, only=project)
    else:
        if files is not None:
            raise SettingError("--files belongs to projects: give the data of a use case after its name.")
        _tell_of_project(name)
        from imagine_kernels.apps.desktop import open_viewer

        with bar(as_json) as progress:
            place = Path(data) if data is not None else None
            viewer = open_viewer(workflow_of(name), place, model=model, settings=settings, progress=progress)

    import napari as window

    title = viewer.title
    window.run()
    say({"closed": title}, as_json, f"{title}: every correction is saved.")


def _open_project(name: str, medium: str | None, files: Path | None, *, only: bool) -> Any:
    from imagine_kernels.annotation import Person, Projects
    from imagine_kernels.apps.desktop.opening import open_project
    from imagine_kernels.catalog import names

    store, person = Projects(), Person.here()
    known = [each for each in store.of(person) if name in (each.name, each.uid)]
    if not known and not only:
        mine = ", ".join(each.name for each in store.of(person)) or "none"
        raise UnknownName(
            f"{name!r} is neither a use case ({', '.join(names())}) nor a project of yours ({mine}): check the name."
        )
    return open_project(name, medium, store=store, files=files)


def _tell_of_project(name: str) -> None:
    """Where a project is called as a use case is, say how to get to it; a database that is not there is not made for it."""
    from imagine_kernels.annotation import Person, Projects
    from imagine_kernels.annotation.database import DATABASE_FILE
    from imagine_kernels.settings import home

    if not os.environ.get("IMAGINE_ANNOTATIONS") and not (home() / DATABASE_FILE).is_file():
        return
    with suppress(ImagineError):
        if any(name == each.name for each in Projects().of(Person.here())):
            click.echo(
                f"{name} is a use case, and also a project of yours: `imagine napari {name} --project` opens that.", err=True
            )
