"""Listening: the socket, the start and the end of the REST service."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
from collections.abc import Callable, Sequence

from aiohttp import web

from imagine_kernels import catalog
from imagine_kernels.errors import SettingError
from imagine_kernels.serving.rest import Limits, make_app
from imagine_kernels.serving.service import Service
from imagine_kernels.usage import ORIGIN_VARIABLE


def run(
    names: Sequence[str],
    *,
    host: str,
    port: int,
    limits: Limits,
    model: str | None = None,
    ready: Callable[[str], None] = lambda address: None,
) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Parameters
    ----------
    names : sequence of str
        Use cases; all of them where it is empty.
    host, port
        Where to listen; port 0 takes a free one.
    limits : Limits
    model : str, optional
        Model of the use case.
    ready : callable, optional
        Called with the address once the service answers.

    Raises
    ------
    UnknownName
        There is no such use case or model.
    SettingError
        The port is in use, or the address is none of this machine.
    """
    services = [Service(name, model=model) for name in names or catalog.names()]
    if model is not None:
        services[0].workflow.model(model)
    os.environ[ORIGIN_VARIABLE] = "service"
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    with _listening(host, port) as listener:
        asyncio.run(_serve(make_app(services, limits), listener, host, limits, ready))


async def _serve(app: web.Application, listener: socket.socket, host: str, limits: Limits, ready: Callable[[str], None]) -> None:
    # A caller who goes away ends the work that was done for them.
    runner = web.AppRunner(app, handler_cancellation=True, access_log_format='%a "%r" %s %b %Tf s')
    await runner.setup()
    await web.SockSite(runner, listener).start()
    shown = f"[{host}]" if ":" in host else host
    ready(f"http://{shown}:{listener.getsockname()[1]}{limits.base_path.rstrip('/')}")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, stop.set)
    await stop.wait()
    await runner.cleanup()


def free_port(host: str, port: int) -> int:
    """`port` if it can be listened on, or a free one for 0.

    Raises
    ------
    SettingError
        The port is in use, or the address is none of this machine.
    """
    with _listening(host, port) as listener:
        return int(listener.getsockname()[1])


def _listening(host: str, port: int) -> contextlib.closing[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise SettingError(f"Port {port} of {host} is in use: choose another with --port, or 0 for a free one.") from None
        raise SettingError(f"{host}:{port} cannot be listened on ({error.strerror or error}): choose another address.") from None
    return contextlib.closing(listener)
