"""What a user's server does besides serving: it starts the spare kernels, says when it is busy, and has a desktop where there is one."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jupyter_server.utils import url_path_join
from tornado.ioloop import PeriodicCallback

from imagine_hub.server.desktop.handlers import add_desktop
from imagine_hub.server.gpu import GpuWatch, NoticeHandler

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp
    from jupyter_server.services.kernels.kernelmanager import MappingKernelManager

# Jupyter Server counts every setting whose name ends like this when the hub asks for the last activity.
ACTIVITY = "imagine_last_activity"
EVERY_MS = 60_000


def note_busy_kernels(kernels: MappingKernelManager, settings: MutableMapping[str, Any]) -> None:
    """A kernel that computes is activity, even if it says nothing for hours: a training must not be stopped as idle.

    Parameters
    ----------
    kernels : MappingKernelManager
        The kernels of the server.
    settings : mapping
        The server's settings; the time is set there.
    """
    states = (getattr(kernels.get_kernel(name), "execution_state", "") for name in kernels.list_kernel_ids())
    if "busy" in states:
        settings[ACTIVITY] = datetime.now(UTC)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "imagine_hub.server.extension"}]


def _load_jupyter_server_extension(app: ServerApp) -> None:
    kernels = app.kernel_manager
    # Kept by the server, so that it lives as long.
    app.web_app.settings["imagine_busy_watch"] = watch = PeriodicCallback(
        lambda: note_busy_kernels(kernels, app.web_app.settings), EVERY_MS
    )
    app.io_loop.add_callback(watch.start)
    gpu = GpuWatch.of(os.environ)
    app.web_app.add_handlers(".*$", [(url_path_join(app.base_url, "imagine", "notice"), NoticeHandler, {"watch": gpu})])  # type: ignore[no-untyped-call]
    if gpu.uuids:
        app.web_app.settings["imagine_gpu_watch"] = looking = PeriodicCallback(gpu.check, EVERY_MS)
        app.io_loop.add_callback(looking.start)
        app.io_loop.add_callback(gpu.check)
    add_desktop(app, idle_s=kernels.cull_idle_timeout)
    # Spare kernels are started once everything else is there.
    begin = getattr(kernels, "begin", None)
    if begin is not None:
        app.io_loop.add_callback(begin)
