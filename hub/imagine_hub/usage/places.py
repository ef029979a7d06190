"""Where the figures lie in the state folder, and what of the settings they are made with."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagine_hub.gpus.desk import database_url, gives_gpus
from imagine_hub.state import StateFolder, folder_of_lines

if TYPE_CHECKING:
    from imagine_hub.settings import Settings


@dataclass(frozen=True)
class UsageFiles:
    """The paths of the figures inside the state folder.

    Attributes
    ----------
    state : Path
        The state folder.
    shared : Path, optional
        Where containers write their lines, if that is not in the state folder.
    """

    state: Path
    shared: Path | None = None

    @property
    def database(self) -> Path:
        """Who had a server when, how much it used, and the published figures; under pseudonyms."""
        return self.state / "usage.sqlite"

    @property
    def salt(self) -> Path:
        """Key of the pseudonyms. Whoever has it can tell who somebody is; without it nobody can."""
        return self.state / "usage_salt"

    @property
    def metrics_token(self) -> Path:
        """What a Prometheus server shows to read the gauges."""
        return self.state / "metrics_token"

    @property
    def events(self) -> Path:
        """Starts and stops of servers as JupyterHub reports them, this month; earlier months lie beside it."""
        return self.state / "events.jsonl"

    @property
    def lines(self) -> Path:
        """One folder per user, in which their container writes its lines."""
        return self.shared or StateFolder(self.state).usage

    @property
    def homes(self) -> Path:
        """Homes of the users, where servers are processes."""
        return StateFolder(self.state).homes

    @property
    def listing(self) -> Path:
        """The use cases that are known."""
        return StateFolder(self.state).listing


@dataclass(frozen=True, kw_only=True)
class Accounting:
    """What the figures are made with: a few settings. The address of a database may hold a password, so this goes into no log.

    Attributes
    ----------
    state : str
        The state folder.
    lines : str
        Where containers write their lines; ``""`` for the state folder.
    homes : str
        Folder of the homes of containers; ``""`` where they are volumes.
    left_out : tuple of str
        Users who are not counted: staff, and the account of the health check.
    spawner, engine : str
        How servers start, and where the container engine listens.
    hub_origin : str
        Where the hub's pages are, if that is another name than that of the service.
    gpu_database, gpu_rules : str
        Where the leases of GPUs are, ``""`` where none are given out, and section ``[gpus]`` as JSON.
    """

    state: str
    lines: str = ""
    homes: str = ""
    left_out: tuple[str, ...] = ()
    sample_s: int = 60
    smallest_group: int = 5
    keep_months: int = 36
    spawner: str = "local"
    engine: str = ""
    title: str = "IMAGINE"
    docs_url: str = ""
    hub_origin: str = ""
    gpu_database: str = dataclasses.field(default="", repr=False)
    gpu_rules: str = ""

    @classmethod
    def of(cls, settings: Settings) -> Accounting:
        """The ones of the settings."""
        return cls(
            state=str(settings.state.path),
            lines=str(folder_of_lines(settings)),
            homes=settings.containers.homes,
            left_out=tuple(sorted({*settings.usage.staff, *filter(None, [settings.health.user])})),
            sample_s=settings.usage.sample_s,
            smallest_group=settings.usage.smallest_group,
            keep_months=settings.usage.keep_months,
            spawner=settings.servers.spawner,
            engine=settings.containers.engine,
            title=settings.site.title,
            docs_url=settings.site.docs_url,
            gpu_database=database_url(settings) if gives_gpus(settings) else "",
            gpu_rules=json.dumps(dataclasses.asdict(settings.gpus), sort_keys=True),
            hub_origin=settings.network.subdomain_host.rstrip("/"),
        )

    @classmethod
    def from_json(cls, text: str) -> Accounting:
        """What :meth:`as_json` wrote."""
        values: Any = {name: tuple(value) if isinstance(value, list) else value for name, value in json.loads(text).items()}
        return cls(**values)

    def as_json(self) -> str:
        """For a process that cannot read the settings."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @property
    def files(self) -> UsageFiles:
        """Where everything lies."""
        return UsageFiles(Path(self.state), Path(self.lines) if self.lines else None)
