"""Configuration of a user's server: what it may do, and how the apps are shown."""

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from imagine_hub.server.configuration import configure_server

configure_server(get_config(), json.loads(os.environ.get("IMAGINE_SERVER", "{}")))  # type: ignore[name-defined] # noqa: F821
