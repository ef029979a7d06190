"""How soon a server in a container can be used: one at a time, and four people at once.

    python benchmarks/spawn.py [--repeats N]

Writes ``benchmarks/results/spawn.md``. Taken from the moment in which the form is sent to the moment in which the server's first page has been
delivered, through the hub, its proxy and the log-in at the server. The image is the one of the tests: nothing has to be pulled, and its files are
those of this machine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "hub"), str(ROOT / "hub")]

import engine as engines  # noqa: E402  # the engine and the visitor of the hub's tests
import hub_running as running  # noqa: E402
from visitor import Visitor  # noqa: E402

OUT = ROOT / "benchmarks" / "results" / "spawn.md"
PEOPLE = ("anna", "bruno", "carla", "dario")
SIZE = '[[profiles]]\nname = "small"\ntitle = "Small"\ncpus = 2\nmemory_gb = 2\n'
TARGETS = {"one": 8.0, "four at once": 15.0}


def once(address: str, password: str, name: str) -> float:
    """Seconds until the server of one person can be used; it is stopped again."""
    with Visitor(address, name) as person:
        person.log_in(password)
        seconds = person.start("small")
        person.stop()
    return seconds


def measure(repeats: int) -> dict[str, list[float]]:
    """Seconds of each start, by how many there were at once."""
    with tempfile.TemporaryDirectory() as name, engines.running() as engine:
        folder = Path(name)
        (folder / "settings.toml").write_text(SIZE, encoding="utf-8")
        settings = {
            **running.small_site(folder),
            **engine.settings(),
            "IMAGINE_HUB_CONTAINERS_READ_ONLY_MOUNTS": ",".join(engine.mounts(folder / "notebooks")),
            "IMAGINE_HUB_LOGIN_USERS": ",".join(PEOPLE),
            "IMAGINE_HUB_SERVERS_WARM_APPS": "0",
        }
        with running.start(folder / "state", settings=settings, file=folder / "settings.toml") as hub:
            # The first one also fills the caches of the disk.
            once(hub.address, hub.password, PEOPLE[0])
            alone = [once(hub.address, hub.password, PEOPLE[0]) for _ in range(repeats)]
            together = []
            for _ in range(max(1, repeats // 2)):
                with ThreadPoolExecutor(len(PEOPLE)) as pool:
                    together += list(pool.map(lambda person: once(hub.address, hub.password, person), PEOPLE))
    return {"one": alone, "four at once": together}


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    taken = measure(parser.parse_args().repeats)
    lines = ["| servers | median, s | range, s | starts | target, s |", "|---|---|---|---|---|"]
    for name, seconds in taken.items():
        low, high = min(seconds), max(seconds)
        lines.append(
            f"| {name} | {statistics.median(seconds):.1f} | {low:.1f}–{high:.1f} | {len(seconds)} | ≤ {TARGETS[name]:.0f} |"
        )
    note = f"On {os.cpu_count()} cores, {datetime.now(UTC):%Y-%m-%d}; load average at the end {os.getloadavg()[0]:.1f}."
    OUT.write_text("\n".join(("# From the form to the first page of a server", "", *lines, "", note, "")), encoding="utf-8")
    print(OUT.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
