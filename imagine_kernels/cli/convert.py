"""From one exchange format to another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imagine_kernels.cli.options import json_option, set_option
from imagine_kernels.cli.output import bar, report_problems, say, workflow_of

if TYPE_CHECKING:
    from imagine_kernels.records import Problem

#: Written with their pictures, from vignettes only.
_SAMPLES = {
    "ecotaxa": "EcoTaxa import zip, with pictures",
    "class-folders": "one folder of pictures per class",
    "csv": "CSV of objects",
}


#: Of the same name where the source holds annotations.
_INSTEAD = {"ecotaxa": "ecotaxa-tsv", "csv": "annotations-csv"}


class _Formats(click.Command):
    """Lists the formats at the end of its help; only then are they imported."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the lists."""
        from imagine_kernels.formats.interchange import FORMATS

        del ctx
        with formatter.section("Formats of vignettes, written from vignettes"):
            formatter.write_dl(list(_SAMPLES.items()))
        with formatter.section("Formats of annotations, read and written"):
            formatter.write_dl([(each.name, f"{each.title}: {each.target}") for each in FORMATS.values()])


@click.command(cls=_Formats)
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--to", "to", required=True, metavar="FORMAT", help="One of the formats below.")
@click.option(
    "--pictures",
    type=click.Path(path_type=Path),
    default=None,
    help="Folder or zip of the pictures, where the source gives parts of their size (YOLO, SQUIDLE+).",
)
@click.option("--use-case", default="zooscan", show_default=True, help="Of vignettes.")
@set_option
@json_option
def convert(
    source: Path, target: Path, to: str, pictures: Path | None, use_case: str, settings: dict[str, str], as_json: bool
) -> None:
    """Convert between exchange formats and say what the target cannot hold.

    The format of SOURCE is found from what its files say.
    """
    from imagine_kernels.errors import DataError, UnknownName
    from imagine_kernels.formats.interchange import FORMATS, open_annotations, write_annotations

    if to not in FORMATS and to not in _SAMPLES:
        raise UnknownName.among("format", to, (*_SAMPLES, *FORMATS))
    if to in _SAMPLES:
        try:
            with bar(as_json) as progress:
                opened = workflow_of(use_case).open(source, progress=progress, **settings)
        except DataError:
            # What holds no vignettes may hold annotations.
            if to not in _INSTEAD:
                raise
            to = _INSTEAD[to]
        else:
            from imagine_kernels.formats.convert import convert_sample

            lost = convert_sample(opened, target, to=to)
            text = f"{len(opened)} objects are in {target}."
            _tell(opened.layout, opened.problems, lost, target, text, as_json, n=len(opened))
            return
    found = open_annotations(source, pictures=pictures)
    told = write_annotations(found, target, to=to)
    text = f"{told.n} annotations ({found.layout}) were read, what is held of them is in {target}."
    _tell(found.layout, (*found.problems, *told.unread), told.lost, target, text, as_json, n=told.n)


def _tell(layout: str, problems: Any, lost: list[Problem], target: Path, text: str, as_json: bool, *, n: int) -> None:
    report_problems(problems)
    lines = [*(f"lost: {problem}" for problem in lost), text]
    value = {"target": str(target), "from": layout, "n": n, "lost": [problem.to_dict() for problem in lost]}
    say(value, as_json, "\n".join(lines))
