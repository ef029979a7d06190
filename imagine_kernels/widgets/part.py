"""A widget that answers questions of its page, and tells it what happens."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anywidget

from imagine_kernels.errors import DataNotFound, ImagineError

STATIC = Path(__file__).resolve().parent / "static"

#: ``answer(given, buffers)`` gives the value of the answer, or a `Reply` where bytes go with it.
Answer = Callable[[Mapping[str, Any], Sequence[memoryview]], Any]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reply:
    """A value and the bytes that go with it."""

    value: Any
    buffers: Sequence[bytes | memoryview] = ()


def built(name: str) -> str:
    """The text of a built file of the front end.

    Raises
    ------
    DataNotFound
        The front end is not built.
    """
    try:
        return (STATIC / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataNotFound(
            f"The browser part {name} is not built: run `npm run build` in {STATIC.parent / 'frontend'}."
        ) from None


class Part(anywidget.AnyWidget):
    """Shows one built module of the front end and answers what it asks.

    Questions are answered on threads of their own, so that a slow one never holds up the next, and the kernel stays free.

    Parameters
    ----------
    module : str
        Name of the built module, e.g. ``"workbench"``.
    answers : mapping of str to Answer
        What the page may ask, by verb.
    """

    def __init__(self, module: str, answers: Mapping[str, Answer]) -> None:
        self._answers = dict(answers)
        self._sending = threading.Lock()
        self._workers = ThreadPoolExecutor(max_workers=6, thread_name_prefix="imagine-answer")
        self._esm = built(f"{module}.js")
        self._css = built(f"{module}.css")
        super().__init__()
        self.on_msg(self._received)

    def tell(self, event: str, value: Any = None, buffers: Sequence[bytes | memoryview] = ()) -> None:
        """Tell the page that something has happened; may be called from any thread."""
        with self._sending:
            self.send({"event": event, "value": value}, list(buffers))

    def _received(self, _: Any, content: Mapping[str, Any], buffers: Sequence[memoryview]) -> None:
        self._workers.submit(self._answer, content, list(buffers))

    def _answer(self, content: Mapping[str, Any], buffers: Sequence[memoryview]) -> None:
        number, verb = content.get("id"), str(content.get("verb"))
        try:
            answer = self._answers.get(verb)
            if answer is None:
                raise ImagineError(f"The page asked for {verb!r}, which this version does not know: reload the page.")
            value = answer(content.get("given") or {}, buffers)
            reply = value if isinstance(value, Reply) else Reply(value)
            message, attached = {"id": number, "value": reply.value}, list(reply.buffers)
        except ImagineError as error:
            message, attached = {"id": number, "error": str(error)}, []
        except Exception as error:  # the page must get an answer whatever happens, and the person a sentence
            _log.exception("The question %r failed", verb)
            message, attached = {"id": number, "error": unexpected(error)}, []
        with self._sending:
            self.send(message, attached)


def unexpected(error: BaseException) -> str:
    """A sentence for what nobody has foreseen."""
    return f"Something went wrong that was not foreseen ({type(error).__name__}: {error}): try again, and report it if it stays."
