"""The service of the apps, as the hub starts it: ``python -m imagine_hub.apps``."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
from pathlib import Path

import jinja2
from jupyterhub.services.auth import HubOAuth
from tornado.httpserver import HTTPServer

from imagine_hub.apps.handlers import Site, application
from imagine_hub.apps.page import Apps
from imagine_hub.apps.pool import Kernels
from imagine_hub.apps.values import APPS_VARIABLE, Values
from imagine_hub.listing import ListingFile
from imagine_hub.state import StateFolder

HERE = Path(__file__).parent
# Somebody whose account was closed is out after so many seconds.
LOGIN_KEPT_S = 60


async def serve(values: Values) -> None:
    """Serve until somebody asks to end."""
    auth = HubOAuth.instance(cache_max_age=LOGIN_KEPT_S)
    hub_url = f"{auth.hub_host}{auth.hub_prefix}"
    kernels = Kernels(values, f"{hub_url}home")
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader([HERE / "templates", HERE.parent / "templates"]), autoescape=True
    )
    site = Site(
        values=values,
        kernels=kernels,
        apps=Apps(Path(values.notebooks), auth.base_url),
        listing=ListingFile(StateFolder(Path(values.state)).listing),
        templates=templates,
        hub_host=auth.hub_host,
        hub_url=hub_url,
        root_url=f"{auth.hub_host}{os.environ.get('JUPYTERHUB_BASE_URL', '/')}",
    )
    # Cookies of an earlier start are worth nothing; the hub knows its people, and lets them in again unseen.
    server = HTTPServer(application(site, auth, cookie_secret=secrets.token_bytes(32)), xheaders=True)
    server.listen(values.port, "127.0.0.1")
    kernels.begin()
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    try:
        await asked.wait()
    finally:
        server.stop()
        await kernels.finish()


def main() -> None:
    """Read what the hub says, and serve."""
    os.umask(0o077)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s apps %(levelname)s %(message)s")
    for noisy in ("traitlets", "asyncio", "tornado.application"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    asyncio.run(serve(Values.read(os.environ[APPS_VARIABLE])))


if __name__ == "__main__":
    main()
