"""Where an app runs: the folders that a person can choose from, and the way back to the hub."""

from __future__ import annotations

import os
from pathlib import Path

from imagine_kernels import settings

DATA_FOLDERS_VARIABLE = "IMAGINE_DATA"


def folder_roots() -> list[tuple[str, Path]]:
    """The folders that a person may choose data from, with their names."""
    folders = settings.folders(DATA_FOLDERS_VARIABLE)
    return [
        ("Your folders", Path.home()),
        *((folder.name or str(folder), folder) for folder in folders),
        ("Imagine", settings.home()),
    ]


def home_url() -> str | None:
    """The home page of the hub; None where there is no hub."""
    given = os.environ.get("IMAGINE_HOME_URL")
    if given:
        return given
    base = os.environ.get("JUPYTERHUB_BASE_URL")
    return f"{base.rstrip('/')}/hub/home" if base else None


def desktop_url() -> str | None:
    """The page with napari on a desktop; None where this server has none."""
    return os.environ.get("IMAGINE_DESKTOP_URL") or None
