"""The command of the proxy: ``python -m imagine_hub.proxy``, as the hub or its launcher starts it."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from tornado.httpserver import HTTPServer
from tornado.ioloop import PeriodicCallback
from tornado.web import Application

from imagine_hub.proxy import __doc__ as description
from imagine_hub.proxy.application import front_of, make_proxy
from imagine_hub.proxy.certificate import Certificate, RedirectHandler

LOOK_AGAIN_MS = 30_000


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the proxy with the options that the hub gives."""
    parser = argparse.ArgumentParser(prog="imagine_hub.proxy", description=description)
    parser.add_argument("--ip", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--api-ip", default="127.0.0.1")
    parser.add_argument("--api-port", type=int, default=8001)
    parser.add_argument("--error-target")
    parser.add_argument("--log-level", default="info")
    parser.add_argument("--message-mb", type=int, default=256)
    parser.add_argument("--upload-mb", type=int, default=1024)
    parser.add_argument("--ssl-cert", type=Path)
    parser.add_argument("--ssl-key", type=Path)
    parser.add_argument("--redirect-port", type=int, default=0)
    parser.add_argument("--behind-tls", action="store_true")
    parser.add_argument("--host-routing", action="store_true")
    given = parser.parse_args(arguments)
    token = os.environ.get("CONFIGPROXY_AUTH_TOKEN")
    if not token:
        parser.error("CONFIGPROXY_AUTH_TOKEN is not set: without it anybody on this machine could change the routes.")
    logging.basicConfig(level=given.log_level.upper(), format="%(asctime)s proxy %(levelname)s %(message)s")
    options = {"log": logging.getLogger("proxy"), "auth_token": token, "host_routing": given.host_routing}
    certificate = Certificate(given.ssl_cert, given.ssl_key) if given.ssl_cert else None
    if given.error_target:
        # Without the second the package would look for its own error pages, and refuse both.
        options |= {"error_target": given.error_target, "error_path": None}

    async def serve() -> None:
        proxy = make_proxy(options, message_mb=given.message_mb, upload_mb=given.upload_mb, behind_tls=given.behind_tls)
        front_of(proxy, ssl_options=certificate.context if certificate else None).listen(given.port, given.ip)
        if certificate:
            PeriodicCallback(certificate.look_again, LOOK_AGAIN_MS).start()
            if given.redirect_port:
                Application([(r".*", RedirectHandler, {"port": given.port})]).listen(given.redirect_port, given.ip)
        HTTPServer(proxy.api_app).listen(given.api_port, given.api_ip)
        await asyncio.Event().wait()

    try:
        asyncio.run(serve())
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
