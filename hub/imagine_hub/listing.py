"""The use cases that the home page shows: a JSON file that the library writes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagine_hub.errors import ListingError
from imagine_hub.state import write_private

# Which page of the user's server a notebook of a role opens in: an app, or the notebook itself.
_ROLES = (
    ("identify", "Identify", "voila/render"),
    ("annotate", "Annotate", "voila/render"),
    ("explore", "Notebook", "lab/tree"),
    ("report", "Report", "voila/render"),
)


@dataclass(frozen=True)
class Button:
    """One thing that a card opens: its words and the path inside the user's server."""

    role: str
    words: str
    path: str


@dataclass(frozen=True)
class Model:
    """The model in use, with what it reaches on data that it has not seen."""

    name: str
    recipe: str
    #: What the figure is, and what it was measured on: "Mean IoU on tiles it has not seen".
    measured: str
    value: float | None
    low: float | None
    high: float | None
    held_out: int | None

    @property
    def figures(self) -> str:
        """The held-out figures in one phrase; empty if the model has none."""
        if self.value is None:
            return ""
        words = f"{self.value:.2f}"
        if self.low is not None and self.high is not None:
            words += f" (95 % interval {self.low:.2f}–{self.high:.2f}"
            words += f", n = {self.held_out})" if self.held_out else ")"
        elif self.held_out:
            words += f" (n = {self.held_out})"
        return words


@dataclass(frozen=True)
class Card:
    """One use case on the home page."""

    name: str
    title: str
    sentence: str
    picture: Path | None
    model: Model | None
    buttons: tuple[Button, ...]


@dataclass(frozen=True)
class Listing:
    """What the home page shows; ``problem`` is one sentence where it could not be read."""

    cards: tuple[Card, ...] = ()
    style: Path | None = None
    problem: str = ""


class ListingFile:
    """The listing, read again whenever its file changes.

    Parameters
    ----------
    path : Path
        The JSON file. It may not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int] | None = None
        self._listing = Listing(problem="The list of use cases is being made: reload this page in a moment.")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ListingFile) and other.path == self.path

    def __hash__(self) -> int:
        return hash(self.path)

    def read(self) -> Listing:
        """The listing as it is now."""
        try:
            stat = self.path.stat()
            seen = (stat.st_mtime_ns, stat.st_size)
            if seen != self._seen:
                self._listing = parse(json.loads(self.path.read_text(encoding="utf-8")))
                self._seen = seen
        except FileNotFoundError:
            pass
        except (OSError, UnicodeDecodeError, json.JSONDecodeError, ListingError) as error:
            # The style of the last good listing stays, so that the sentence is shown in our own clothes.
            return Listing(style=self._listing.style, problem=f"The list of use cases cannot be read ({error}).")
        return self._listing

    def picture(self, name: str) -> Path | None:
        """The picture of a use case, if there is one."""
        for card in self.read().cards:
            if card.name == name and card.picture is not None and card.picture.is_file():
                return card.picture
        return None


def parse(value: Any) -> Listing:
    """Check and convert what ``imagine list --json`` writes.

    Raises
    ------
    ListingError
        A part is missing or not what it should be.
    """
    try:
        if "problem" in value:
            return Listing(problem=str(value["problem"]))
        cards = tuple(_card(item) for item in value["use_cases"])
        style = value.get("style")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ListingError(f"unexpected content: {type(error).__name__} {error}") from error
    return Listing(cards=cards, style=Path(style) if style else None)


def _card(item: Mapping[str, Any]) -> Card:
    notebooks: Mapping[str, str] = item["notebooks"]
    buttons = tuple(Button(role, words, f"{page}/{notebooks[role]}") for role, words, page in _ROLES if notebooks.get(role))
    return Card(
        name=str(item["name"]),
        title=str(item["title"]),
        sentence=str(item["sentence"]),
        picture=Path(item["picture"]) if item.get("picture") else None,
        model=_model(item["model"]) if item.get("model") else None,
        buttons=buttons,
    )


def _model(item: Mapping[str, Any]) -> Model:
    main = item.get("headline") or {"metric": "balanced_accuracy", "title": "balanced accuracy", "on": "objects"}
    figure = item.get("metrics", {}).get(main["metric"]) or {}
    value, low, high = (None if figure.get(key) is None else float(figure[key]) for key in ("value", "low", "high"))
    title = str(main["title"])
    measured = f"{title[:1].upper()}{title[1:]} on {main['on']} it has not seen"
    return Model(str(item["name"]), str(item.get("recipe") or ""), measured, value, low, high, item.get("n_held_out"))


def refresh(path: Path, command: Sequence[str], environ: Mapping[str, str], *, timeout_s: float = 60.0) -> Listing:
    """Run the command that lists the use cases and keep what it says.

    A command that fails leaves a sentence in the file, so that the home page can say it, unless there is a good listing already.

    Parameters
    ----------
    path : Path
        The file to write.
    command : sequence of str
        The command; a bare name is looked for beside this Python first.
    environ : mapping
        Its environment.
    timeout_s : float
        Seconds that it may take.
    """
    program = Path(sys.executable).parent / command[0]
    line = [str(program) if program.is_file() else command[0], *command[1:]]
    try:
        done = subprocess.run(line, env=dict(environ), capture_output=True, text=True, timeout=timeout_s, check=True)
        listing = parse(json.loads(done.stdout))
        text = done.stdout
    except (OSError, subprocess.SubprocessError, json.JSONDecodeError, ListingError) as error:
        said = (getattr(error, "stderr", None) or "").strip().splitlines()
        reason = said[-1] if said else str(error)
        listing = Listing(problem=f"The list of use cases could not be made: {' '.join(command)!r} said: {reason}")
        if path.exists():
            return listing
        text = json.dumps({"problem": listing.problem})
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_private(path, text)
    return listing
