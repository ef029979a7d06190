"""Pods, volume claims and policies as a cluster would get them, against the published schemas of Kubernetes."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from imagine_hub.chart import configure_in_chart
from imagine_hub.settings import REPOSITORY, Settings, read_settings
from imagine_hub.spawners import configure_spawner
from imagine_hub.spawners.kubernetes import PodSpawner
from imagine_hub.state import StateFolder
from imagine_hub.usage.ledger import Ledger
from jupyterhub import orm
from jupyterhub.app import JupyterHub
from jupyterhub.auth import Authenticator
from jupyterhub.objects import Hub
from jupyterhub.spawner import SpawnException
from jupyterhub.user import User
from kubespawner import KubeSpawner
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool
from traitlets.config import Config

from imagine_kernels import __version__

KUBERNETES = REPOSITORY / "hub" / "kubernetes"
# The oldest and the newest release of Kubernetes whose schemas are there.
RELEASES = ("1.25", kubernetes_validate.latest_version())
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
HOSTILE: tuple[dict[str, Any], ...] = (
    {"image": "evil:1", "uid": 0, "privileged": True},
    {"profile": "small", "kubespawner_override": {"image": "evil:1", "privileged": True}},
    {"profile": "small", "profile-option-small--image": "evil", "profile-option-small--image--unlisted-choice": "evil:1"},
    {"profile": "small", "extra_resource_limits": {"nvidia.com/gpu": "8"}, "mem_limit": "1T", "service_account": "admin"},
    {"profile": "small", "volumes": [{"name": "host", "hostPath": {"path": "/"}}], "extra_pod_config": {"hostNetwork": True}},
)


@pytest.fixture
def settings() -> Settings:
    cluster = {"data_claim": "cruises", "models_claim": "models", "storage_class": "fast", "dask_gateway": "http://dask"}
    return Settings().replace("servers", spawner="kubernetes").replace("kubernetes", **cluster)


@pytest.fixture(autouse=True)
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration of a client, to a cluster that nothing here talks to."""
    file = tmp_path / "kubeconfig"
    named = {"clusters": {"cluster": {"server": "https://127.0.0.1:1"}}, "users": {"user": {}},
             "contexts": {"context": {"cluster": "here", "user": "here"}}}  # fmt: skip
    lists = {kind: [{"name": "here", **value}] for kind, value in named.items()}
    file.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "current-context": "here", **lists}), encoding="utf-8")
    monkeypatch.setattr("kubernetes_asyncio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(file))


@dataclass
class Made:
    """What the hub would send to the cluster for one start."""

    pod: dict[str, Any]
    claim: dict[str, Any]
    state: dict[str, Any]


def start(settings: Settings, name: str = "ada", groups: tuple[str, ...] = (), options: object = None) -> Made:
    """Go through a start as far as it goes without a cluster, with a user in a database."""
    return asyncio.run(_start(settings, name, groups, {} if options is None else options))


async def _start(settings: Settings, name: str, groups: tuple[str, ...], options: object) -> Made:
    with _asked(settings, name, groups, options) as spawner:
        await spawner.load_user_options()
        plain = spawner.api.api_client.sanitize_for_serialization
        return Made(plain(await spawner.get_pod_manifest()), plain(spawner.get_pvc_manifest()), spawner.get_state())


@contextmanager
def _asked(settings: Settings, name: str, groups: tuple[str, ...], options: object) -> Iterator[Any]:
    """The spawner of a user who has asked for a server."""
    c = Config()
    configure_spawner(c, settings)
    engine = create_engine("sqlite://", poolclass=StaticPool)
    orm.Base.metadata.create_all(engine)
    with Session(engine) as database:
        record = orm.User(name=name)
        record.groups = [orm.Group(name=group) for group in groups]
        database.add(record)
        database.commit()
        hub = Hub(public_host="", base_url="/hub/", ip="10.0.0.1", port=8081)
        user = User(record, {"config": c, "spawner_class": PodSpawner, "hub": hub, "base_url": "/"}, db=database)
        spawner = user.spawners[""]
        spawner.api_token = "made-for-this-start"
        spawner.user_options = options
        yield spawner


def test_a_start_and_an_end_are_noted_once(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings.replace("state", folder=str(tmp_path / "state"))
    StateFolder(settings.state.path).prepare()
    ends = iter([None, 137, 137])

    async def of_the_cluster(_: KubeSpawner) -> tuple[str, int]:
        return "10.0.0.5", 8888

    async def told(_: KubeSpawner) -> int | None:
        return next(ends)

    monkeypatch.setattr(KubeSpawner, "_start", of_the_cluster)
    monkeypatch.setattr(KubeSpawner, "poll", told)
    asyncio.run(_live(settings))
    ledger = Ledger.of(settings)
    started, stopped = ledger.marks()
    ledger.close()
    assert (started.action, started.profile, started.cpus, started.gpus) == ("start", "large", 4, 0)
    assert (stopped.action, stopped.reason) == ("stop", "exit code 137")


async def _live(settings: Settings) -> None:
    """Start a pod and ask three times whether it runs, which it does the first time."""
    with _asked(settings, "ada", (), {"profile": "large"}) as spawner:
        await spawner.load_user_options()
        assert await spawner._start() == ("10.0.0.5", 8888)
        assert [await spawner.poll() for _ in range(3)] == [None, 137, 137]


def container(made: Made) -> dict[str, Any]:
    (only,) = made.pod["spec"]["containers"]
    return dict(only)


def environment(made: Made) -> dict[str, Any]:
    return {item["name"]: item.get("value") for item in container(made)["env"]}


def documents(name: str) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all((KUBERNETES / name).read_text(encoding="utf-8")) if document]


def check(document: dict[str, Any]) -> None:
    for release in RELEASES:
        kubernetes_validate.validate(document, release, strict=True)


def test_pods_and_claims_are_what_kubernetes_publishes(settings: Settings) -> None:
    for profile, groups in (("small", ()), ("large", ()), ("gpu", ("gpu",))):
        made = start(settings, groups=groups, options={"profile": profile})
        check({"apiVersion": "v1", "kind": "Pod", **made.pod})
        check({"apiVersion": "v1", "kind": "PersistentVolumeClaim", **made.claim})


def test_the_schemas_refuse_what_is_wrong(settings: Settings) -> None:
    made = start(settings)
    container(made)["securityContext"]["readOnlyRootFileSystem"] = True
    wrong = {"apiVersion": "v1", "kind": "Pod", **made.pod}
    with pytest.raises(kubernetes_validate.ValidationError, match="readOnlyRootFileSystem"):
        check(wrong)


def test_a_size_has_its_limits_and_what_it_is_sure_of(settings: Settings) -> None:
    resources = container(start(settings, options={"profile": "large"}))["resources"]
    assert resources["limits"] == {"cpu": 4.0, "memory": 16 * 10**9}
    assert resources["requests"] == {"cpu": 1.0, "memory": 16 * 10**9}


def test_gpus_come_from_the_cluster(settings: Settings) -> None:
    made = start(settings, groups=("gpu",), options={"profile": "gpu"})
    assert container(made)["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert container(made)["image"] == settings.containers.gpu_image
    # The cluster sets it; a value of ours would take its place.
    assert "NVIDIA_VISIBLE_DEVICES" not in environment(made)
    assert made.pod["spec"]["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    plain = start(settings)
    assert "nvidia.com/gpu" not in str(container(plain)["resources"])
    assert environment(plain)["NVIDIA_VISIBLE_DEVICES"] == "void"


def test_nobody_is_root_and_nothing_can_be_raised(settings: Settings) -> None:
    made = start(settings)
    assert container(made)["securityContext"] == {
        "runAsUser": 1000,
        "runAsGroup": 100,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    spec = made.pod["spec"]
    assert spec["securityContext"] == {"fsGroup": 100, "fsGroupChangePolicy": "OnRootMismatch", "runAsNonRoot": True}
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert "hostPath" not in str(spec)
    open_root = start(settings.replace("containers", read_only=False))
    assert container(open_root)["securityContext"]["readOnlyRootFilesystem"] is False


def test_each_home_is_a_claim_and_the_rest_is_read_only_or_in_memory(settings: Settings) -> None:
    made = start(settings)
    assert made.claim["metadata"]["name"] == "imagine-home-ada"
    assert made.claim["spec"]["resources"]["requests"]["storage"] == str(20 * 10**9)
    assert made.claim["spec"]["storageClassName"] == "fast"
    volumes = {volume.pop("name"): volume for volume in made.pod["spec"]["volumes"]}
    assert volumes["home"] == {"persistentVolumeClaim": {"claimName": "imagine-home-ada"}}
    assert volumes["data"] == {"persistentVolumeClaim": {"claimName": "cruises", "readOnly": True}}
    assert volumes["shm"] == {"emptyDir": {"medium": "Memory", "sizeLimit": "1024Mi"}}
    mounts = {mount["mountPath"]: mount.get("readOnly", False) for mount in container(made)["volumeMounts"]}
    assert mounts == {"/home/jovyan": False, "/dev/shm": False, "/tmp": False, "/data": True, "/models": True}


def test_nothing_is_mounted_that_the_settings_do_not_name() -> None:
    made = start(Settings().replace("servers", spawner="kubernetes"))
    assert {mount["mountPath"] for mount in container(made)["volumeMounts"]} == {"/home/jovyan", "/dev/shm", "/tmp"}
    assert made.claim["spec"].get("storageClassName") is None
    assert "DASK_GATEWAY__ADDRESS" not in environment(made)


def test_a_server_is_told_what_it_has_to_know(settings: Settings) -> None:
    told = environment(start(settings))
    assert json.loads(told["IMAGINE_SERVER"])["warm_apps"] == settings.servers.warm_apps
    assert told["OMP_NUM_THREADS"] == "1"
    assert told["IMAGINE_MODELS"] == "/models"
    assert told["DASK_GATEWAY__ADDRESS"] == "http://dask"
    assert told["JUPYTERHUB_API_URL"] == "http://10.0.0.1:8081/hub/api"


def test_the_image_keeps_its_first_process(settings: Settings) -> None:
    assert container(start(settings)).get("command") is None
    assert container(start(settings))["args"] == ["python", "-m", "imagine_hub.server"]


@pytest.mark.parametrize("options", HOSTILE)
def test_only_the_size_is_read_of_what_is_posted(settings: Settings, options: dict[str, Any]) -> None:
    hostile, honest = start(settings, options=options), start(settings, options={"profile": "small"})
    assert _without_token(hostile.pod) == _without_token(honest.pod)
    assert hostile.claim == honest.claim


def _without_token(pod: dict[str, Any]) -> dict[str, Any]:
    (only,) = pod["spec"]["containers"]
    only["env"] = [item for item in only["env"] if "TOKEN" not in item["name"]]
    return pod


@pytest.mark.parametrize("options", [{"profile": "gpu"}, {"profile": "none such"}, {"profile": ["small"]}])
def test_a_size_for_others_is_refused(settings: Settings, options: object) -> None:
    with pytest.raises(SpawnException, match="There is no size"):
        start(settings, options=options)


def test_labels_say_whose_pod_it_is_whatever_the_name(settings: Settings) -> None:
    labels = start(settings).pod["metadata"]["labels"]
    assert (labels["imagine.user"], labels["imagine.profile"]) == ("ada", "small")
    odd = start(settings, name="7f0e@login.example.org")
    check({"apiVersion": "v1", "kind": "Pod", **odd.pod})
    check({"apiVersion": "v1", "kind": "PersistentVolumeClaim", **odd.claim})
    assert LABEL.fullmatch(odd.pod["metadata"]["labels"]["imagine.user"])
    assert LABEL.fullmatch(odd.claim["metadata"]["name"])
    assert odd.claim["metadata"]["name"] != start(settings, name="7f0e-login-example-org").claim["metadata"]["name"]


def test_a_restarted_hub_knows_the_size(settings: Settings) -> None:
    state = start(settings, options={"profile": "large"}).state
    assert state["profile_name"] == "large"
    assert state["pod_name"] == "imagine-ada"


def test_policies_are_what_kubernetes_publishes() -> None:
    found = documents("network-policy.yaml")
    assert [document["kind"] for document in found] == ["NetworkPolicy"] * 3
    for document in found:
        check(document)
        assert document["spec"]["podSelector"]["matchLabels"] == {"app.kubernetes.io/component": "singleuser-server"}


def test_policies_are_for_the_pods_that_are_made(settings: Settings) -> None:
    labels = start(settings).pod["metadata"]["labels"]
    wanted = documents("network-policy.yaml")[0]["spec"]["podSelector"]["matchLabels"]
    assert wanted.items() <= labels.items()


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "10.0.0.7", "172.20.0.1", "192.168.1.1", "100.64.0.1", "127.0.0.1", "fd00::1", "fe80::1"]
)
def test_no_pod_reaches_inner_networks_or_the_cloud_s_credentials(address: str) -> None:
    assert not _reached(address)


def test_the_internet_is_reached_only_by_its_own_policy() -> None:
    assert _reached("203.0.113.5")
    first, *_ = documents("network-policy.yaml")
    assert "ipBlock" not in str(first)


def _reached(address: str) -> bool:
    wanted = ipaddress.ip_address(address)
    blocks = [
        peer["ipBlock"]
        for document in documents("network-policy.yaml")
        for rule in document["spec"].get("egress", ())
        for peer in rule["to"]
        if "ipBlock" in peer
    ]
    return any(
        wanted in ipaddress.ip_network(block["cidr"])
        and not any(wanted in ipaddress.ip_network(part) for part in block.get("except", ()))
        for block in blocks
    )


def test_the_chart_s_values_are_traits_that_exist() -> None:
    (values,) = documents("values.yaml")
    classes = {"JupyterHub": JupyterHub, "Authenticator": Authenticator, "KubeSpawner": KubeSpawner}
    for name, traits in values["hub"]["config"].items():
        known = classes[name].class_traits(config=True)
        for trait, value in traits.items():
            # As the hub itself does it: of the right kind, or refused.
            known[trait]._validate(classes[name].__new__(classes[name]), value)
    names = values["hub"]["image"], *values["prePuller"]["extraImages"].values()
    assert [f"{image['name']}:{image['tag']}" for image in names] == [f"imagine-hub:{__version__}", f"imagine-cpu:{__version__}"]


def test_the_chart_s_settings_configure_the_hub(tmp_path: Path) -> None:
    (values,) = documents("values.yaml")
    file = tmp_path / "settings.toml"
    text = values["hub"]["extraFiles"]["settings"]["stringData"].replace("/srv/jupyterhub/imagine", str(tmp_path / "state"))
    file.write_text(text, encoding="utf-8")
    c = Config()
    c.JupyterHub.hub_bind_url = "http://:8081"
    settings = read_settings(file, {})
    configure_in_chart(c, settings)
    assert c.JupyterHub.spawner_class is PodSpawner
    assert c.JupyterHub.hub_bind_url == "http://:8081"
    assert c.Authenticator.allow_all is False
    assert "frame-ancestors 'none'" in c.JupyterHub.tornado_settings["headers"]["Content-Security-Policy"]
    assert settings.containers.image == f"imagine-cpu:{__version__}"
    assert settings.servers.idle_minutes * 60 == values["cull"]["timeout"]
    compile(values["hub"]["extraConfig"]["imagine"], "extraConfig", "exec")


def test_the_chart_lets_nobody_reach_the_cloud_s_credentials() -> None:
    (values,) = documents("values.yaml")
    rules = values["singleuser"]["networkPolicy"]["egressAllowRules"]
    assert values["singleuser"]["networkPolicy"]["enabled"]
    assert not any(rules[name] for name in ("cloudMetadataServer", "dnsPortsCloudMetadataServer", "privateIPs"))


def test_dask_workers_have_no_more_rights_than_servers() -> None:
    (values,) = documents("dask-gateway.yaml")
    backend = values["gateway"]["backend"]
    assert backend["image"]["tag"] == __version__
    for part in ("scheduler", "worker"):
        pod = {"containers": [{"name": part, "image": "imagine-cpu:1", **backend[part]["extraContainerConfig"]}]}
        check({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": part}, "spec": pod | backend[part]["extraPodConfig"]})
        assert backend[part]["extraPodConfig"]["securityContext"]["runAsNonRoot"] is True
        assert backend[part]["extraContainerConfig"]["securityContext"]["allowPrivilegeEscalation"] is False
    assert "apiToken" not in values["gateway"]["auth"]["jupyterhub"]
