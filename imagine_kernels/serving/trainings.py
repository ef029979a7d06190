"""Trainings as the contract of DEEPaaS shows them, over jobs that are on the disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from imagine_kernels.jobs import Job
from imagine_kernels.settings import writing

#: What DEEPaaS calls the states; its own words for waiting and running are the same.
STATUS = {"queued": "running", "running": "running", "done": "done", "failed": "error", "cancelled": "cancelled"}
_ARGUMENTS = "arguments.json"


def is_training(job: Job, use_case: str) -> bool:
    """Whether a job trains a model of that use case."""
    return job.command[:2] == ("train", use_case)


def keep_arguments(folder: Path, arguments: Mapping[str, Any]) -> None:
    """Note what the caller has asked for."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _ARGUMENTS).write_text(json.dumps(dict(arguments), ensure_ascii=False), encoding="utf-8")


def described(job: Job, folder: Path) -> dict[str, Any]:
    """A training: date, args, uuid and status as DEEPaaS has them, and beyond that the state of the job and how far it is."""
    file = folder / _ARGUMENTS
    arguments = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {"command": list(job.command)}
    done, total, what = job.progress
    record: dict[str, Any] = {
        "date": _local(job.submitted),
        "args": arguments,
        "uuid": job.id,
        "status": STATUS[job.state],
        "state": job.state,
        "progress": {"done": done, "total": total, "what": what},
    }
    if job.state in ("failed", "cancelled"):
        record["message"] = job.message
    if job.state == "done" and job.finished:
        record["result"] = {
            "output": job.result,
            "finish_date": _local(job.finished),
            "duration": str(datetime.fromisoformat(job.finished) - datetime.fromisoformat(job.submitted)),
        }
    return record


def _local(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")
