"""Which GPUs this machine has, as its driver names them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

PATIENCE_S = 20.0
_QUERY = ["--query-gpu=uuid,name,memory.total", "--format=csv,noheader,nounits"]
_USE = ["--query-gpu=uuid,utilization.gpu,memory.used", "--format=csv,noheader,nounits"]
_WHOLE = re.compile(r"GPU \d+: (?P<name>.+?) \(UUID: (?P<uuid>GPU-[0-9A-Za-z-]+)\)")
_PART = re.compile(r"\s+MIG (?P<name>\S+)\s+Device\s+\d+: \(UUID: (?P<uuid>MIG-[0-9A-Za-z/-]+)\)")
_PART_MEMORY = re.compile(r"\.(\d+)gb")


class Driver(StrEnum):
    """How it is with the driver."""

    READY = "ready"
    NONE = "no driver"
    BROKEN = "driver broken"
    EMPTY = "no GPU"


@dataclass(frozen=True)
class Gpu:
    """A GPU, or a part of one (MIG), that can be given to one server.

    Attributes
    ----------
    uuid : str
        As ``nvidia-smi -L`` prints it: numbers of devices change with every start of the machine.
    name : str
    memory_mb : int
        Memory [MiB]; 0 if nobody knows.
    """

    uuid: str
    name: str
    memory_mb: int


@dataclass(frozen=True)
class Inventory:
    """What may be given out, and one sentence where that is nothing, or less than the settings say."""

    driver: Driver
    gpus: tuple[Gpu, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Use:
    """How much one GPU does.

    Attributes
    ----------
    percent : int, optional
        Share of the time in which it computed [%]; None where the driver does not say, as for parts (MIG).
    memory_mb : int, optional
        Memory in use [MiB].
    """

    percent: int | None
    memory_mb: int | None


def look(uuids: Sequence[str] = ("auto",), *, program: str = "nvidia-smi") -> Inventory:
    """Ask the driver, and keep to what the settings allow.

    Parameters
    ----------
    uuids : sequence of str
        ``gpus.uuids`` of the settings: UUIDs, or "auto" for all that the driver shows.
    program : str
        The program of the driver.
    """
    named = [uuid for uuid in uuids if uuid != "auto"]
    found = _ask(program)
    if found.driver is Driver.NONE and named:
        # A hub in a container has no driver of its own; the engine beside it knows the GPUs by these names.
        return Inventory(Driver.READY, tuple(Gpu(uuid, "GPU", 0) for uuid in named))
    if found.driver is not Driver.READY or "auto" in uuids:
        return found
    kept = tuple(gpu for gpu in found.gpus if gpu.uuid in named)
    missing = [uuid for uuid in named if uuid not in {gpu.uuid for gpu in kept}]
    problem = (
        f"The driver does not show {', '.join(missing)}: correct gpus.uuids with what nvidia-smi -L prints." if missing else ""
    )
    return Inventory(Driver.READY if kept else Driver.EMPTY, kept, problem)


def use(*, program: str = "nvidia-smi") -> dict[str, Use]:
    """How much each GPU does now, by UUID; empty where the driver does not answer."""
    code, text = _run([program, *_USE])
    rows = [[part.strip() for part in line.split(",")] for line in text.splitlines()] if code == 0 else []
    return {row[0]: Use(_whole(row[1]), _whole(row[2])) for row in rows if len(row) == 3 and row[0].startswith("GPU-")}


def _ask(program: str) -> Inventory:
    code, text = _run([program, *_QUERY])
    if code is None:
        words = "This machine has no driver for GPUs (nvidia-smi is missing): install it, or offer sizes without a GPU."
        return Inventory(Driver.NONE, problem=words)
    if "No devices were found" in text:
        return Inventory(Driver.EMPTY, problem="The driver finds no GPU in this machine: offer sizes without one.")
    whole = _whole_gpus(text) if code == 0 else []
    if not whole:
        said = (text.strip().splitlines() or [f"exit code {code}"])[0]
        words = (
            f"The driver of the GPUs does not work (nvidia-smi says: {said}): restart this machine, or install its driver again."
        )
        return Inventory(Driver.BROKEN, problem=words)
    listed, listing = _run([program, "-L"])
    return Inventory(Driver.READY, tuple(_with_parts(whole, listing if listed == 0 else "")))


def _whole_gpus(text: str) -> list[Gpu]:
    found = []
    for line in text.splitlines():
        # A name may have a comma in it.
        uuid, _, rest = line.partition(",")
        name, _, memory = rest.rpartition(",")
        if uuid.startswith("GPU-"):
            found.append(Gpu(uuid.strip(), name.strip(), _whole(memory.strip()) or 0))
    return found


def _with_parts(whole: Sequence[Gpu], listing: str) -> list[Gpu]:
    """A GPU that is cut into parts is given out in these parts and not as a whole."""
    parts: dict[str, list[Gpu]] = {}
    above: tuple[str, str] | None = None
    for line in listing.splitlines():
        if found := _WHOLE.match(line):
            above = (found["uuid"], found["name"])
        elif above is not None and (found := _PART.match(line)):
            memory = _PART_MEMORY.search(found["name"])
            part = Gpu(found["uuid"], f"{above[1]}, part {found['name']}", int(memory[1]) * 1024 if memory else 0)
            parts.setdefault(above[0], []).append(part)
    return [each for gpu in whole for each in parts.get(gpu.uuid, [gpu])]


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


def _run(command: list[str]) -> tuple[int | None, str]:
    """Exit code and all that was printed; None where there is no such program."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=PATIENCE_S, check=False)
    except (FileNotFoundError, PermissionError):
        return None, ""
    except (OSError, subprocess.TimeoutExpired) as error:
        return 1, f"no answer within {PATIENCE_S:.0f} s" if isinstance(error, subprocess.TimeoutExpired) else str(error)
    return done.returncode, done.stdout + done.stderr
