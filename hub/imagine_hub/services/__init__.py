"""What runs beside the hub, each with the least that it may do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from imagine_hub.login.roles import ADMIN_ROLE
from imagine_hub.services.apps import apps
from imagine_hub.services.culler import culler
from imagine_hub.services.gpus import gpu_watch
from imagine_hub.services.health import health
from imagine_hub.services.metrics import metrics
from imagine_hub.services.service import Service
from imagine_hub.services.usage import usage

if TYPE_CHECKING:
    from traitlets.config import Config

    from imagine_hub.settings import Settings


def configure_services(c: Config, settings: Settings) -> None:
    """All services that the settings ask for, with their roles."""
    services = [service for make in (culler, apps, gpu_watch, health, usage, metrics) if (service := make(settings)) is not None]
    c.JupyterHub.services = [_definition(service, settings) for service in services]
    c.JupyterHub.load_roles = [dict(ADMIN_ROLE)] + [role for service in services for role in service.roles]


def _definition(service: Service, settings: Settings) -> Mapping[str, Any]:
    """As JupyterHub wants it; it tells servers of its cookies' prefix by itself, and services not."""
    given = service.definition
    if not (settings.network.host_cookies and "url" in given):
        return given
    return {**given, "environment": {**given["environment"], "JUPYTERHUB_COOKIE_HOST_PREFIX_ENABLED": "1"}}
