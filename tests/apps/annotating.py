"""What the tests of the annotate app share: its page, which stands in for the browser, and small media."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import soundfile

from imagine_kernels.apps.annotate import AnnotateApp
from imagine_kernels.widgets import part as parts
from imagine_kernels.widgets.part import Reply
from imagine_kernels.workflow import use_case

RNG = np.random.default_rng(11)


class Page:
    """Asks the app as the page does, through its part: by verb, with JSON, and hears what it is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, person: str = "anna", *, of: str = "zooscan") -> None:
        self._news = threading.Condition()
        self.told: list[tuple[str, Any]] = []
        self._answers: dict[int, tuple[dict[str, Any], list[bytes]]] = {}
        self._n = 0
        built = parts.built
        # The browser part is made by another tool; here only the kernel's side is tried.
        monkeypatch.setattr(parts, "built", lambda name: built(name) if (parts.STATIC / name).is_file() else "")
        monkeypatch.setenv("JUPYTERHUB_USER", person)
        self.person, self._environment = person, monkeypatch
        self.app = AnnotateApp(use_case(of))
        monkeypatch.setattr(self.app.part, "send", self._heard)

    def ask(self, verb: str, **given: Any) -> Any:
        """The answer, with its bytes as ``buffers`` where there are any; raises `Refused` with the sentence."""
        value, buffers = self.ask_for_bytes(verb, **given)
        assert not buffers
        return value

    def ask_for_bytes(self, verb: str, buffers: tuple[bytes, ...] = (), **given: Any) -> tuple[Any, list[bytes]]:
        self._environment.setenv("JUPYTERHUB_USER", self.person)
        with self._news:
            self._n += 1
            number = self._n
        question = json.loads(json.dumps({"id": number, "verb": verb, "given": given}))
        self.app.part._received(None, question, [memoryview(each) for each in buffers])
        with self._news:
            assert self._news.wait_for(lambda: number in self._answers, timeout=60), verb
            answer, data = self._answers.pop(number)
        if "error" in answer:
            raise Refused(answer["error"])
        return answer["value"], data

    def wait(self, event: str, holding: Callable[[Any], bool] = lambda _: True, timeout_s: float = 20) -> Any:
        until = time.monotonic() + timeout_s
        with self._news:
            while True:
                for name, value in reversed(self.told):
                    if name == event and holding(value):
                        return value
                assert self._news.wait(until - time.monotonic()), [name for name, _ in self.told]

    def upload(self, path: Path) -> str:
        """Send a file in parts; gives its token."""
        data = path.read_bytes()
        token = self.ask("upload-begin", name=path.name, size=len(data))["token"]
        for at in range(0, len(data), 1_000_000):
            self.ask_for_bytes("upload-part", (data[at : at + 1_000_000],), token=token, at=at)
        self.ask("upload-end", token=token)
        return str(token)

    def fetch(self, offered: dict[str, Any]) -> bytes:
        """A file that was offered."""
        data = b""
        while len(data) < offered["size"]:
            data += self.ask_for_bytes("download-part", token=offered["token"], at=len(data), size=100_000)[1][0]
        self.ask("download-end", token=offered["token"])
        return data

    def _heard(self, content: dict[str, Any], buffers: Any = None) -> None:
        text = json.loads(json.dumps(content, allow_nan=False))
        with self._news:
            if "event" in text:
                self.told.append((text["event"], text["value"]))
            else:
                self._answers[text["id"]] = (text, [bytes(each) for each in buffers or ()])
            self._news.notify_all()


class Refused(Exception):
    """The sentence that the person reads."""


def picture(path: Path, height: int = 60, width: int = 80) -> Path:
    """A picture like no other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), RNG.integers(0, 256, (height, width, 3), dtype=np.uint8))
    return path


def sound(path: Path, seconds: float = 2.0, rate: int = 8000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, RNG.normal(0, 0.1, int(seconds * rate)), rate)
    return path


def video(path: Path, n: int = 20) -> Path:
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for i in range(n):
            frame = av.VideoFrame.from_ndarray(np.full((120, 160, 3), 10 * i, dtype=np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def rectangle(*numbers: float) -> dict[str, Any]:
    return {"kind": "rectangle", "keyframes": [list(numbers or (10, 20, 30, 40))], "frames": []}


def new(number: str, medium: str, label: str = "Sponge", **more: Any) -> dict[str, Any]:
    """A new mark, as the page sends it."""
    given = [{"path": ["Biota", label], "annotator": "", "given_at": "", "confidence": None}] if label else []
    return {
        "id": number,
        "base": 0,
        "key": f"key-{number}",
        "medium": medium,
        "shape": rectangle(),
        "labels": given,
        "status": "validated",
        **more,
    }


__all__ = ["Page", "Refused", "Reply", "new", "picture", "rectangle", "sound", "video"]
