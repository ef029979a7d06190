"""What the service of the apps is told by the hub: numbers and paths, no secrets."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imagine_hub.settings import Settings

# As JSON: a service gets none of the hub's own environment, which may hold a password for the database.
APPS_VARIABLE = "IMAGINE_APPS"


@dataclass(frozen=True, kw_only=True)
class Values:
    """The settings that matter here.

    Attributes
    ----------
    state, notebooks : str
        The state folder, and the folder of the installed notebooks.
    port : int
        Where to listen on 127.0.0.1.
    warm_kernels, kernels_per_user, kernels : int
        Kernels kept ready, and the most that one person and all together may have.
    idle_s : float
        After so many seconds without use an app is closed [s].
    message_mb : int
        Largest message of a websocket [MB].
    encrypted : bool
        Whether people come over TLS, so that cookies must not travel without.
    title, docs_url : str
        As on the hub's own pages.
    """

    state: str
    notebooks: str
    port: int
    warm_kernels: int = 2
    kernels_per_user: int = 3
    kernels: int = 12
    idle_s: float = 1200.0
    message_mb: int = 256
    encrypted: bool = False
    title: str = "IMAGINE"
    docs_url: str = ""

    @classmethod
    def of(cls, settings: Settings) -> Values:
        """The ones of the settings."""
        return cls(
            state=str(settings.state.path),
            notebooks=str(settings.servers.notebooks_path),
            port=settings.apps.port,
            warm_kernels=settings.apps.warm_kernels,
            kernels_per_user=settings.apps.kernels_per_user,
            kernels=settings.apps.kernels,
            idle_s=settings.apps.idle_minutes * 60,
            message_mb=settings.network.message_mb,
            encrypted=settings.network.encrypted,
            title=settings.site.title,
            docs_url=settings.site.docs_url,
        )

    @classmethod
    def read(cls, text: str) -> Values:
        """The ones that `write` has written."""
        return cls(**json.loads(text))

    def write(self) -> str:
        """As JSON."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @property
    def folder(self) -> Path:
        """Where everybody's uploads and results are kept."""
        return Path(self.state) / "apps"
