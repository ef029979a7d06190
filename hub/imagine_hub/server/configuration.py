"""Configuration of a user's server, as functions on a bare ``Config``."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagine_hub.server.pages import choose_template, template_for

if TYPE_CHECKING:
    from traitlets.config import Config

MEGABYTE = 1024 * 1024

# Widgets import their code as modules from blobs, JupyterLab compiles schemas, and pictures travel as data.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline' blob:",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "frame-src 'self' data: blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "frame-ancestors 'none'",
    )
)


def configure_server(c: Config, values: Mapping[str, Any]) -> None:
    """Set up the server, its kernels and the apps.

    Parameters
    ----------
    c : Config
        The server's configuration; it is only set, never read.
    values : mapping
        ``encrypted``, ``kernel_idle_s`` [s], ``warm_apps``, ``message_mb`` [MB], as the hub gives them; defaults for what is missing.
    """
    configure_access(c, values)
    configure_kernels(c, values)
    configure_apps(c)


def configure_access(c: Config, values: Mapping[str, Any]) -> None:
    """Only logged-in people, nothing hidden, nothing from outside."""
    c.ServerApp.allow_unauthenticated_access = False
    c.ServerApp.tornado_settings = {
        "headers": {
            "Content-Security-Policy": CONTENT_SECURITY_POLICY,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
        },
        "xsrf_cookie_kwargs": {"samesite": "Lax", **({"secure": True} if values.get("encrypted") else {})},
        "websocket_max_message_size": int(values.get("message_mb", 256)) * MEGABYTE,
    }
    c.ContentsManager.allow_hidden = False
    c.FileContentsManager.delete_to_trash = False
    # JupyterLab would ask the network for news and for extensions: a ship has none.
    c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
    c.LabApp.news_url = None
    c.LabApp.app_settings_dir = str(Path(__file__).parent / "lab")
    c.LabApp.extension_manager = "readonly"
    # Looking for language servers starts Node, at each start of a server, to find none.
    c.LanguageServerManager.autodetect = False


def configure_kernels(c: Config, values: Mapping[str, Any]) -> None:
    """Stop kernels that nobody uses; one that computes, or whose page is open, goes on."""
    c.MappingKernelManager.cull_idle_timeout = int(values.get("kernel_idle_s", 1800))
    c.MappingKernelManager.cull_interval = 60
    c.MappingKernelManager.cull_busy = False
    # A kernel that is asked to end while it starts does not hear it; the whole hub would wait for it at Ctrl-C.
    c.KernelManager.shutdown_wait_time = 2.0
    c.MappingKernelManager.cull_connected = False
    # An app sends pictures as widget messages: the limits made for runaway printing would drop them.
    c.ZMQChannelsWebsocketConnection.iopub_data_rate_limit = 1e9
    c.ZMQChannelsWebsocketConnection.iopub_msg_rate_limit = 100_000.0
    c.ServerApp.jpserver_extensions = {"imagine_hub.server.extension": True}
    folders = warm_folders(Path(os.environ.get("JUPYTERHUB_ROOT_DIR", ".")), int(values.get("warm_apps", 0)))
    if folders:
        # Named and not imported: it comes with the library, and the hub does without that.
        c.ServerApp.kernel_manager_class = "imagine_kernels.apps.pool.WarmKernels"
        c.WarmKernels.folders = folders


def warm_folders(home: Path, number: int) -> list[str]:
    """Folders of notebooks whose apps get a kernel ahead: the first ones, so many; none where the library is missing."""
    if importlib.util.find_spec("imagine_kernels") is None:
        return []
    return sorted(path.parent.name for path in home.glob("*/identify.ipynb"))[:number]


def configure_apps(c: Config) -> None:
    """Voilà shows a page, never its code, and no traceback."""
    c.VoilaConfiguration.template = template_for("app.ipynb")
    c.VoilaConfiguration.prelaunch_hook = choose_template
    c.VoilaConfiguration.strip_sources = True
    c.VoilaConfiguration.show_tracebacks = False
    # The hook above writes the template into the notebook, over whatever stands there; an address cannot choose one.
    c.VoilaConfiguration.allow_template_override = "NOTEBOOK"
    c.VoilaConfiguration.allow_theme_override = "NO"
    # What an app shows comes through its kernel; a pattern that fits nothing closes the folder itself.
    c.VoilaConfiguration.file_allowlist = [r"^$"]
    c.VoilaConfiguration.progressive_rendering = False
    c.VoilaConfiguration.http_keep_alive_timeout = 10
