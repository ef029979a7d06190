"""Projects to and from `AnnotationSet`, and so to and from every exchange format; a million annotations stream through."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from imagine_kernels.annotation.edits import Edit
from imagine_kernels.annotation.encoding import annotation_of, medium_key
from imagine_kernels.annotation.label_trees import read_tree, with_parents
from imagine_kernels.annotation.project import AT_ONCE, Project
from imagine_kernels.annotation.projection import find_media
from imagine_kernels.annotation.reading import ProjectView, all_annotations, media_names
from imagine_kernels.annotation.saving import save
from imagine_kernels.records import Annotation, AnnotationSet, Label, Medium, Problem


@dataclass(frozen=True, slots=True)
class Added:
    """What became of a set: how many media and annotations are new, and what was wrong."""

    media: int
    annotations: int
    problems: tuple[Problem, ...] = ()


def as_set(project: ProjectView) -> AnnotationSet:
    """The project as it is now: media with whether somebody has looked at them, labels, and a stream of annotations."""
    media: list[Medium] = []
    while part := project.media(limit=2000, after=media[-1].name if media else ""):
        media += [shown.medium for shown in part]
    labels: dict[tuple[str, ...], Label] = {}
    if project.tree:
        with project.reading() as connection:
            labels = {label.path: label for label in read_tree(connection, project.tree, project.tree_version).labels}
    for path in project.counts().labels:
        if path and path not in labels:
            labels[path] = Label(name=path[-1], parent=path[:-1])

    def stream(_: list[Problem]) -> Iterator[Annotation]:
        with project.reading() as connection:
            names = media_names(connection, project.number)
            for row in all_annotations(connection, project.number, project.veil(connection)):
                yield annotation_of(row.state, annotation_id=row.id, medium=names[row.medium])

    about = {"use_case": project.use_case, "description": project.description, "project": project.uid}
    return AnnotationSet(
        name=project.name,
        layout="project",
        media=tuple(media),
        labels=with_parents(labels.values()),
        stream=stream,
        attributes={name: value for name, value in about.items() if value},
    )


def add_set(project: Project, given: AnnotationSet) -> Added:
    """Add media and annotations of a set; what is there already, from an earlier try, is not doubled.

    Annotations keep their id. One without an id, or with one that another annotation of the project has, gets an id that follows from
    where it comes from, so that the same set gives the same ids again.
    """
    problems = list(given.problems)
    names, n_media = _media(project, given.media, problems)
    project.review(*{names[medium.name] for medium in given.media if medium.reviewed})
    n = 0
    part: list[Annotation] = []
    times: Counter[str] = Counter()
    for annotation in given.stream(problems):
        if annotation.medium not in names:
            problems.append(Problem(item=annotation.id, what=f"it is in {annotation.medium}, which is not among the media"))
            continue
        source = annotation.id or repr((annotation.medium, annotation.shape, annotation.labels, annotation.track))
        times[source] += 1
        known = annotation.id if times[source] == 1 else ""
        here = replace(
            annotation, id=known or _derived(project, given, f"{source}/{times[source]}"), medium=names[annotation.medium]
        )
        part.append(here)
        if len(part) == AT_ONCE:
            n, part = n + _add(project, given, part, problems), []
    return Added(n_media, n + _add(project, given, part, problems), tuple(problems))


def _add(project: Project, given: AnnotationSet, part: list[Annotation], problems: list[Problem]) -> int:
    if not part:
        return 0
    with project.writing("annotate") as writing:
        head = writing.head
        outcome = save(writing, [Edit.new(each) for each in part], project.allowed_labels, problems=problems)
    taken = {conflict.id for conflict in outcome.conflicts}
    again = [replace(each, id=_derived(project, given, each.id)) for each in part if each.id in taken]
    n = len([each for each in outcome.saved if each.version > head])
    project.grown(n, writing.head)
    return n + _add(project, given, again, problems)


def _derived(project: Project, given: AnnotationSet, source: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{project.uid}/{given.name}/{source}"))


def _media(project: Project, media: Sequence[Medium], problems: list[Problem]) -> tuple[dict[str, str], int]:
    """The name in the project of each medium of the set, and how many are new."""
    wanted: dict[str, Medium] = {}
    for medium in media:
        wanted.setdefault(medium_key(medium), medium)
    with project.reading() as connection:
        here = {key: name for key, (_, _, name) in find_media(connection, project.number, "key", list(wanted)).items()}
        fresh = [medium.name for key, medium in wanted.items() if key not in here]
        taken = set(find_media(connection, project.number, "name", fresh))
    new = []
    for key, medium in wanted.items():
        if key not in here:
            # Another file of that name is there: the begin of the hash tells them apart.
            here[key] = f"{medium.name} [{key[:12]}]" if medium.name in taken else medium.name
            new.append(replace(medium, name=here[key]))
    n = project.add_media(new)
    names = {medium.name: str(here[medium_key(medium)]) for medium in media}
    for name, other in names.items():
        if name != other:
            problems.append(Problem(item=name, what=f"it is {other} in the project", severity="warning"))
    return names, n
