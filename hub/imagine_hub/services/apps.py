"""The apps for people without a server of their own; see `imagine_hub.apps`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from imagine_hub.apps.folders import PASSED_ON
from imagine_hub.apps.values import APPS_VARIABLE, Values
from imagine_hub.processes import RUN_VARIABLE
from imagine_hub.services.service import Service
from imagine_hub.settings import REPOSITORY
from imagine_hub.state import StateFolder

if TYPE_CHECKING:
    from imagine_hub.settings import Settings

NAME = "apps"


def apps(settings: Settings) -> Service | None:
    """The apps, if the settings want them; they may do nothing with the hub, and everybody who may log in may open them."""
    if not settings.apps.enabled:
        return None
    state = StateFolder(settings.state.path)
    environment = {
        **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
        "PYTHONPATH": str(REPOSITORY / "hub"),
        "IMAGINE_MODELS": str(state.models),
        "IMAGINE_SAMPLES": str(state.samples),
        RUN_VARIABLE: str(state.path),
        APPS_VARIABLE: Values.of(settings).write(),
    }
    return Service(
        {
            "name": NAME,
            "url": f"http://127.0.0.1:{settings.apps.port}",
            "command": [sys.executable, "-m", "imagine_hub.apps"],
            "environment": environment,
            # A part of the hub: nobody has to agree that it learns their name.
            "oauth_no_confirm": True,
        },
        ({"name": "user", "scopes": ["self", f"access:services!service={NAME}"]},),
    )
