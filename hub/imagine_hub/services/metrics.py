"""What a Prometheus server may do: read the gauges of the hub, and those of the figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagine_hub.services.service import Service
from imagine_hub.state import kept_secret
from imagine_hub.usage.places import UsageFiles

if TYPE_CHECKING:
    from imagine_hub.settings import Settings

NAME = "metrics"
SCOPES = ("read:metrics",)


def metrics(settings: Settings) -> Service | None:
    """A service without a process: one token, in the state folder, opens both pages of gauges and nothing else."""
    if not settings.usage.enabled:
        return None
    token = UsageFiles(settings.state.path).metrics_token
    token.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Service(
        {"name": NAME, "api_token": kept_secret(token), "display": False},
        ({"name": NAME, "scopes": list(SCOPES), "services": [NAME]},),
    )
