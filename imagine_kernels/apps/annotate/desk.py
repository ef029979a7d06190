"""One project that is open: what the page asks of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagine_kernels.apps.annotate import exchanging, telling, writing
from imagine_kernels.apps.annotate.following import Follower
from imagine_kernels.apps.annotate.looking import Looking, unseen
from imagine_kernels.apps.annotate.marks import Json, mark_of, medium_to_page, path_from_page, tree_to_page
from imagine_kernels.apps.annotate.places import MISSING, Places
from imagine_kernels.errors import DataError

if TYPE_CHECKING:
    from imagine_kernels.annotation import Project, Projects
    from imagine_kernels.annotation.reading import MediumShown
    from imagine_kernels.widgets.browse import FolderBrowser
    from imagine_kernels.widgets.part import Reply

Tell = Callable[[str, Any], None]
#: Most media or annotations on a page.
_MOST = 2000
#: Most annotations of one medium that are shown.
_MOST_MARKS = 100_000
_DAYS = 90


class Desk:
    """A project with its files and whoever works on it.

    Parameters
    ----------
    store : Projects
    uid : str
    browser : FolderBrowser
    tell : callable ``(event, value)``
    """

    def __init__(self, store: Projects, uid: str, *, person: Any, browser: FolderBrowser, tell: Tell) -> None:
        self.store, self._tell = store, tell
        self.project: Project = store.open(uid, by=person)
        self.places: Places = Places(self.project.uid, browser)
        self._names: dict[Path, str] = {}
        #: Until when it holds, path and attributes of media that were looked at.
        self._held: dict[str, tuple[float, Path, Mapping[str, Any]]] = {}
        self._looking = Looking(self._ready)
        self._head = self.project.head[0]
        self._follower: Follower | None = None

    def follow(self) -> None:
        """From now on the page is told what has happened since the last summary."""
        if self._follower is None:
            self._follower = Follower(self.project, self._head, lambda value: self._tell("changes", value))

    def close(self) -> None:
        """Stop what runs, and let go of the files."""
        if self._follower is not None:
            self._follower.close()
        self._looking.close()

    def summary(self) -> Json:
        """The project as the page shows it."""
        from imagine_kernels.annotation.roles import ROLES

        # Read anew: others may have given it another name or label tree.
        project = self.project = self.store.open(self.project.uid, by=self.project.person)
        head = self._head = project.head[0]
        counts, held = project.counts(), project.roles()
        mine = [role for who, role in held.items() if who in project.person.holders]
        tree = exchanging.tree_of(self.store, project)
        return {
            "uid": project.uid,
            "name": project.name,
            "description": project.description,
            "role": next(role for role in reversed(ROLES) if role in mine),
            "person": project.person.name,
            "tree": None if tree is None else tree_to_page(tree),
            "head": head,
            "media": counts.media,
            "reviewed": counts.reviewed,
            "statuses": dict(counts.statuses),
            "labels": _labels(counts.labels),
            "people": [{"who": who, "role": role} for who, role in held.items()],
            "models": [],
        }

    # The queue.

    def media(self, given: Mapping[str, Any]) -> Json:
        """A page of the queue."""
        from imagine_kernels.annotation.queue import media_page

        page = media_page(
            self.project,
            which=given.get("filter") or "all",
            text=str(given.get("text") or ""),
            label=path_from_page(given.get("label")),
            limit=_limit(given),
            after=_number(given.get("after")),
        )
        shown = [self._shown(each) for each in page.items]
        return {"media": shown, "total": page.total, "next": None if page.next is None else str(page.next)}

    def medium(self, given: Mapping[str, Any]) -> Json:
        """A medium, opened: how it is shown, and what is marked in it."""
        from imagine_kernels.annotation import Filter

        name = str(given["name"])
        medium = self.project.medium(name)
        here = self.places.find(name) is not None
        # Of a file that has moved, what is marked in it can still be read.
        view = self._looking.view(self.places.open(name), medium.medium.attributes) if here else unseen(medium.medium)
        # Read before the marks: what happens in between is told then, and never missed.
        head = self.project.head[0]
        marks: list[Json] = []
        after = None
        while len(marks) < _MOST_MARKS:
            page = self.project.page(Filter(medium=name), limit=_MOST, after=after)
            marks += [mark_of(each) for each in page.items]
            after = page.next
            if after is None:
                break
        return {"medium": self._shown(medium), "view": view, "marks": marks, "head": head}

    def assign(self, given: Mapping[str, Any]) -> Json:
        """Say who is to look at media."""
        to = given.get("to")
        self.project.assign(*_texts(given["media"]), to=None if to is None else str(to))
        return {}

    def review(self, given: Mapping[str, Any]) -> Json:
        """Note that the person has looked at media."""
        self.project.review(*_texts(given["media"]), reviewed=bool(given["reviewed"]))
        return {"head": self.project.head[0]}

    # Files.

    def tile(self, given: Mapping[str, Any]) -> Reply:
        """A tile of a picture or a spectrogram."""
        return self._looking.tile(*self._file(given), given)

    def levels(self, given: Mapping[str, Any]) -> Json:
        """Percentiles of the values."""
        return dict(self._looking.levels(*self._file(given), given))

    def frames(self, given: Mapping[str, Any]) -> Reply:
        """Frames of a video."""
        return self._looking.frames(self._file(given)[0], given)

    def sound(self, given: Mapping[str, Any]) -> Reply:
        """A piece of a recording to listen to."""
        return self._looking.sound(*self._file(given), given)

    # Annotations.

    def write(self, given: Mapping[str, Any]) -> Json:
        """Save edits."""
        return writing.write(self.project, list(given["edits"]))

    def history(self, given: Mapping[str, Any]) -> list[Json]:
        """All that was done to an annotation."""
        return telling.history(self.project, str(given["id"]))

    def revert(self, given: Mapping[str, Any]) -> Json:
        """Set an annotation back."""
        saved = self.project.revert(str(given["id"]), to=int(given["to"]))
        done = {"id": saved.id, "key": "", "version": saved.version}
        return {"saved": [done], "conflicts": [], "refused": [], "head": self.project.head[0]}

    def annotations(self, given: Mapping[str, Any]) -> Json:
        """A page of annotations."""
        from imagine_kernels.annotation import Filter

        confidence, after = given.get("confidence"), given.get("after")
        chosen = Filter(
            label=path_from_page(given["label"]) if given.get("label") is not None else None,
            statuses=tuple(given["statuses"]) if given.get("statuses") else None,
            authors=tuple(_texts(given["authors"])) if given.get("authors") else None,
            medium=str(given["medium"]) if given.get("medium") else None,
            since=str(given["since"]) if given.get("since") else None,
            until=str(given["until"]) if given.get("until") else None,
            confidence=(float(confidence[0]), float(confidence[1])) if confidence else None,
        )
        place = (float(after[0]), int(after[1])) if after else None
        page = self.project.page(chosen, limit=_limit(given), after=place)
        # The number is for the first page; it does not change from one to the next.
        count = self.project.count(chosen) if place is None else None
        return {
            "marks": [mark_of(each) for each in page.items],
            "next": None if page.next is None else list(page.next),
            "count": count,
        }

    def statistics(self) -> Json:
        """Who has done how much, and when."""
        from imagine_kernels.annotation.queue import days, people

        since = (datetime.now(UTC) - timedelta(days=_DAYS)).isoformat(timespec="milliseconds")
        return {
            "people": [
                {"name": each.name, "annotations": each.annotations, "reviewed": each.reviewed} for each in people(self.project)
            ],
            "days": [{"day": day, "annotations": n} for day, n in days(self.project, since=since)],
            "labels": _labels(self.project.counts().labels),
        }

    def _shown(self, each: MediumShown) -> Json:
        here = self.places.find(each.medium.name) is not None
        return medium_to_page(each, here=here, note="" if here else MISSING)

    def _file(self, given: Mapping[str, Any]) -> tuple[Path, Mapping[str, Any]]:
        """Where the file of a medium lies, and what is known of it."""
        name = str(given["medium"])
        held = self._held.get(name)
        if held is None or held[0] < time.monotonic():
            # Looked up again now and then: a hundred tiles need not ask the database a hundred times.
            attributes = self.project.medium(name).medium.attributes
            held = (time.monotonic() + 10, self.places.open(name), attributes)
            self._held[name] = held
            self._names[held[1]] = name
        return held[1], held[2]

    def _ready(self, path: Path) -> None:
        self._tell("tiles", {"medium": self._names.get(path, "")})


def _labels(counts: Mapping[tuple[str, ...], Mapping[Any, int]]) -> list[Json]:
    return [{"path": list(path), "counts": dict(found)} for path, found in counts.items()]


def _limit(given: Mapping[str, Any]) -> int:
    return min(max(int(given.get("limit") or 100), 1), _MOST)


def _number(given: Any) -> int:
    try:
        return int(given or 0)
    except (TypeError, ValueError):
        raise DataError("The page has asked for a page that there is not: reload it.") from None


def _texts(given: Any) -> list[str]:
    if isinstance(given, str) or not all(isinstance(each, str) for each in given):
        raise DataError("The page has sent no list of names: reload it.")
    return list(given)
