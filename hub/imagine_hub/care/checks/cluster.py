"""The machines behind the hub: spawner = "swarm" or "kubernetes"."""

from __future__ import annotations

import asyncio
from typing import Any

from imagine_hub.care.checks.engine import asked
from imagine_hub.care.finding import Finding, fine, problem, warning
from imagine_hub.settings import Settings

PATIENCE_S = 8


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
    seen, away = [], []
    for node in found:
        host, state = node["Description"]["Hostname"], node["Status"]["State"]
        use = node["Spec"].get("Availability", "active")
        seen.append(f"{host}: {state}" + ("" if use == "active" else f", {use}"))
        if state != "ready" or use != "active":
            away.append(host)
    if away:
        words = problem if len(away) == len(found) else warning
        return words(name, "; ".join(seen), f"See that the engine runs there; docker node update --availability active {away[0]}")
    return fine(name, "; ".join(seen))


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
