"""What runs beside the hub, each with the least that it may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagine_hub.login.roles import ADMIN_ROLE
from imagine_hub.services.apps import apps
from imagine_hub.services.culler import culler
from imagine_hub.services.gpus import gpu_watch
from imagine_hub.services.health import health
from imagine_hub.services.metrics import metrics
from imagine_hub.services.usage import usage

if TYPE_CHECKING:
    from traitlets.config import Config

    from imagine_hub.settings import Settings


def configure_services(c: Config, settings: Settings) -> None:
    """All services that the settings ask for, with their roles."""
    services = [service for make in (culler, apps, gpu_watch, health, usage, metrics) if (service := make(settings)) is not None]
    c.JupyterHub.services = [service.definition for service in services]
    c.JupyterHub.load_roles = [dict(ADMIN_ROLE)] + [role for service in services for role in service.roles]
