"""Configuration of JupyterHub: reads the settings and applies them. To change something, edit settings.toml."""

import os
import sys
from pathlib import Path

HUB = Path(__file__).resolve().parent
sys.path.insert(0, str(HUB))

from imagine_hub.announcement import CODE_VARIABLE  # noqa: E402
from imagine_hub.configuration import configure  # noqa: E402
from imagine_hub.network import with_free_ports  # noqa: E402
from imagine_hub.settings import DEFAULT_FILE, PASSWORD_VARIABLE, SETTINGS_VARIABLE, read_settings  # noqa: E402

c = get_config()  # type: ignore[name-defined] # noqa: F821

# Taken out of the environment, so that neither the proxy nor a service inherits it.
password = os.environ.pop(PASSWORD_VARIABLE, None)
code = os.environ.pop(CODE_VARIABLE, None)
settings = with_free_ports(read_settings(Path(os.environ.get(SETTINGS_VARIABLE, DEFAULT_FILE))))
configure(c, settings, password=password, code=code)

# An operator's last word: files of the same kind as this one, in order of their names.
for drop_in in sorted((HUB / "settings.d").glob("*.py")):
    load_subconfig(str(drop_in))  # type: ignore[name-defined] # noqa: F821
