"""How far the people of a project agree: commands of ``imagine projects``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from imagine_kernels import settings
from imagine_kernels.cli.options import json_option
from imagine_kernels.cli.output import say
from imagine_kernels.cli.projects import open_project

_session = click.option("--session", type=int, default=None, metavar="NUMBER", help="Only what came of this blind session.")
_people = click.option("--person", "people", multiple=True, metavar="NAME", help="Only this person; again for more.")
_iou = click.option(
    "--iou",
    type=click.FloatRange(0.05, 1),
    default=0.5,
    show_default=True,
    help="From which overlap two shapes are the same thing.",
)
_FIGURES = {
    "f1": "Seen by both (F1)",
    "iou": "Overlap (mean IoU)",
    "label_agreement": "Same label",
    "label_kappa": "Labels, Fleiss' kappa",
    "label_ac1": "Labels, Gwet's AC1",
    "alpha": "All together, Krippendorff's alpha",
    "kappa": "Labels, Cohen's kappa",
}


@click.command("blind")
@click.argument("project")
@click.option("--begin", "name", default=None, metavar="NAME", help="Begin a session of this name.")
@click.option("--person", "people", multiple=True, metavar="NAME", help="Takes part; again for more.")
@click.option("--ends", default=None, metavar="TIME", help="When, e.g. 2026-03-21T18:00:00+01:00.")
@click.option("--medium", "media", multiple=True, metavar="NAME", help="In this medium; again for more. All without it.")
@click.option("--end", "ending", type=int, default=None, metavar="NUMBER", help="End this session now.")
@json_option
def blind(
    project: str,
    name: str | None,
    people: tuple[str, ...],
    ends: str | None,
    media: tuple[str, ...],
    ending: int | None,
    as_json: bool,
) -> None:
    """List, begin or end blind sessions: people mark the same media and do not see one another's work."""
    from imagine_kernels.annotation.blind_sessions import begin_session, blind_sessions, end_session

    opened = open_project(project)
    if name is not None:
        if ends is None or not people:
            raise click.UsageError("A session needs its people and its end: --person NAME --person NAME --ends TIME.")
        begin_session(opened, name, people=people, ends=ends, media=media or None)
    if ending is not None:
        end_session(opened, ending)
    found = blind_sessions(opened)
    entries: list[dict[str, Any]] = [
        {
            "number": each.number,
            "name": each.name,
            "people": list(each.people),
            "begins": each.begins,
            "ends": each.ends,
            "media": None if each.media is None else len(each.media),
            "running": each.is_running(),
        }
        for each in found
    ]
    lines = [
        f"{each['number']:>8}  {each['name']:<24} {', '.join(each['people'])}; "
        f"{'all' if each['media'] is None else each['media']} media; "
        f"{'runs until' if each['running'] else 'was over at'} {each['ends']}"
        for each in entries
    ]
    say(entries, as_json, "\n".join(lines) or "There are no blind sessions; --begin makes one.")


@click.command("agreement")
@click.argument("project")
@_session
@_people
@_iou
@click.option("--out", type=click.Path(path_type=Path), default=None, metavar="FILE", help="Write the figures as a CSV.")
@click.option(
    "--differences", type=click.Path(path_type=Path), default=None, metavar="FILE", help="Of two people: each thing, as a CSV."
)
@json_option
def agreement(
    project: str,
    session: int | None,
    people: tuple[str, ...],
    iou: float,
    out: Path | None,
    differences: Path | None,
    as_json: bool,
) -> None:
    """Say how far people agree on what is there, where, and what it is, each figure with a 95 % interval."""
    from imagine_kernels.measures.agreement import Nearness
    from imagine_kernels.quality import agreement_in, compared

    if differences is not None and len(people) != 2:
        raise click.UsageError("--differences compares two people: name them with --person NAME --person NAME.")
    opened, near = open_project(project), Nearness(iou=iou)
    found = agreement_in(opened, session=session, people=people, near=near)
    table = found.table()
    if out is not None:
        with settings.writing(out):
            table.to_csv(out, index=False)
    if differences is not None:
        things = compared(opened, *people, session=session, near=near).table()
        with settings.writing(differences):
            things.to_csv(differences, index=False)
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    figures = [{str(name): value for name, value in row.items()} for row in rows]
    lines = [f"{found.n_things} things in {found.n_media} media that two or more of {', '.join(found.people)} have looked at."]
    for each in figures:
        between = f"{each['first']} – {each['second']}" if each["first"] else "all"
        lines.append(f"{_FIGURES[each['figure']]:<36} {between:<24} {_interval(each)}")
    say({"people": found.people, "media": found.n_media, "things": found.n_things, "figures": figures}, as_json, "\n".join(lines))


@click.command("consensus")
@click.argument("project")
@_session
@_people
@_iou
@click.option(
    "--out", type=click.Path(path_type=Path), default=None, metavar="FILE", help="Write what is to be decided as a CSV."
)
@click.option("--write", is_flag=True, help="Put what nobody doubts into the project, as predicted by `consensus`.")
@json_option
def consensus(
    project: str, session: int | None, people: tuple[str, ...], iou: float, out: Path | None, write: bool, as_json: bool
) -> None:
    """Make one annotation of what several people have marked, and list what somebody should decide, the most doubtful first."""
    from imagine_kernels.measures.agreement import Nearness, to_decide
    from imagine_kernels.measures.agreement.consensus import table
    from imagine_kernels.quality import consensus_in, write_consensus

    opened = open_project(project)
    proposals = consensus_in(opened, session=session, people=people, near=Nearness(iou=iou))
    doubtful = to_decide(proposals)
    if out is not None:
        with settings.writing(out):
            table(doubtful).to_csv(out, index=False)
    written = write_consensus(opened, proposals) if write else 0
    entry = {
        "things": len(proposals),
        "sure": sum(each.is_there and not each.reasons for each in proposals),
        "written": written,
        "to_decide": [each.to_dict() for each in doubtful],
    }
    lines = [f"{entry['sure']} of {entry['things']} things are beyond doubt; {len(doubtful)} are to be decided."]
    lines += [f"{each.certainty:5.2f}  {each.to_dict()['medium']}: {each.to_dict()['reasons']}" for each in doubtful[:20]]
    if write:
        lines.append(f"{written} annotations were added to {opened.name}.")
    say(entry, as_json, "\n".join(lines))


def _interval(figure: dict[str, Any]) -> str:
    if figure["value"] is None:
        return "–"
    if figure["low"] is None:
        return f"{figure['value']:.2f}"
    return f"{figure['value']:.2f} (95 % {figure['low']:.2f} to {figure['high']:.2f})"
