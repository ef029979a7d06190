"""A hub with real containers for tests: sizes, groups, shared folders, and a machine that seems to have one GPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hub_running as running
from engine import Engine
from gpu_machine import H100, Machine

SIZES = f"""
[[profiles]]
name = "small"
title = "Small"
cpus = 0.8
memory_gb = 0.7

[[profiles]]
name = "large"
title = "Large"
words = "Identify whole cruises."
cpus = 1.5
memory_gb = 1.2
groups = ["plankton"]

[[profiles]]
name = "gpu"
title = "GPU"
words = "Fine-tune models."
cpus = 1
memory_gb = 1
gpus = 1
groups = ["gpu"]

[gpus]
uuids = ["{H100}"]

[groups]
plankton = ["scientist"]
gpu = ["scientist", "colleague"]
"""


def gpu_programs(folder: Path) -> Path:
    """A folder with the driver's program, and with the one that makes the engine believe that it can hand out GPUs."""
    Machine(folder)
    hook = folder / "nvidia-container-runtime-hook"
    hook.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    hook.chmod(0o755)
    return folder


def settings_of(engine: Engine, folder: Path) -> dict[str, str]:
    """Settings of a hub with containers, with a folder of data, and one for each of two groups."""
    (folder / "settings.toml").write_text(SIZES, encoding="utf-8")
    for name in ("data", "groups/plankton", "groups/others", "models"):
        (folder / "shared" / name).mkdir(parents=True)
        (folder / "shared" / name).chmod(0o777)
    (folder / "shared" / "data" / "scan.txt").write_text("a scan", encoding="utf-8")
    (folder / "site").mkdir()
    site = running.small_site(folder / "site")
    return {
        **site,
        **engine.settings(),
        "IMAGINE_HUB_CONTAINERS_READ_ONLY_MOUNTS": ",".join(engine.mounts(folder / "site" / "notebooks")),
        "IMAGINE_HUB_CONTAINERS_DATA": str(folder / "shared" / "data"),
        "IMAGINE_HUB_CONTAINERS_GROUPS": str(folder / "shared" / "groups"),
        "IMAGINE_HUB_CONTAINERS_MODELS": str(folder / "shared" / "models"),
        "IMAGINE_HUB_CONTAINERS_PROCESSES": "200",
        "IMAGINE_HUB_CONTAINERS_SHARED_MEMORY_MB": "256",
        "IMAGINE_HUB_SERVERS_WARM_APPS": "0",
    }


def record(engine: Engine, user: str) -> dict[str, Any]:
    """What the engine itself says of the container of a user."""
    found: dict[str, Any] = engine.client.inspect_container(f"imagine-{user}")
    return found


def inside(engine: Engine, user: str, *command: str) -> tuple[int, str]:
    """Run a command in the container of a user, as that user; returns its exit code and what it said."""
    client = engine.client
    job = client.exec_create(f"imagine-{user}", list(command))
    said = client.exec_start(job["Id"]).decode(errors="replace")
    return client.exec_inspect(job["Id"])["ExitCode"], said
