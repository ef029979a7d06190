"""Annotation projects: made, shared, taken along and checked in the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from imagine_kernels.cli.options import json_option
from imagine_kernels.cli.output import report_problems, say
from imagine_kernels.errors import DataError, ImagineError


@click.group()
def projects() -> None:
    """Annotate together: projects with their whole history, in one database.

    The database is annotations.db in the person's folder, or what IMAGINE_ANNOTATIONS says: a file, or a postgresql:// URL.
    """


@projects.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """Name the projects in which you have a role."""
    store, person = _store()
    found = store.of(person)
    lines = [f"{each.name:<24} {each.role:<9} {each.annotations:>9} annotations  {each.description}".rstrip() for each in found]
    entries = [{name: getattr(each, name) for name in each.__slots__} for each in found]
    say(entries, as_json, "\n".join(lines) or "There are no projects; `imagine projects create NAME` makes one.")


@projects.command("create")
@click.argument("name")
@click.option("--use-case", default="", metavar="NAME", help="The use case that it belongs to.")
@click.option("--description", default="", metavar="TEXT", help="One sentence for people.")
@click.option(
    "--labels", type=click.Path(path_type=Path), default=None, metavar="FILE", help="A CSV, EcoTaxa table or WoRMS match."
)
@click.option("--share", multiple=True, metavar="WHO=ROLE", help="E.g. group:reef=annotate; again for more.")
@json_option
def create(name: str, use_case: str, description: str, labels: Path | None, share: tuple[str, ...], as_json: bool) -> None:
    """Make a project; you own it."""
    store, person = _store()
    roles = [_role(each) for each in share]
    tree = None
    if labels is not None:
        from imagine_kernels.annotation.label_files import read_labels

        found, problems = read_labels(labels)
        report_problems(problems)
        tree = store.trees.save(labels.stem, found, author=person.name)
    project = store.create(name, by=person, use_case=use_case, description=description, tree=tree)
    for who, role in roles:
        project.give_role(who, role)
    with_labels = f", with {len(tree.labels)} labels" if tree is not None else ""
    say({"name": project.name, "uid": project.uid}, as_json, f"The project {name} is made{with_labels}.")


@projects.command("show")
@click.argument("project")
@click.option("--share", multiple=True, metavar="WHO=ROLE", help="Give a role first, e.g. user:ben=review; `none` takes it away.")
@json_option
def show(project: str, share: tuple[str, ...], as_json: bool) -> None:
    """Say what is in a project, and who may do what."""
    opened = open_project(project)
    for each in share:
        opened.give_role(*_role(each))
    counts, (sequence, taken) = opened.counts(), opened.head
    labels = {" > ".join(path) or "(no label)": dict(by_status) for path, by_status in sorted(counts.labels.items())}
    facts = {
        "name": opened.name,
        "uid": opened.uid,
        "use_case": opened.use_case,
        "description": opened.description,
        "media": counts.media,
        "reviewed": counts.reviewed,
        "statuses": dict(counts.statuses),
        "labels": labels,
        "roles": opened.roles(),
        "head": {"sequence": sequence, "hash": taken},
    }
    lines = [f"{opened.name}  {opened.description}".rstrip()]
    lines.append(f"{counts.media} media, {counts.reviewed} of them looked at; last event {sequence}, {taken}")
    lines += [f"  {n:>9} {status}" for status, n in counts.statuses.items() if n]
    lines += [f"  {sum(by_status.values()):>9} {name}" for name, by_status in labels.items()]
    lines += [f"  {role:<9} {who}" for who, role in opened.roles().items()]
    say(facts, as_json, "\n".join(lines))


@projects.command("import")
@click.argument("project")
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "--pictures", type=click.Path(path_type=Path), default=None, help="Folder or zip of the pictures, as of `imagine convert`."
)
@json_option
def import_command(project: str, source: Path, pictures: Path | None, as_json: bool) -> None:
    """Add the media and annotations of a file or folder; what is there already is not doubled.

    The format of SOURCE is found from what its files say.
    """
    from imagine_kernels.annotation.exchange import add_set
    from imagine_kernels.formats.interchange import open_annotations

    added = add_set(open_project(project), open_annotations(source, pictures=pictures))
    report_problems(added.problems)
    entry = {"media": added.media, "annotations": added.annotations, "problems": [each.to_dict() for each in added.problems]}
    say(entry, as_json, f"{added.annotations} annotations and {added.media} media are new in {project}.")


@projects.command("export")
@click.argument("project")
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--to", default="copy", show_default=True, metavar="FORMAT", help="One of `imagine convert`, or `copy`, which can be merged."
)
@json_option
def export(project: str, target: Path, to: str, as_json: bool) -> None:
    """Write a project to TARGET: as a copy to work with elsewhere, or in an exchange format."""
    opened = open_project(project)
    lost: list[Any] = []
    if to == "copy":
        from imagine_kernels.annotation.merging import export_copy

        export_copy(opened, target)
    else:
        from imagine_kernels.annotation.exchange import as_set
        from imagine_kernels.formats.interchange import write_annotations

        lost = write_annotations(as_set(opened), target, to=to).lost
    lines = [*(f"lost: {problem}" for problem in lost), f"{project} is in {target}."]
    say({"target": str(target), "lost": [each.to_dict() for each in lost]}, as_json, "\n".join(lines))


@projects.command("history")
@click.argument("project")
@click.argument("annotation", required=False)
@click.option(
    "--out", type=click.Path(path_type=Path), default=None, metavar="FILE", help="All of it as JSON lines, for `verify`."
)
@click.option("--since", type=click.IntRange(min=0), default=None, metavar="SEQUENCE", help="Only what came after that event.")
@json_option
def history(project: str, annotation: str | None, out: Path | None, since: int | None, as_json: bool) -> None:
    """Say who did what and when: the last events, or all on one ANNOTATION."""
    opened = open_project(project)
    if out is not None:
        from imagine_kernels.annotation.verifying import export_history

        n = export_history(opened, out)
        say({"events": n, "out": str(out)}, as_json, f"{n} events are in {out}; `imagine projects verify {out}` checks them.")
        return
    found = (
        opened.history(annotation)
        if annotation
        else opened.changes_since(max(0, opened.head[0] - 20) if since is None else since)
    )
    lines = [f"{each.sequence:>7}  {each.time[:19]}  {each.author:<16} {each.kind:<8} {each.subject}".rstrip() for each in found]
    say([each.to_dict(opened.uid) for each in found], as_json, "\n".join(lines) or "Nothing was done.")


@projects.command("verify")
@click.argument("project")
@click.option("--noted", multiple=True, metavar="SEQUENCE=HASH", help="What `show` said of the last event at an earlier time.")
@json_option
def verify_command(project: str, noted: tuple[str, ...], as_json: bool) -> None:
    """Check the history of a PROJECT, or of a FILE of `history --out`; exit code 1 where it is broken."""
    from imagine_kernels.annotation.verifying import verify, verify_file

    known = {int(sequence): taken for sequence, _, taken in (each.partition("=") for each in noted) if sequence.isdigit()}
    if len(known) < len(noted):
        raise click.BadParameter("give SEQUENCE=HASH.")
    # A file is checked without a database: it may be anywhere.
    found = verify_file(project, noted=known) if Path(project).is_file() else verify(open_project(project), noted=known)
    say(found.to_dict(), as_json, f"{found.events} events are whole; the last hash is {found.hash}." if found.whole else "")
    if not found.whole:
        raise ImagineError(f"The history of {project} is broken. {found.problem}")


@projects.command("merge")
@click.argument("project")
@click.argument("copy", type=click.Path(path_type=Path))
@click.option(
    "--keep", type=click.Choice(["ours", "theirs"]), default=None, help="Of every conflict: the copy's, or the project's."
)
@json_option
def merge_command(project: str, copy: Path, keep: str | None, as_json: bool) -> None:
    """Bring back what was done in a COPY; exit code 1 where something was changed in both."""
    from imagine_kernels.annotation.merging import merge

    opened = open_project(project)
    found = merge(opened, copy)
    applied = found.applied
    if found.conflicts and keep is not None:
        choices: Any = {each.id: (keep, each.theirs.version if each.theirs else 0) for each in found.conflicts}
        found = merge(opened, copy, choices=choices)
        applied += found.applied
    entry = {"applied": applied, "conflicts": [each.id for each in found.conflicts], "left_out": list(found.left_out)}
    lines = [f"{applied} events of {copy} are in {project} now."]
    lines += [f"not merged: {each}" for each in found.left_out]
    lines += [
        f"changed in both: {each.id} ({_said(each.theirs)} in the project, {_said(each.ours)} in the copy)"
        for each in found.conflicts
    ]
    say(entry, as_json, "\n".join(lines))
    if found.conflicts:
        raise DataError(
            f"{len(found.conflicts)} annotations were changed in both: merge again with --keep ours or --keep theirs."
        )


def _store() -> tuple[Any, Any]:
    from imagine_kernels.annotation import Person, Projects

    return Projects(), Person.here()


def open_project(name: str) -> Any:
    """A project of the person who runs the command."""
    store, person = _store()
    return store.open(name, by=person)


def _role(given: str) -> tuple[str, Any]:
    who, _, role = given.partition("=")
    if not role:
        raise click.BadParameter(f"{given!r} is not WHO=ROLE, e.g. group:reef=annotate.")
    return who, None if role == "none" else role


def _said(stored: Any) -> str:
    if stored is None or stored.deleted:
        return "deleted"
    return f"{stored.annotation.label or 'no label'}, {stored.annotation.status}"
