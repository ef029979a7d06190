"""Help from models in the annotate app: pre-annotation, suggestions, what to label next, likely mistakes, and new models.

Nothing of it is imported before the page asks for it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from imagine_kernels.apps.annotate import exchanging
from imagine_kernels.apps.annotate.helping_state import HelpingState
from imagine_kernels.apps.annotate.marks import Json, path_from_page, shape_from_page
from imagine_kernels.errors import Cancelled, DataError, ImagineError
from imagine_kernels.records import Shape
from imagine_kernels.records.figures_of_merit import headline
from imagine_kernels.widgets.meter import Meter
from imagine_kernels.widgets.part import Answer, unexpected

if TYPE_CHECKING:
    from imagine_kernels.apps.annotate.desk import Desk
    from imagine_kernels.apps.annotate.grids import Grids
    from imagine_kernels.assistance import Model
    from imagine_kernels.assistance.retraining import Offer
    from imagine_kernels.workflow import Workflow

Buffers = Sequence[memoryview]
Tell = Callable[[str, Any], None]
#: How long the list of models is trusted, s: their files are checked each time it is read.
_TRUSTED_S = 10.0
#: How long it may take until a job that was told to stop has stopped, s.
_STOPPING_S = 60.0
_MOST_NEXT = 200
_log = logging.getLogger(__name__)


class Helping:
    """Answers the verbs of help for the project that is open.

    Parameters
    ----------
    workflow : Workflow
    current : callable
        Gives the open project; raises `ImagineError` where none is.
    tell : callable ``(event, value)``
    """

    def __init__(self, workflow: Workflow, current: Callable[[], Desk], tell: Tell) -> None:
        self._workflow, self._current, self._tell = workflow, current, tell
        self._helper: Helper | None = None
        self._changing = threading.Lock()

    def answers(self) -> dict[str, Answer]:
        """The verbs."""
        return {
            "help": lambda _given, _: self.helper().help(),
            "use-model": lambda given, _: self.helper().use_model(given),
            "predict": lambda given, _: self.helper().predict(given),
            "stop-help": lambda _given, _: self.helper().stop(),
            "suggest": lambda given, _: self.helper().suggest(given),
            "next": lambda given, _: self.helper().next(given),
            "grid": lambda given, _: self.helper().grids.grid(given),
            "relabel": lambda given, _: self.noted(self.helper().grids.relabel(given)),
            "retrain": lambda given, _: self.helper().retrain(given),
        }

    def helper(self) -> Helper:
        """Who helps in the open project."""
        desk = self._current()
        with self._changing:
            before = self._helper
            if before is not None and before.desk is desk:
                return before
            self._helper = Helper(self._workflow, desk, self._tell)
        if before is not None:
            before.close()
        return self._helper

    def noted(self, written: Json) -> Json:
        """What the page has written was saved: a new model may be due."""
        with self._changing:
            helper = self._helper
        if helper is not None and written.get("saved"):
            helper.train_if_due()
        return written

    def models(self) -> list[Json]:
        """The models that can suggest labels."""
        return [{"name": each["name"], "words": each["words"]} for each in models_of(self._workflow)]

    def leave(self) -> None:
        """Stop what runs, as the project is put away."""
        with self._changing:
            helper, self._helper = self._helper, None
        if helper is not None:
            helper.close()


class Helper:
    """Help in one project that is open.

    Parameters
    ----------
    workflow : Workflow
    desk : Desk
    tell : callable ``(event, value)``
    """

    def __init__(self, workflow: Workflow, desk: Desk, tell: Tell) -> None:
        from imagine_kernels.apps.annotate.grids import Grids
        from imagine_kernels.assistance import Crops, Looker

        self.workflow, self.desk, self._tell = workflow, desk, tell
        self.state = HelpingState(desk.project.uid, desk.project.person.name)
        self.crops = Crops(desk.places.open)
        self.looker = Looker(workflow, self.crops)
        self.grids: Grids = Grids(self)
        self._starting = threading.Lock()
        self._running = ""
        self._job: threading.Thread | None = None
        #: Stop the job in the background, and what a question of the page is looking at.
        self._stopping, self.looking_no_more = threading.Event(), threading.Event()
        self._models: tuple[float, list[Json]] = (0.0, [])

    def close(self) -> None:
        """Stop what runs, and let go of the files."""
        self.stop()
        if self._job is not None:
            self._job.join(timeout=_STOPPING_S)
        self.crops.close()

    # What the page shows.

    def help(self) -> Json:
        """How things stand."""
        held = self.state.read()
        return {
            "models": self._shown_models(),
            "model": self.in_use(),
            "corrections": self._corrections(held),
            "every": held["every"],
            "running": self._running,
            "offer": held["offer"],
        }

    def in_use(self) -> str | None:
        """The name of the model in use: the chosen one if it is still there, else the starter model; None where there is none."""
        shown, chosen = self._shown_models(), self.state.read()["model"]
        starter = next((each["name"] for each in shown if each["starter"]), None)
        return chosen if chosen in {each["name"] for each in shown} else starter

    def model(self, name: str | None = None) -> Model:
        """The model of that name, or the one in use.

        Raises
        ------
        UnknownName
            There is none of that name.
        ImagineError
            None is in use.
        """
        from imagine_kernels.assistance import Model

        wanted = name or self.in_use()
        if wanted is None:
            raise ImagineError(
                f"No model can suggest labels in this project yet: train one for {self.workflow.name}, or ask for its starter model."
            )
        tree = exchanging.tree_of(self.desk.store, self.desk.project)
        return Model.of(self.workflow.model(wanted), self.desk.project, tree)

    def meter(self) -> Meter:
        """Tells the page how far things are."""
        return Meter(lambda value: self._tell("progress", value))

    def suggest(self, given: Mapping[str, Any]) -> Json:
        """What the model would call a mark, a shape or a medium."""
        from imagine_kernels.assistance import Item, find, suggest

        medium = self.desk.project.medium(str(given["medium"])).medium
        at = given.get("time")
        frames = (float(at),) if at is not None and medium.kind == "video" else ()
        if given.get("id"):
            item = find(self.desk.project, [(medium.name, str(given["id"]))])[0]
            if item is None:
                raise DataError("This mark is not there any more: somebody has deleted it.")
        elif given.get("shape"):
            shape = shape_from_page(given["shape"])
            if frames and not shape.frames:
                shape = Shape(shape.kind, shape.keyframes, frames)
            item = Item(medium=medium, shape=shape)
        else:
            item = Item(medium=medium, shape=Shape("whole", ((),), frames))
        labels = suggest(item, self.model(), self.looker)
        return {"labels": [{"path": list(path), "probability": probability} for path, probability in labels]}

    def next(self, given: Mapping[str, Any]) -> Json:
        """What to label next."""
        from imagine_kernels.assistance import items_of
        from imagine_kernels.assistance.choosing import choose_next

        by: Any = given.get("by") or "mixed"
        n = min(max(int(given.get("n") or 20), 1), _MOST_NEXT)
        self.looking_no_more.clear()
        items, needed = list(items_of(self.desk.project)), None
        how: Json = {"progress": self.meter(), "cancel": self.looking_no_more}
        if by == "quantity":
            found, needed = self._count(items, path_from_page(given.get("target")), n, how)
        else:
            found = choose_next(items, self.model(), self.looker, n, by=by, **how)
        shown = [
            {**self.grids.shown(each.item, None, list(each.opinion)), "score": each.score, "why": each.why} for each in found
        ]
        return {"items": shown, "needed": needed}

    def _count(self, items: list[Any], target: tuple[str, ...], n: int, how: dict[str, Any]) -> tuple[list[Any], Json]:
        from imagine_kernels.assistance.choosing import Counting, count_next

        if not target:
            raise DataError("Say what is to be counted: choose a label.")
        kept, name = self.state.read()["counting"], " > ".join(target)
        before = Counting(kept[name]["head"], tuple(kept[name]["batches"])) if name in kept else None
        head = self.desk.project.head[0]
        found, needed, counting = count_next(items, target, self.model(), self.looker, n, head=head, counting=before, **how)
        self.state.keep(counting={**kept, name: {"head": counting.head, "batches": list(counting.batches)}})
        return found, {
            "labels": needed.labels,
            "relative": needed.relative,
            "value": needed.value,
            "error": needed.error,
            "unit": "items",
            "words": needed.words,
        }

    # What the page changes.

    def use_model(self, given: Mapping[str, Any]) -> Json:
        """Use a model from now on. That is also how an offer is accepted, or turned down with the one in use."""
        name = str(given["model"])
        self.workflow.model(name)
        self.state.keep(model=name, wanted=True, offer=None)
        return self.help()

    def predict(self, given: Mapping[str, Any]) -> Json:
        """Name what has no name, in the background."""
        from imagine_kernels.assistance import Thresholds, predict

        by_label = {str(name): float(value) for name, value in (given.get("thresholds") or {}).items()}
        threshold = given.get("threshold")
        thresholds = Thresholds(threshold=0.5 if threshold is None else float(threshold), by_label=by_label)
        model, medium = self.model(given.get("model")), str(given["medium"]) if given.get("medium") else None

        def work() -> Json:
            done = predict(
                self.desk.project, model, self.looker, thresholds, medium=medium, progress=self.meter(), cancel=self._stopping
            )
            stopped = ["Stopped on request; what was named until then is kept."] if done.cancelled else []
            return {"added": done.added, "left_out": done.left_out, "problems": [*stopped, *exchanging.told(done.problems)]}

        self._start("predict", work)
        self.state.keep(wanted=True)
        return {}

    def retrain(self, given: Mapping[str, Any]) -> Json:
        """Say after how many labels a new model is trained (0: never), or train one now."""
        if given.get("every") is not None:
            every = int(given["every"])
            if every < 0:
                raise DataError(f"A new model cannot be trained after {every} labels: give a number from 1, or 0 for never.")
            self.state.keep(every=every, wanted=True)
        if given.get("now"):
            self._train()
        else:
            self.train_if_due()
        return self.help()

    def stop(self) -> Json:
        """Stop what runs; what was saved is kept."""
        self._stopping.set()
        self.looking_no_more.set()
        return {}

    def train_if_due(self) -> None:
        """Train where the person has asked for help, and enough was named since the last time."""
        held = self.state.read()
        if held["wanted"] and held["every"] and not self._running and self._corrections(held) >= held["every"]:
            try:
                self._train()
            except ImagineError as error:  # the person did not ask for it just now
                _log.warning("No new model of %s: %s", self.desk.project.name, error)

    def _train(self) -> None:
        from imagine_kernels.assistance.retraining import retrain

        model = self.model()
        tree = exchanging.tree_of(self.desk.store, self.desk.project)

        def work() -> Json:
            found = retrain(self.desk.project, model, self.looker, tree, progress=self.meter(), cancel=self._stopping)
            self._models = (0.0, [])
            if found.offer is not None:
                self.state.keep(offer=_offer_to_page(found.offer))
            return {"added": found.items, "left_out": found.left_out, "problems": exchanging.told(found.problems)}

        named = self._named()
        self._start("retrain", work)
        self.state.keep(trained=named, wanted=True)

    def _start(self, what: str, work: Callable[[], Json]) -> None:
        with self._starting:
            if self._running:
                words = {"predict": "A model is naming what has no name", "retrain": "A new model is being trained"}
                raise ImagineError(f"{words[self._running]}: wait until that is done, or stop it.")
            self._running = what
            self._stopping.clear()
            self._job = threading.Thread(target=self._work, args=(what, work), name=f"imagine-{what}", daemon=True)
            self._job.start()

    def _work(self, what: str, work: Callable[[], Json]) -> None:
        try:
            value = work()
        except Cancelled:
            value = _nothing("Stopped on request; the model in use stays.")
        except ImagineError as error:
            value = _nothing(str(error))
        except Exception as error:  # nothing may end without an answer on the page
            _log.exception("%s failed", what)
            value = _nothing(unexpected(error))
        self._running = ""
        try:
            self._tell("helped", {"what": what, **value, "help": self.help()})
        except ImagineError as error:  # the database is away, or the project is
            _log.warning("The page could not be told that %s is done: %s", what, error)

    # What is known.

    def _shown_models(self) -> list[Json]:
        read, found = self._models
        if time.monotonic() - read > _TRUSTED_S or not read:
            found = models_of(self.workflow)
            self._models = (time.monotonic(), found)
        return found

    def _named(self) -> int:
        """How many things have a label that people stand behind."""
        labels = self.desk.project.counts().labels
        return sum(found.get("validated", 0) for path, found in labels.items() if path)

    def _corrections(self, held: Json) -> int:
        return max(0, self._named() - int(held["trained"]))


def models_of(workflow: Workflow) -> list[Json]:
    """The models of a use case as the page shows them."""
    shown = []
    for each in workflow.models():
        found = headline(each)
        said = "right" if found and found[0] == "balanced accuracy" else found and found[0]
        accuracy = f"{found[1]['value']:.0%} {said} on held-out data" if found else "not evaluated"
        words = f"{each['recipe']}, {len(each['classes'])} labels, {accuracy}, {str(each['created'])[:10]}"
        shown.append({"name": each["folder"], "words": words, "classes": each["classes"], "starter": each["starter"]})
    return shown


def _offer_to_page(offer: Offer) -> Json:
    compared = offer.compared
    return {
        "model": offer.model,
        "better": compared.better,
        **{name: getattr(compared, name) for name in ("now", "new", "gain", "low", "high", "items", "media")},
        "words": offer.words,
    }


def _nothing(why: str) -> Json:
    return {"added": 0, "left_out": 0, "problems": [why]}
