"""Planted controls: media whose answer is known, mixed among those that somebody is to look at, and how people did on them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from imagine_kernels.apps.annotate.marks import Json
from imagine_kernels.apps.annotate.places import folder, write_json
from imagine_kernels.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from imagine_kernels.annotation import Project

#: Most media that somebody has assigned and that controls are planted among.
_MOST = 100_000


def controls(project: Project, given: Mapping[str, Any]) -> Json:
    """Which media are controls and whose marks are the truth, and how everybody else did on them.

    With ``media`` and ``labels_of`` that is set first; with an empty list of media there are no controls any more.

    Raises
    ------
    DataError
        A medium is not there, or the trusted person has marked nothing in any of them.
    NotAllowed
        The person does not review: who is checked must not know where.
    """
    from imagine_kernels.annotation.quality import marked_by
    from imagine_kernels.measures.agreement import answers, score
    from imagine_kernels.quality import JUDGED

    _check(project)
    problems = []
    if given.get("media") is not None:
        problems = _keep(project, [str(each) for each in given["media"]], str(given.get("labels_of") or ""))
    held = _held(project)
    if held is None:
        return {"controls": None, "scores": [], "problems": problems}
    found = marked_by(project, media=_there(project, held["media"]), statuses=JUDGED)
    truth = held["truth"]
    known = found[truth].annotations if truth in found else ()
    others = {who: each for who, each in found.items() if who != truth}
    marks = {who: each.annotations for who, each in others.items()}
    scored = score(answers(marks, known, looked={who: each.media for who, each in others.items()}))
    scores = [
        {
            "person": each.person,
            "right": each.right,
            "n": each.n,
            "value": each.rate.value,
            "low": each.rate.low,
            "high": each.rate.high,
            "alarm": each.alarm,
            "needed": each.needed,
        }
        for each in scored
        if each.n
    ]
    return {"controls": held, "scores": scores, "problems": problems}


def plant(project: Project, given: Mapping[str, Any]) -> Json:
    """Assign controls to a person, one for each so many of the media that are assigned to them and not looked at.

    They are drawn by chance and come in between where they stand in the list of media.

    Raises
    ------
    DataError
        There are no controls, or the person has nothing to do.
    NotAllowed
        The person does not review.
    """
    from imagine_kernels.annotation.blind_sessions import blind_sessions
    from imagine_kernels.measures.agreement import planted

    _check(project)
    held, to = _held(project), str(given.get("to") or "")
    if held is None:
        raise DataError("There are no controls: choose media as controls first.")
    if to == held["truth"]:
        raise DataError(f"The marks of {to} are the truth of the controls: plant them for somebody else.")
    assigned = project.media(assigned_to=to, limit=_MOST) if to else []
    queue = [each.medium.name for each in assigned if to not in each.reviewed_by and each.medium.name not in held["media"]]
    if not queue:
        raise DataError(f"Nothing waits for {to or 'nobody'}: assign media to them first, then plant controls among these.")
    given_before = {each.medium.name for each in assigned}
    free = [
        name for name in _there(project, held["media"]) if name not in given_before and to not in project.medium(name).reviewed_by
    ]
    if not free:
        raise DataError(f"{to} has all controls already: choose more media as controls.")
    chosen = [name for name in planted(queue, free, every=int(given.get("every") or 10)) if name in set(free)]
    project.assign(*chosen, to=to)
    hidden = any(each.is_running() and each.hides_others and to in each.people for each in blind_sessions(project))
    problems = (
        [] if hidden else [f"{to} can see the marks of {held['truth']} there: begin a blind session in which {to} takes part."]
    )
    return {"planted": len(chosen), "queue": len(queue), "problems": problems}


def _check(project: Project) -> None:
    """Raise `NotAllowed` where the person does not review."""
    with project.writing("review"):
        pass


def _keep(project: Project, media: list[str], truth: str) -> list[str]:
    """Keep those in which the trusted person has marked something; what was left out, in words."""
    from imagine_kernels.annotation.quality import marked_by
    from imagine_kernels.quality import JUDGED

    if not media:
        _file(project).unlink(missing_ok=True)
        return []
    wanted = list(dict.fromkeys(media))
    found = marked_by(project, media=wanted, statuses=JUDGED)
    done = {each.medium for each in found[truth].annotations} if truth in found else set()
    if not done:
        raise DataError(f"{truth or 'Nobody'} has marked nothing in the media chosen: choose some that they have marked.")
    write_json(_file(project), {"media": [name for name in wanted if name in done], "truth": truth})
    n = len(wanted) - len(done)
    was = "was" if n == 1 else "were"
    return [f"{n} of the media chosen {was} left out: {truth} has marked nothing there."] if n else []


def _held(project: Project) -> Json | None:
    try:
        found = json.loads(_file(project).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return {"media": list(found["media"]), "truth": str(found["truth"])} if isinstance(found, dict) else None


def _there(project: Project, media: list[str]) -> list[str]:
    """Those of them that are still in the project."""
    from imagine_kernels.annotation.queue import names_of

    found = names_of(project, names=media)
    return [name for name in media if name in found]


def _file(project: Project) -> Path:
    return folder() / "controls" / f"{project.uid}.json"
