"""Projects from and to the exchange formats, and label trees from files."""

from __future__ import annotations

import re
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from imagine_kernels.apps.annotate.marks import path_from_page
from imagine_kernels.errors import DataError, UnknownName
from imagine_kernels.files import plain_name
from imagine_kernels.records import Annotation, AnnotationSet, Label, Medium, Problem
from imagine_kernels.settings import writing

if TYPE_CHECKING:
    from imagine_kernels.annotation import LabelTree, Project, Projects

#: Most problems that are told one by one.
_MOST_TOLD = 200


def formats() -> list[dict[str, Any]]:
    """What can be imported and exported."""
    from imagine_kernels.formats.interchange import FORMATS

    return [{"name": each.name, "words": each.title, "writes": True} for each in FORMATS.values()]


def export(project: Project, name: str) -> tuple[Path, list[str]]:
    """Write the project in a format, to a temporary file; and what that cannot hold.

    Raises
    ------
    UnknownName
        There is no such format.
    """
    from imagine_kernels.annotation.exchange import as_set
    from imagine_kernels.formats.interchange import FORMATS, write_annotations

    if name not in FORMATS:
        raise UnknownName.among("format", name, FORMATS)
    ends = re.findall(r"FILE(\.\w+)", FORMATS[name].target)
    end = ".zip" if ".zip" in ends else ends[0]
    folder = Path(tempfile.mkdtemp(prefix="imagine-download-"))
    target = folder / f"{plain_name(project.name)}-{name}{end}"
    try:
        with writing(target):
            written = write_annotations(as_set(project), target, to=name)
    except BaseException:
        target.unlink(missing_ok=True)
        folder.rmdir()
        raise
    return target, told([*written.unread, *written.lost])


def bring_in(project: Project, path: Path, pictures: Path | None) -> tuple[int, list[str]]:
    """Add the annotations of a file in whatever format it is; how many are new, and what was wrong."""
    from imagine_kernels.annotation.exchange import add_set
    from imagine_kernels.formats.interchange import open_annotations

    added = add_set(project, matched(project, open_annotations(path, pictures=pictures)))
    return added.annotations, told(added.problems)


def matched(project: Project, given: AnnotationSet) -> AnnotationSet:
    """The set with the names that its media have in the project: files often leave out the folders, and say no hashes."""
    here: dict[str, Medium] = {}
    after = ""
    while part := project.media(limit=2000, after=after):
        here.update({shown.medium.name: shown.medium for shown in part})
        after = part[-1].medium.name
    by_end: dict[str, list[str]] = defaultdict(list)
    for name in here:
        by_end[PurePosixPath(name).name].append(name)
    names: dict[str, str] = {}
    for medium in given.media:
        same = [medium.name] if medium.name in here else by_end[PurePosixPath(medium.name).name]
        if len(same) == 1 and not (medium.sha256 and here[same[0]].sha256 not in ("", medium.sha256)):
            names[medium.name] = same[0]

    def stream(problems: list[Problem]) -> Iterator[Annotation]:
        for annotation in given.stream(problems):
            name = names.get(annotation.medium)
            yield annotation if name is None else replace(annotation, medium=name)

    media = tuple(
        replace(here[names[medium.name]], reviewed=medium.reviewed) if medium.name in names else medium for medium in given.media
    )
    return replace(given, media=media, stream=stream)


def tree_of(store: Projects, project: Project) -> LabelTree | None:
    """The label tree of a project."""
    return store.trees.get(project.tree, project.tree_version) if project.tree else None


def add_label(store: Projects, project: Project, given: Mapping[str, Any]) -> LabelTree:
    """Add a label, with those above it, to the tree of a project; where it has none, one is made of the labels in use.

    Raises
    ------
    DataError
        There is such a label already, or its name cannot be kept.
    NotAllowed
        The person does not own the project.
    """
    path = path_from_page(given.get("path"))
    if not path:
        raise DataError("A label needs a name: give at least one letter.")
    tree = tree_of(store, project)
    if tree is not None and path in tree.paths:
        raise DataError(f"There is a label {' > '.join(path)} already: choose that one.")
    number = given.get("aphia_id")
    label = Label(
        name=path[-1],
        parent=path[:-1],
        aphia_id=int(number) if number is not None else None,
        color=str(given.get("color") or ""),
        key=str(given.get("key") or ""),
    )
    return _more_labels(store, project, tree, (label,))


def read_labels(store: Projects, project: Project, path: Path) -> tuple[LabelTree, list[str]]:
    """Add the labels in a file to the tree of a project; and what was wrong with the file."""
    from imagine_kernels.annotation import label_files

    tree = tree_of(store, project)
    labels, problems = label_files.read_labels(path, known=tree.labels if tree is not None else ())
    return _more_labels(store, project, tree, labels), told(problems)


def told(problems: Any) -> list[str]:
    """Problems for people; of very many the first."""
    said = [str(each) for each in problems]
    return said if len(said) <= _MOST_TOLD else [*said[:_MOST_TOLD], f"… and {len(said) - _MOST_TOLD} more."]


def _more_labels(store: Projects, project: Project, tree: LabelTree | None, labels: tuple[Label, ...]) -> LabelTree:
    from imagine_kernels.annotation.label_trees import with_parents

    with project.writing("own"):  # a tree that is not in use yet has no owner of its own
        pass
    if tree is None:
        in_use = tuple(Label(name=path[-1], parent=path[:-1]) for path in project.counts().labels if path)
        name, known = free_name(store, project.name), in_use
    else:
        name, known = tree.name, tree.labels
    have = {label.path for label in known}
    together = with_parents([*known, *(label for label in labels if label.path not in have)])
    saved = store.trees.save(name, together, author=project.person.name)
    if (saved.uid, saved.version) != (project.tree, project.tree_version):
        project.move_to_tree(saved)
    return saved


def free_name(store: Projects, name: str) -> str:
    """A name that no label tree has."""
    taken, found, n = set(store.trees.names()), name, 2
    while found in taken:
        found, n = f"{name} {n}", n + 1
    return found
