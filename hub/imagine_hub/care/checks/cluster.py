"""The machines behind the hub: spawner = "swarm" or "kubernetes"."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import psutil

from imagine_hub.care.checks.engine import asked
from imagine_hub.care.finding import Finding, fine, problem, warning
from imagine_hub.errors import SettingsError
from imagine_hub.gpus.machines import LABEL, named
from imagine_hub.settings import Settings
from imagine_hub.spawners.overlay import check_settings

PATIENCE_S = 8
# The first release of the engine that passes these on to the containers of a service.
NO_NEW_PRIVILEGES, EXECUTABLE_TMP = 25, 27


def fit_for_a_swarm(settings: Settings) -> Finding | None:
    """The settings are such that servers on other machines find hub, home and image."""
    if settings.servers.spawner != "swarm":
        return None
    name = "settings for a swarm"
    try:
        check_settings(settings)
    except SettingsError as error:
        seen, _, remedy = str(error).rpartition(": ")
        return problem(name, seen, f"{remedy[0].upper()}{remedy[1:]}")
    return fine(name, f"servers reach the hub as {settings.network.hub_name}")


def shared_homes(settings: Settings) -> Finding | None:
    """The folder of the homes is there; whether other machines have the same one, nobody can see from here."""
    if settings.servers.spawner != "swarm" or not settings.containers.homes:
        return None
    name, folder = "homes of all machines", Path(settings.containers.homes)
    if not folder.is_dir():
        return problem(name, f"{folder} is not there", "Mount it here and on every machine of the swarm, under this path.")
    parts = [part for part in psutil.disk_partitions(all=True) if folder.resolve().is_relative_to(part.mountpoint)]
    kind = max(parts, key=lambda part: len(part.mountpoint)).fstype if parts else "unknown"
    return fine(name, f"{folder} is there ({kind}); see that every machine of the swarm has the same one under this path")


def nodes(settings: Settings) -> Finding | None:
    """Each machine of the swarm, and whether it takes servers."""
    import docker

    if settings.servers.spawner != "swarm":
        return None
    name = "machines of the swarm"
    with asked(settings) as client:
        if client is None:
            return None
        try:
            found: list[dict[str, Any]] = client.nodes()
        except docker.errors.APIError as error:
            return problem(
                name,
                f"this engine leads no swarm ({error.explanation or error})",
                "docker swarm init, then join the other machines.",
            )
    seen, away, old = [], [], []
    for node in found:
        release = node["Description"]["Engine"]["EngineVersion"]
        if int(release.partition(".")[0]) < EXECUTABLE_TMP:
            old.append(release)
        host, state = node["Description"]["Hostname"], node["Status"]["State"]
        use = node["Spec"].get("Availability", "active")
        seen.append(f"{host}: {state}" + ("" if use == "active" else f", {use}"))
        if state != "ready" or use != "active":
            away.append(host)
    if away:
        words = problem if len(away) == len(found) else warning
        return words(name, "; ".join(seen), f"See that the engine runs there; docker node update --availability active {away[0]}")
    if old:
        return warning(
            name,
            f"{'; '.join(seen)}; engines of release {', '.join(sorted(set(old)))}: what is in /tmp of a server cannot be executed"
            + (
                ", and no-new-privileges cannot be asked for"
                if any(int(one.partition(".")[0]) < NO_NEW_PRIVILEGES for one in old)
                else ""
            ),
            f'Take release {EXECUTABLE_TMP} or newer, or set "no-new-privileges": true in /etc/docker/daemon.json of each machine.',
        )
    return fine(name, "; ".join(seen))


def labelled_gpus(settings: Settings) -> Finding | None:
    """A size promises GPUs, and the labels of the machines say where they are."""
    import docker

    promised = [profile.name for profile in settings.profiles if profile.gpus]
    if settings.servers.spawner != "swarm" or not promised:
        return None
    name = "GPUs of the swarm"
    with asked(settings) as client:
        if client is None:
            return None
        try:
            found = {node["Description"]["Hostname"]: named(node) for node in client.nodes()}
        except docker.errors.APIError:
            # `nodes` says so.
            return None
    there = [uuid for uuids in found.values() for uuid in uuids]
    if missing := [uuid for uuid in settings.gpus.uuids if uuid != "auto" and uuid not in there]:
        return problem(
            name,
            f"no machine is labelled with {', '.join(missing)}",
            f"docker node update --label-add {LABEL}={missing[0]} MACHINE",
        )
    if not there:
        return problem(
            name,
            f"no machine has the label {LABEL}, but {', '.join(promised)} promises a GPU",
            f"docker node update --label-add {LABEL}=GPU-… MACHINE, with what nvidia-smi -L prints there.",
        )
    return fine(name, "; ".join(f"{host}: {', '.join(uuids)}" for host, uuids in found.items() if uuids))


def kubernetes(settings: Settings) -> Finding | None:
    """It answers, and has the namespace of the pods."""
    if settings.servers.spawner != "kubernetes":
        return None
    return asyncio.run(_kubernetes(settings.kubernetes.namespace))


async def _kubernetes(namespace: str) -> Finding:
    import aiohttp
    from kubernetes_asyncio import client, config

    name = "Kubernetes"
    try:
        config.load_incluster_config()  # type: ignore[no-untyped-call]
    except config.ConfigException:
        try:
            await config.load_kube_config()
        except (config.ConfigException, OSError) as error:
            return problem(
                name,
                f"there is neither an account of a pod nor a kubeconfig here ({error})",
                "Run this in the hub's pod, or set KUBECONFIG.",
            )
    async with client.ApiClient() as api:
        try:
            version = await client.VersionApi(api).get_code(_request_timeout=PATIENCE_S)
            # The hub's account may do this, and need not be allowed to see namespaces.
            pods = await client.CoreV1Api(api).list_namespaced_pod(namespace, limit=1000, _request_timeout=PATIENCE_S)
        except client.ApiException as error:
            return problem(
                name,
                f"it does not let this account list the pods of the namespace {namespace!r} ({error.status} {error.reason})",
                f"kubectl create namespace {namespace}, and give the hub's account its role in it.",
            )
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return problem(name, f"it does not answer ({error})", "See KUBECONFIG, and whether this machine reaches the cluster.")
    return fine(name, f"{version.git_version} answers; {len(pods.items)} pods in the namespace {namespace!r}")
