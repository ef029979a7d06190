"""What anybody has changed in a project, told to the page within a second or so."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from imagine_kernels.apps.annotate.marks import Json, mark_of
from imagine_kernels.errors import ImagineError

if TYPE_CHECKING:
    from imagine_kernels.annotation import Project

#: How often the head of the project is looked at, s.
EVERY_S = 1.0
#: So many events are told at a time; where there are more, the page asks anew.
MOST_EVENTS = 2000
_log = logging.getLogger(__name__)


class Follower:
    """Looks at the history of a project on a thread of its own.

    Parameters
    ----------
    project : Project
    head : int
        What the page knows.
    tell : callable
        Takes what has changed.
    """

    def __init__(self, project: Project, head: int, tell: Callable[[Json], None], *, every_s: float = EVERY_S) -> None:
        self._project, self._head, self._tell, self._every_s = project, head, tell, every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="imagine-follow", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._stop.set()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=10)

    def _follow(self) -> None:
        while not self._stop.wait(self._every_s):
            try:
                head = self._project.head[0]
                if head != self._head:
                    self._tell(changes(self._project, self._head, head))
                    self._head = head
            except ImagineError as error:
                # A database that is away for a while comes back; the page sees it by what it asks itself.
                _log.warning("The changes of %s could not be read: %s", self._project.name, error)
            except Exception:  # the thread must live on
                _log.exception("The changes of %s could not be told", self._project.name)


def changes(project: Project, since: int, head: int) -> Json:
    """What has happened after a sequence, up to another: marks as they are now."""
    from imagine_kernels.annotation.events import OF_ANNOTATIONS

    events = project.changes_since(since, limit=MOST_EVENTS)
    ids = list(dict.fromkeys(event.subject for event in events if event.kind in OF_ANNOTATIONS))
    looked = [event.content for event in events if event.kind == "review"]
    names = _names(project, [str(each["medium"]) for each in looked])
    others = any(event.kind not in (*OF_ANNOTATIONS, "review", "keep") for event in events)
    return {
        "project": project.uid,
        "head": head,
        "marks": [mark_of(each) for each in project.several(ids)],
        "reviews": [
            {
                "medium": names[each["medium"]],
                "person": each["person"],
                "time": each["time"],
                "reviewed": bool(each["reviewed"]),
            }
            for each in looked
            if each["medium"] in names
        ],
        "people": sorted({event.author for event in events}),
        "more": len(events) >= MOST_EVENTS or others,
    }


def _names(project: Project, keys: list[str]) -> dict[str, str]:
    from imagine_kernels.annotation.queue import names_of

    return names_of(project, keys=list(dict.fromkeys(keys))) if keys else {}
