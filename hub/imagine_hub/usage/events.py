"""JupyterHub's own events, start and stop of a server, in a private file that a new one follows every month."""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagine_hub.usage.months import month_of
from imagine_hub.usage.persons import Pseudonyms
from imagine_hub.usage.places import UsageFiles
from imagine_hub.usage.records import Mark

if TYPE_CHECKING:
    from traitlets.config import Config

    from imagine_hub.settings import Settings

SCHEMA = "https://schema.jupyter.org/jupyterhub/events/server-action"


class MonthlyFile(logging.Handler):
    """Writes each event as one line; what was written in an earlier month moves to a file with its name.

    Parameters
    ----------
    path : Path
        ``events.jsonl``; that of November 2026 becomes ``events-2026-11.jsonl``.
    """

    def __init__(self, path: Path) -> None:
        # A handler is compared and hashed while it is being made.
        self.path = path
        super().__init__()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MonthlyFile) and other.path == self.path

    def __hash__(self) -> int:
        return hash(self.path)

    def __deepcopy__(self, memo: dict[int, Any]) -> MonthlyFile:
        # Configurations are copied, and the lock of a handler cannot be.
        return self

    def emit(self, record: logging.LogRecord) -> None:
        """Write one event; one write of one line, so that a crash leaves whole lines."""
        try:
            self._turn(record.created)
            line = (self.format(record) + "\n").encode()
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(descriptor, line)
            finally:
                os.close(descriptor)
        except OSError:
            self.handleError(record)

    def _turn(self, now: float) -> None:
        try:
            written = month_of(self.path.stat().st_mtime)
        except FileNotFoundError:
            return
        if written < month_of(now):
            self.path.replace(of_month(self.path, written))


def of_month(path: Path, month: str) -> Path:
    """The file of an earlier month."""
    return path.with_name(f"{path.stem}-{month}{path.suffix}")


def read_events(path: Path, pseudonyms: Pseudonyms) -> list[Mark]:
    """The starts and stops of all files, in order; lines that are none are passed over."""
    found = []
    for file in (*sorted(path.parent.glob(f"{path.stem}-????-??{path.suffix}")), path):
        try:
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            continue
        found += [mark for line in lines if (mark := _mark(line, pseudonyms)) is not None]
    return sorted(found, key=lambda mark: mark.at)


def forget_events(path: Path, before: str) -> None:
    """Delete the files of months before this one."""
    for file in path.parent.glob(f"{path.stem}-????-??{path.suffix}"):
        if file.stem[-7:] < before:
            file.unlink(missing_ok=True)


def _mark(line: str, pseudonyms: Pseudonyms) -> Mark | None:
    try:
        event = json.loads(line)
        if event["__schema__"] != SCHEMA or event["action"] not in ("start", "stop"):
            return None
        # The logger writes the zone twice: 2026-11-03T10:00:05+00:00Z.
        at = datetime.fromisoformat(event["__timestamp__"].removesuffix("Z")).replace(tzinfo=UTC).timestamp()
        return Mark(at, pseudonyms.of(event["username"]), str(event["servername"]), event["action"], "hub")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def configure_usage(c: Config, settings: Settings) -> None:
    """Have JupyterHub write its events to the state folder."""
    path = UsageFiles(settings.state.path).events
    c.EventLogger.handlers = [MonthlyFile(path)] if settings.usage.enabled else []
