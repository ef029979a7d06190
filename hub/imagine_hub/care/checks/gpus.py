"""The GPUs that profiles promise."""

from __future__ import annotations

import re
import subprocess

from imagine_hub.care.checks.engine import asked
from imagine_hub.care.finding import Finding, fine, problem
from imagine_hub.settings import Settings

PATIENCE_S = 8


def promised(settings: Settings) -> list[str]:
    """The profiles with GPUs of this machine; a process gets all that there is, and in a swarm labels say where they are."""
    return [profile.name for profile in settings.profiles if profile.gpus] if settings.servers.spawner == "docker" else []


def driver(settings: Settings) -> Finding | None:
    """It answers and shows GPUs."""
    names = ", ".join(promised(settings))
    if not names:
        return None
    found, reason = _shown()
    if not found:
        remedy = f"Install the driver, or take the profile {names} out of the settings: nobody can be given a GPU."
        return problem("driver of the GPUs", reason, remedy)
    return fine("driver of the GPUs", f"{len(found)}: {', '.join(found)}")


def named(settings: Settings) -> Finding | None:
    """Every one that the settings name is there."""
    wanted = [uuid for uuid in settings.gpus.uuids if uuid != "auto"]
    if not promised(settings) or not wanted:
        return None
    found, _ = _shown()
    if missing := [uuid for uuid in wanted if uuid not in found]:
        return problem(
            "GPUs of the settings",
            f"not on this machine: {', '.join(missing)}",
            "Correct gpus.uuids by what nvidia-smi -L prints.",
        )
    return fine("GPUs of the settings", f"all {len(wanted)} are there")


def runtime(settings: Settings) -> Finding | None:
    """The engine knows how to put one into a container."""
    if not promised(settings):
        return None
    with asked(settings) as client:
        if client is None:
            return None
        info = client.info()
    name = "GPUs in containers"
    known = sorted(info.get("Runtimes") or {})
    devices = [item.get("ID", "") for item in info.get("DiscoveredDevices") or ()]
    if "nvidia" in known or any(device.startswith("nvidia.com/") for device in devices):
        return fine(name, f"the engine knows NVIDIA's runtime ({', '.join(known)})")
    return problem(
        name,
        f"the engine does not know NVIDIA's runtime (it has {', '.join(known)})",
        "Install nvidia-container-toolkit, then: nvidia-ctk runtime configure --runtime=docker && systemctl restart docker",
    )


def _shown() -> tuple[list[str], str]:
    """UUIDs of whole GPUs and of their parts, or why there are none."""
    try:
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=PATIENCE_S)
    except FileNotFoundError:
        return [], "there is no nvidia-smi on this machine"
    except subprocess.TimeoutExpired:
        return [], f"nvidia-smi did not answer within {PATIENCE_S} s"
    found = re.findall(r"UUID: ((?:GPU|MIG)-[0-9A-Za-z/-]+)", done.stdout)
    said = (done.stdout + done.stderr).strip().splitlines()
    return found, "" if found else f"nvidia-smi shows none ({said[-1] if said else 'and says nothing'})"
