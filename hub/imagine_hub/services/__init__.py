"""What runs beside the hub, each with the least that it may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagine_hub.services.culler import culler

if TYPE_CHECKING:
    from traitlets.config import Config

    from imagine_hub.settings import Settings


def configure_services(c: Config, settings: Settings) -> None:
    """All services that the settings ask for, with their roles."""
    services = [service for make in (culler,) if (service := make(settings)) is not None]
    c.JupyterHub.services = [service.definition for service in services]
    c.JupyterHub.load_roles = [role for service in services for role in service.roles]
