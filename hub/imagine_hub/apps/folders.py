"""Where the things of a person lie, and what a kernel sees of the world."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from imagine_hub.processes import RUN_VARIABLE

# What a kernel may know of the machine. Everything else stays out, above all the token with which the service speaks to the hub.
PASSED_ON = (
    "LANG",
    "LC_ALL",
    "TZ",
    "LD_LIBRARY_PATH",
    "VIRTUAL_ENV",
    "IMAGINE_MODELS",
    "IMAGINE_SAMPLES",
    "IMAGINE_USE_CASES",
    "IMAGINE_DATA",
    RUN_VARIABLE,
)
# Marks the kernels of this service, so that one that starts again finds those of its predecessor.
KERNEL_VARIABLE = "IMAGINE_APPS_KERNEL"


def folder_name(user: str) -> str:
    """The name of a person's folder: their own, with what no folder can be called quoted; no two people have the same."""
    name = quote(user, safe="@+")
    return f"%2E{name[1:]}" if name.startswith(".") else name


def make_private(folder: Path) -> Path:
    """A folder that only this system user can enter."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder


def of_person(apps: Path, user: str) -> Path:
    """The folder of a person, made if it is not there."""
    make_private(apps)
    folder = make_private(apps / folder_name(user))
    make_private(folder / "imagine")
    return folder


def personal(folder: Path) -> dict[str, str]:
    """The part of a kernel's environment that says whose it is."""
    return {"HOME": str(folder), "IMAGINE_HOME": str(folder / "imagine")}


class Workroom:
    """A kernel's own folder, from before it belongs to anybody until it ends: connection file, temporary files, an empty home."""

    def __init__(self, apps: Path, name: str) -> None:
        self.path = make_private(rooms(apps) / name)
        self.connection_file = self.path / "connection.json"
        for part in ("home", "tmp"):
            make_private(self.path / part)

    def environment(self, environ: Mapping[str, str], home_url: str) -> dict[str, str]:
        """All that a fresh kernel sees. Its home is empty: a kernel that nobody has been given reads nobody's things."""
        shared = self.path.parent.parent
        return {
            **{name: environ[name] for name in PASSED_ON if name in environ},
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), environ.get("PATH", os.defpath))),
            **personal(self.path / "home"),
            "TMPDIR": str(self.path / "tmp"),
            "IPYTHONDIR": str(shared / "ipython"),
            "JUPYTER_CONFIG_DIR": str(shared / "jupyter"),
            # The list of fonts is the same for everybody, and takes seconds to make.
            "MPLCONFIGDIR": str(shared / "matplotlib"),
            # Many kernels share this machine: its GPU is for servers and jobs.
            "CUDA_VISIBLE_DEVICES": "",
            "IMAGINE_HOME_URL": home_url,
            KERNEL_VARIABLE: str(shared),
        }

    def remove(self) -> None:
        """Take it away with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)


def rooms(apps: Path) -> Path:
    """The folder with the rooms of all kernels."""
    return apps / ".service" / "kernels"
