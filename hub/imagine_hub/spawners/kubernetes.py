"""A server is a pod in a cluster: the same sizes and prohibitions as in a container, with a volume claim for each home."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubespawner import KubeSpawner

from imagine_hub.spawners.container import GROUP_ID, HOME, USER_ID, image_of
from imagine_hub.spawners.sized import GIGABYTE, SURE_OF, Sized
from imagine_hub.spawners.values import SERVER_MODULE, SERVER_VARIABLE, server_values

if TYPE_CHECKING:
    from traitlets.config import Config

    from imagine_hub.settings import Profile, Settings

GPU = "nvidia.com/gpu"


class PodSpawner(Sized, KubeSpawner):  # type: ignore[misc]
    """One pod per server, of the size that was chosen."""

    async def load_user_options(self) -> None:
        """Look at what was asked and give the pod its size; KubeSpawner calls this before anything else of a start.

        Raises
        ------
        SpawnException
            There is no such size, or it is for others.
        """
        profile = self.take_profile()
        self.image = image_of(self.site, profile)
        # Memory cannot be lent: who is promised less than she may use is ended when the node is full.
        self.mem_guarantee = self.mem_limit
        self.cpu_guarantee = max(0.1, profile.cpus * SURE_OF)
        # The cluster hands GPUs out; a pod without one waits, and the progress page shows it.
        self.extra_resource_limits = {GPU: str(profile.gpus)} if profile.gpus else {}
        self.extra_resource_guarantees = dict(self.extra_resource_limits)
        self.tolerations = [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}] if profile.gpus else []
        self.extra_labels = labels(profile)

    async def _start(self) -> tuple[str, int]:
        # What KubeSpawner's start wraps; a start that fails is none.
        found: tuple[str, int] = await super()._start()
        profile = self.profile
        assert profile is not None  # taken when the start began
        await self.note_started(profile)
        return found

    async def stop(self, now: bool = False) -> None:
        """Delete the pod; the home stays."""
        try:
            await super().stop(now=now)
        finally:
            await self.ended("stopped")

    async def poll(self) -> int | None:
        """None while it runs, otherwise its exit code."""
        code: int | None = await super().poll()
        if code is not None:
            await self.ended(f"exit code {code}")
        return code

    def get_env(self) -> dict[str, Any]:
        """The environment, with what a program has to know of its size."""
        found: dict[str, Any] = super().get_env()
        profile = self.profile
        size = self.size_environment(profile) if profile is not None else {}
        if profile is not None and profile.gpus:
            # The cluster names the GPUs of a pod in this variable.
            size.pop("NVIDIA_VISIBLE_DEVICES")
        return {**found, **size}


def labels(profile: Profile) -> dict[str, str]:
    """What tells a pod of this hub from others; KubeSpawner fills the name in, as a label may have it."""
    return {"imagine.user": "{username}", "imagine.profile": profile.name}


def environment(settings: Settings) -> dict[str, str]:
    """The environment that is the same for every pod."""
    found = {
        "HOME": HOME,
        "IMAGINE_HOME": f"{HOME}/imagine",
        "JUPYTER_RUNTIME_DIR": "/tmp/jupyter",  # noqa: S108 - the pod's own, in memory
        # What lies in a home must not become part of the server.
        "PYTHONNOUSERSITE": "1",
        # KubeSpawner fills in names between braces; those of JSON are none.
        SERVER_VARIABLE: server_values(settings).replace("{", "{{").replace("}", "}}"),
    }
    if settings.kubernetes.models_claim:
        found["IMAGINE_MODELS"] = "/models"
    if settings.kubernetes.dask_gateway:
        found |= {"DASK_GATEWAY__ADDRESS": settings.kubernetes.dask_gateway, "DASK_GATEWAY__AUTH__TYPE": "jupyterhub"}
    return found


def volumes(settings: Settings) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Volumes of a pod, and where they are mounted: the home, what everybody reads, and what lies in memory.

    Returns
    -------
    volumes, mounts : list of dict
        As the API of Kubernetes has them.
    """
    containers, cluster = settings.containers, settings.kubernetes
    parts: list[tuple[str, dict[str, Any], str]] = [
        ("home", {"persistentVolumeClaim": {"claimName": "{pvc_name}"}}, HOME),
        ("shm", {"emptyDir": {"medium": "Memory", "sizeLimit": f"{containers.shared_memory_mb}Mi"}}, "/dev/shm"),  # noqa: S108
        ("tmp", {"emptyDir": {"medium": "Memory", "sizeLimit": f"{containers.temporary_mb}Mi"}}, "/tmp"),  # noqa: S108
    ]
    for name, claim in (("data", cluster.data_claim), ("models", cluster.models_claim)):
        if claim:
            parts.append((name, {"persistentVolumeClaim": {"claimName": claim, "readOnly": True}}, f"/{name}"))
    mounts = [
        {"name": name, "mountPath": path, **({"readOnly": True} if name in ("data", "models") else {})} for name, _, path in parts
    ]
    return [{"name": name, **source} for name, source, _ in parts], mounts


def configure_kubernetes(c: Config, settings: Settings) -> None:
    """Set up pods."""
    c.JupyterHub.spawner_class = PodSpawner
    c.Sized.site = settings
    c.Spawner.cmd = ["python", "-m", SERVER_MODULE]
    c.Spawner.args = []
    c.Spawner.ip = "0.0.0.0"  # noqa: S104 - all addresses of the pod; a network policy says who reaches it
    c.Spawner.port = 8888
    c.Spawner.notebook_dir = HOME
    c.Spawner.environment = environment(settings)
    c.KubeSpawner.namespace = settings.kubernetes.namespace
    c.KubeSpawner.pod_name_template = "imagine-{user_server}"
    c.KubeSpawner.image_pull_policy = "IfNotPresent"
    # Nobody names an image or another option: a size has one.
    c.KubeSpawner.profile_list = []
    _configure_home(c, settings)
    _configure_rights(c, settings)


def _configure_home(c: Config, settings: Settings) -> None:
    c.KubeSpawner.storage_pvc_ensure = True
    c.KubeSpawner.pvc_name_template = "imagine-home-{username}"
    c.KubeSpawner.storage_capacity = str(int(settings.kubernetes.home_gb * GIGABYTE))
    c.KubeSpawner.storage_access_modes = ["ReadWriteOnce"]
    c.KubeSpawner.storage_class = settings.kubernetes.storage_class or None
    # The files of a person outlive her account on the hub; an operator deletes the claim.
    c.KubeSpawner.delete_pvc = False
    found, mounts = volumes(settings)
    c.KubeSpawner.volumes = found
    c.KubeSpawner.volume_mounts = mounts


def _configure_rights(c: Config, settings: Settings) -> None:
    c.KubeSpawner.uid = USER_ID
    c.KubeSpawner.gid = GROUP_ID
    c.KubeSpawner.fs_gid = GROUP_ID
    c.KubeSpawner.privileged = False
    c.KubeSpawner.allow_privilege_escalation = False
    c.KubeSpawner.container_security_context = {
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": settings.containers.read_only,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    # A large home is not walked through at every start.
    c.KubeSpawner.pod_security_context = {"fsGroupChangePolicy": "OnRootMismatch", "runAsNonRoot": True}
    # A pod has no business with the API of the cluster, nor with the addresses of other services in its environment.
    c.KubeSpawner.automount_service_account_token = False
    c.KubeSpawner.extra_pod_config = {"enableServiceLinks": False}
