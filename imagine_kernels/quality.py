"""How far the people of a project agree, what is in doubt, and the consensus that goes back into it.

This is where projects meet the calculations of `imagine_kernels.measures.agreement`; the terminal and the app call what is here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

from imagine_kernels.errors import UnknownName
from imagine_kernels.records import Annotation, Status

if TYPE_CHECKING:
    from imagine_kernels.annotation import Project
    from imagine_kernels.annotation.reading import ProjectView
    from imagine_kernels.measures.agreement import Agreement, Comparison, Nearness, Proposal

#: What a person has judged. What a model predicted and nobody has looked at is nobody's opinion.
JUDGED: tuple[Status, ...] = ("validated", "dubious")
#: Who the labels of a consensus are said to be from.
CONSENSUS = "consensus"


def done_by(
    project: ProjectView, *, session: int | None = None, people: Iterable[str] = (), media: Iterable[str] = ()
) -> tuple[dict[str, Sequence[Annotation]], dict[str, Collection[str]]]:
    """What people have marked, and which media they have looked at.

    Parameters
    ----------
    project : ProjectView
    session : int, optional
        The number of a blind session: what was made in it, as it was at its end. Without it all that is in the project now.
    people : iterable of str, optional
        Only these; everybody without it.
    media : iterable of str, optional
        Without a session only in these; in all without it.

    Returns
    -------
    marks : dict of str to sequence of Annotation
    looked : dict of str to collection of str
        Names of media.

    Raises
    ------
    UnknownName
        One of `people` has neither marked nor looked at anything, or there is no such session.
    """
    from imagine_kernels.annotation.blind_sessions import marked_in
    from imagine_kernels.annotation.quality import marked_by

    found = marked_in(project, session) if session is not None else marked_by(project, media=list(media) or None, statuses=JUDGED)
    wanted = list(people) or sorted(found)
    for person in wanted:
        if person not in found:
            known = ", ".join(sorted(found)) or "nobody"
            raise UnknownName(f"{person} has marked nothing there: choose among {known}.")
    return {who: found[who].annotations for who in wanted}, {who: found[who].media for who in wanted}


def agreement_in(
    project: ProjectView, *, session: int | None = None, people: Iterable[str] = (), near: Nearness | None = None
) -> Agreement:
    """How far people agree on what is in the media of a project; see `imagine_kernels.measures.agreement.agreement`.

    Raises
    ------
    DataError
        There are not two people with a medium in common.
    UnknownName
        See `done_by`.
    """
    from imagine_kernels.measures.agreement import Nearness, agreement

    marks, looked = done_by(project, session=session, people=people)
    return agreement(marks, looked=looked, near=near or Nearness())


def compared(
    project: ProjectView, first: str, second: str, *, session: int | None = None, near: Nearness | None = None
) -> Comparison:
    """What two people have marked, thing by thing, in the media that both have looked at.

    Raises
    ------
    UnknownName
        See `done_by`.
    """
    from imagine_kernels.measures.agreement import Nearness, compare

    marks, looked = done_by(project, session=session, people=(first, second))
    both = set(looked[first]) & set(looked[second])
    one, other = ([each for each in marks[who] if each.medium in both] for who in (first, second))
    return compare(one, other, near=near or Nearness())


def consensus_in(
    project: ProjectView, *, session: int | None = None, people: Iterable[str] = (), near: Nearness | None = None
) -> list[Proposal]:
    """One annotation for each thing that anybody has marked, those in doubt first; see `imagine_kernels.measures.agreement.propose`.

    Raises
    ------
    DataError
        There are not two people with a medium in common.
    UnknownName
        See `done_by`.
    """
    from imagine_kernels.measures.agreement import Nearness, agreement, propose

    near = near or Nearness()
    marks, looked = done_by(project, session=session, people=people)
    return propose(agreement(marks, looked=looked, near=near).things, looked=looked, near=near, author=CONSENSUS)


def write_consensus(project: Project, proposals: Sequence[Proposal]) -> int:
    """Put what nobody doubts into a project, as ``predicted``, with `CONSENSUS` as who gave the label; how many were new.

    A medium that has a consensus already is left as it is, so that nothing is in twice.
    """
    from imagine_kernels.annotation import Filter

    sure = [each.annotation for each in proposals if each.is_there and not each.reasons]
    done = {
        name for name in {each.medium for each in sure} if project.page(Filter(medium=name, authors=(CONSENSUS,)), limit=1).items
    }
    return project.add_many(replace(each, id=str(uuid4())) for each in sure if each.medium not in done)
