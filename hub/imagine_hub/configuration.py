"""All of the hub's configuration, in the order in which it is applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagine_hub.login import configure_login
from imagine_hub.network import configure_network
from imagine_hub.pages import configure_pages
from imagine_hub.services import configure_services
from imagine_hub.spawners import configure_spawner
from imagine_hub.state import configure_state
from imagine_hub.usage.events import configure_usage

if TYPE_CHECKING:
    from traitlets.config import Config

    from imagine_hub.settings import Settings


def configure(c: Config, settings: Settings, *, password: str | None, code: str | None = None) -> None:
    """Set everything; nothing is read back, appended or changed in place, so that twice gives the same as once."""
    configure_state(c, settings)
    configure_network(c, settings)
    configure_login(c, settings, password, code)
    configure_spawner(c, settings)
    configure_services(c, settings)
    configure_usage(c, settings)
    configure_pages(c, settings)
