"""Quality in the annotate app: how far people agree, what differs, what is in doubt and who decides it, blind sessions, controls.

Nothing of it is imported before the page asks for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from imagine_kernels.apps.annotate.marks import Json, conflict_to_page, mark_of, path_from_page, shape_to_page
from imagine_kernels.errors import DataError, UnknownName
from imagine_kernels.widgets.meter import Meter
from imagine_kernels.widgets.part import Answer

if TYPE_CHECKING:
    from imagine_kernels.annotation import Edit, Project, Stored
    from imagine_kernels.apps.annotate.desk import Desk
    from imagine_kernels.measures.agreement import Agreement, Nearness, Proposal
    from imagine_kernels.records import Annotation

Tell = Callable[[str, Any], None]
#: What people have marked, and the media that they have looked at, by person.
Done = tuple[dict[str, Sequence["Annotation"]], dict[str, Any]]
#: Whose marks, of which session, and from which overlap they are of the same thing.
Asked = tuple[str, "int | None", tuple[str, ...], float]
_MOST = 500
#: The attribute of a mark that says who has decided on it.
DECIDED_BY = "decided_by"


class Checking:
    """Answers the verbs of quality for the project that is open.

    Parameters
    ----------
    current : callable
        Gives the open project; raises `ImagineError` where none is.
    tell : callable ``(event, value)``
    """

    def __init__(self, current: Callable[[], Desk], tell: Tell) -> None:
        self._current, self._tell = current, tell
        #: What was asked for last, and what is to be decided there.
        self._held: tuple[Asked, list[Proposal], dict[str, Any], int] | None = None
        #: What was calculated last, when the history of the project stood at that number, with who had looked at what.
        self._agreed: tuple[Asked, int, Agreement, dict[str, Any]] | None = None

    def answers(self) -> dict[str, Answer]:
        """The verbs."""
        return {
            "quality": lambda given, _: self.quality(given),
            "compare": lambda given, _: self.compare(given),
            "doubts": lambda given, _: self.doubts(given),
            "settle": lambda given, _: self.settle(given),
            "consensus": lambda given, _: self.consensus(given),
            "blind": lambda _given, _: self.blind(),
            "blind-begin": lambda given, _: self.blind_begin(given),
            "blind-end": lambda given, _: self.blind_end(given),
            "controls": lambda given, _: self.controls(given),
            "plant": lambda given, _: self.plant(given),
        }

    @property
    def project(self) -> Project:
        """The one that is open."""
        return self._current().project

    # How far people agree.

    def quality(self, given: Mapping[str, Any]) -> Json:
        """Who has marked how much, and how far they agree; why there are no figures, where there are none."""
        found: Json = {"people": [], "media": 0, "things": 0, "figures": [], "problems": []}
        asked, meter = self._asked(given), Meter(lambda value: self._tell("progress", value))
        meter(0, 2, "Reading what people have marked")
        try:
            head = self.project.head[0]
            marks, looked = self._done(given, ())
            found["people"] = [{"name": who, "marks": len(marks[who]), "media": len(looked[who])} for who in marks]
            meter(1, 2, "Comparing what people have marked")
            agreed, _ = self._agree(asked, head, (marks, looked))
        except (DataError, UnknownName) as error:
            found["problems"] = [str(error)]
        else:
            found |= {"media": agreed.n_media, "things": agreed.n_things, "figures": _figures(agreed.table().to_dict("records"))}
        meter(2, 2, "Comparing what people have marked")
        return found

    def compare(self, given: Mapping[str, Any]) -> Json:
        """What two people have marked in one medium, thing by thing, and which of them have looked at it."""
        from imagine_kernels.measures.agreement import compare, label_of

        medium, near = str(given["medium"]), _near(given)
        first, second = str(given["first"]), str(given["second"])
        if first == second:
            raise DataError(f"{first} cannot be compared with {first}: choose two people.")
        marks, looked = self._done(given, (medium,))
        pair = ([each for each in marks.get(who, ()) if each.medium == medium] for who in (first, second))
        things = [
            {
                "found": each.found,
                "first": each.first.id if each.first else None,
                "second": each.second.id if each.second else None,
                "first_label": label_of(each.first) if each.first else "",
                "second_label": label_of(each.second) if each.second else "",
                "overlap": each.overlap,
            }
            for each in compare(*pair, near=near).differences
        ]
        return {"things": things, "looked": [who for who in (first, second) if medium in looked.get(who, ())]}

    # What is in doubt.

    def doubts(self, given: Mapping[str, Any]) -> Json:
        """What somebody should decide, the most doubtful first; the order stays as it was at the first page."""
        from imagine_kernels.annotation import Filter
        from imagine_kernels.quality import CONSENSUS

        project = self.project
        begin, limit = max(0, int(given.get("after") or 0)), min(max(int(given.get("limit") or 100), 1), _MOST)
        asked = self._asked(given)
        held = self._held
        if not begin or held is None or held[0] != asked:
            proposals, looked = self._proposals(given)
            sure = sum(each.is_there and not each.reasons for each in proposals)
            held = self._held = (asked, self._open(proposals), looked, sure)
        else:
            self._see_all()
        _, doubtful, looked, sure = held
        part = doubtful[begin : begin + limit]
        now = {each.annotation.id: each for each in project.several([i for each in part for i in _ids(each).values()])}
        return {
            "items": [_doubt(each, now, looked) for each in part],
            "next": begin + limit if begin + limit < len(doubtful) else None,
            "count": len(doubtful),
            "sure": sure,
            "written_before": project.count(Filter(authors=(CONSENSUS,))) or 0,
        }

    def settle(self, given: Mapping[str, Any]) -> Json:
        """Keep one of the marks of a thing, or none, and discard the others; with the marks as they were before."""
        from imagine_kernels.annotation.saving import save

        project, ids = self.project, list(dict.fromkeys(_names(given, "ids")))
        keep = str(given["keep"]) if given.get("keep") is not None else None
        self._see_all()
        if not ids or (keep is not None and keep not in ids):
            raise DataError("The page has sent nothing to decide on: look at the list again.")
        with project.writing("review") as writing:
            before = {each.annotation.id: each for each in project.several(ids)}
            known = given.get("versions") or {}
            for each in ids:
                stored = before.get(each)
                moved = stored is None or stored.deleted or (each in known and int(known[each]) != stored.version)
                if stored is None or moved or stored.annotation.medium != str(given["medium"]):
                    raise DataError("Somebody has changed or deleted one of these marks meanwhile: look at the list again.")
            edits = [
                _decided(before[each], kept=each == keep, path=path_from_page(given.get("path")), by=project.person.name)
                for each in ids
            ]
            outcome = save(writing, edits, project.allowed_labels)
        keys = {edit.id: edit.key for edit in edits}
        return {
            "saved": [{"id": each.id, "key": keys[each.id], "version": each.version} for each in outcome.saved],
            "conflicts": [conflict_to_page(each, keys[each.id]) for each in outcome.conflicts],
            "refused": [],
            "head": project.head[0],
            "before": [mark_of(before[each]) for each in ids],
        }

    def consensus(self, given: Mapping[str, Any]) -> Json:
        """Write what nobody doubts."""
        from imagine_kernels.quality import write_consensus

        proposals, _ = self._proposals(given)
        return {"added": write_consensus(self.project, proposals)}

    # Blind sessions.

    def blind(self) -> Json:
        """All blind sessions, those that are over too, the last one first."""
        from imagine_kernels.annotation.blind_sessions import blind_sessions

        return {
            "sessions": [
                {
                    "number": each.number,
                    "name": each.name,
                    "people": list(each.people),
                    "begins": each.begins,
                    "ends": each.ends,
                    "media": None if each.media is None else len(each.media),
                    "running": each.is_running(),
                }
                for each in reversed(blind_sessions(self.project))
            ]
        }

    def blind_begin(self, given: Mapping[str, Any]) -> Json:
        """Begin one."""
        from imagine_kernels.annotation.blind_sessions import begin_session

        begin_session(
            self.project,
            str(given.get("name") or "").strip(),
            people=_names(given, "people"),
            ends=str(given.get("ends") or ""),
            media=None if given.get("media") is None else _names(given, "media"),
            hides_earlier=bool(given.get("hides_earlier")),
        )
        return self.blind()

    def blind_end(self, given: Mapping[str, Any]) -> Json:
        """End one before its time."""
        from imagine_kernels.annotation.blind_sessions import end_session

        end_session(self.project, int(given["number"]))
        return self.blind()

    # Controls.

    def controls(self, given: Mapping[str, Any]) -> Json:
        """Which media are controls, and how people did on them."""
        from imagine_kernels.apps.annotate.controls import controls

        self._see_all()
        return controls(self.project, given)

    def plant(self, given: Mapping[str, Any]) -> Json:
        """Assign controls to somebody, among what they are to look at."""
        from imagine_kernels.apps.annotate.controls import plant

        return plant(self.project, given)

    # What all of them begin with.

    def _see_all(self) -> None:
        """Raise `DataError` where the person takes part in a blind session that runs: half of the marks would be no comparison."""
        from imagine_kernels.annotation.blind_sessions import blind_sessions

        for each in blind_sessions(self.project):
            if each.is_running() and self.project.person.name in each.people:
                raise DataError(f"You take part in the blind session {each.name}: wait until it is over at {each.ends}.")

    def _done(self, given: Mapping[str, Any], media: tuple[str, ...]) -> Done:
        """What everybody has marked, in a session or by now; without one in these media only, where some are given."""
        from imagine_kernels.quality import done_by

        self._see_all()
        return done_by(self.project, session=_session(given), media=media)

    def _asked(self, given: Mapping[str, Any]) -> Asked:
        return self.project.uid, _session(given), tuple(_names(given, "people")), _near(given).iou

    def _agree(self, asked: Asked, head: int, done: Done) -> tuple[Agreement, dict[str, Any]]:
        """How far the people asked for agree, and who of them has looked at what; it is kept for what is asked next."""
        from imagine_kernels.measures.agreement import Nearness, agreement

        chosen = _only(done[0], asked[2])
        seen = {who: done[1][who] for who in chosen}
        agreed = agreement(chosen, looked=seen, near=Nearness(iou=asked[3]))
        self._agreed = (asked, head, agreed, seen)
        return agreed, seen

    def _proposals(self, given: Mapping[str, Any]) -> tuple[list[Proposal], dict[str, Any]]:
        """One annotation for each thing, as `imagine_kernels.quality.consensus_in` makes them, and who has looked at what."""
        from imagine_kernels.measures.agreement import propose
        from imagine_kernels.quality import CONSENSUS

        self._see_all()
        asked, head, held = self._asked(given), self.project.head[0], self._agreed
        meter = Meter(lambda value: self._tell("progress", value))
        meter(0, 2, "Comparing what people have marked")
        if held is not None and held[:2] == (asked, head):
            agreed, seen = held[2:]
        else:
            agreed, seen = self._agree(asked, head, self._done(given, ()))
        meter(1, 2, "Looking for what is in doubt")
        proposals = propose(agreed.things, looked=seen, near=_near(given), author=CONSENSUS)
        meter(2, 2, "Looking for what is in doubt")
        return proposals, seen

    def _open(self, proposals: Sequence[Proposal]) -> list[Proposal]:
        """What is in doubt and nobody has decided, as far as it is still there."""
        from imagine_kernels.measures.agreement import to_decide

        doubtful = to_decide(proposals)
        now = {each.annotation.id: each for each in self.project.several([i for each in doubtful for i in _ids(each).values()])}

        def is_open(each: Proposal) -> bool:
            marks = [now[i] for i in _ids(each).values() if i in now]
            return len(marks) == len(each.thing.marks) and not any(
                mark.deleted or DECIDED_BY in mark.annotation.attributes for mark in marks
            )

        return [each for each in doubtful if is_open(each)]


def _ids(proposal: Proposal) -> dict[str, str]:
    return {who: mark.id for who, mark in proposal.thing.marks.items()}


def _doubt(proposal: Proposal, now: Mapping[str, Stored], looked: Mapping[str, Any]) -> Json:
    from imagine_kernels.measures.agreement import REASONS, label_of

    thing, ids = proposal.thing, _ids(proposal)
    return {
        "medium": thing.medium,
        "ids": ids,
        "versions": {each: now[each].version for each in ids.values() if each in now},
        "labels": {who: list(mark.labels[0].path) if mark.labels else [] for who, mark in thing.marks.items()},
        "looked": sorted(who for who in looked if thing.medium in looked[who]),
        "shape": shape_to_page(proposal.annotation.shape),
        "label": label_of(proposal.annotation),
        "certainty": proposal.certainty,
        "reasons": [REASONS[reason] for reason in proposal.reasons],
    }


def _decided(stored: Stored, *, kept: bool, path: tuple[str, ...], by: str) -> Edit:
    """What becomes of a mark: validated under the label of whoever decides, or discarded."""
    from uuid import uuid4

    from imagine_kernels.annotation import Edit
    from imagine_kernels.records import LabelGiven

    mark = stored.annotation
    attributes = {**mark.attributes, DECIDED_BY: by}
    if not kept:
        return Edit(id=mark.id, base=stored.version, key=str(uuid4()), status="discarded", attributes=attributes)
    name = path or (mark.labels[0].path if mark.labels else ())
    labels = (LabelGiven(path=name), *(each for each in mark.labels if each.annotator != by)) if name else None
    return Edit(id=mark.id, base=stored.version, key=str(uuid4()), status="validated", labels=labels, attributes=attributes)


def _only(marks: dict[str, Sequence[Annotation]], wanted: Sequence[str]) -> dict[str, Sequence[Annotation]]:
    for person in wanted:
        if person not in marks:
            raise UnknownName(f"{person} has marked nothing there: choose among {', '.join(marks) or 'nobody'}.")
    return {who: marks[who] for who in sorted(set(wanted)) or marks}


def _figures(rows: Sequence[Mapping[Any, Any]]) -> list[Json]:
    """The rows of a table; what cannot be told is None."""
    return [
        {str(name): None if isinstance(value, float) and not math.isfinite(value) else value for name, value in row.items()}
        for row in rows
    ]


def _near(given: Mapping[str, Any]) -> Nearness:
    from imagine_kernels.measures.agreement import Nearness

    iou = float(given["iou"]) if given.get("iou") is not None else 0.5
    if not 0.05 <= iou <= 1:
        raise DataError(f"Two shapes cannot be the same thing from an overlap of {iou:g}: choose one from 0.05 to 1.")
    return Nearness(iou=iou)


def _session(given: Mapping[str, Any]) -> int | None:
    return int(given["session"]) if given.get("session") is not None else None


def _names(given: Mapping[str, Any], name: str) -> list[str]:
    found = given.get(name) or []
    if isinstance(found, str) or not all(isinstance(each, str) for each in found):
        raise DataError("The page has sent no list of names: reload it.")
    return list(found)
