"""TLS of the proxy: its certificate, and the way to it from http://."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

from tornado.web import HTTPError, RequestHandler

from imagine_hub.proxy.names import HOST_NAME


class RedirectHandler(RequestHandler):
    """Sends http:// on to https://."""

    def initialize(self, port: int) -> None:
        """Take the port of the encrypted address."""
        self.port = port

    def prepare(self) -> None:
        """Whatever was asked for, at the same host; a name that is none is not repeated."""
        host = self.request.host_name
        if not HOST_NAME.fullmatch(host):
            raise HTTPError(400, "This is no host name.")
        port = "" if self.port == 443 else f":{self.port}"
        self.redirect(f"https://{host}{port}{self.request.uri}", status=308)


class Certificate:
    """The certificate and its key, read again when their files change, so that a renewal needs no restart."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self.certificate, self.key = certificate, key
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._seen = self._times()
        self.context.load_cert_chain(certificate, key)

    def _times(self) -> tuple[int, int]:
        return self.certificate.stat().st_mtime_ns, self.key.stat().st_mtime_ns

    def look_again(self) -> None:
        """Take up new files; half-written ones are left for the next time."""
        try:
            now = self._times()
            if now == self._seen:
                return
            # Tried on the side first: a context keeps half of what failed.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.certificate, self.key)
            self.context.load_cert_chain(self.certificate, self.key)
            self._seen = now
            logging.getLogger("proxy").warning("The certificate %s was renewed", self.certificate)
        except (OSError, ssl.SSLError) as error:
            logging.getLogger("proxy").error(
                "The certificate %s cannot be read (%s): the old one is used", self.certificate, error
            )
