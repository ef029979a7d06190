"""The settings of the hub: one TOML file, read into frozen dataclasses.

Order of precedence: environment (``IMAGINE_HUB_<SECTION>_<KEY>``), then the file, then the defaults of the dataclasses, which are
the values that ``hub/settings.toml`` shows (a test holds the two together).
"""

from imagine_hub.settings.care import Health, Log, Usage
from imagine_hub.settings.people import USER_NAME, Login, Native, Oidc
from imagine_hub.settings.places import DEFAULT_FILE, REPOSITORY, Network, Site, State
from imagine_hub.settings.reading import (
    PASSWORD_VARIABLE,
    SETTINGS_VARIABLE,
    Settings,
    environment_name,
    read_settings,
)
from imagine_hub.settings.servers import Apps, Containers, Gpus, Kubernetes, Listing, Profile, Servers

__all__ = [
    "DEFAULT_FILE",
    "PASSWORD_VARIABLE",
    "REPOSITORY",
    "SETTINGS_VARIABLE",
    "USER_NAME",
    "Apps",
    "Containers",
    "Gpus",
    "Health",
    "Kubernetes",
    "Listing",
    "Log",
    "Login",
    "Native",
    "Network",
    "Oidc",
    "Profile",
    "Servers",
    "Settings",
    "Site",
    "State",
    "Usage",
    "environment_name",
    "read_settings",
]
