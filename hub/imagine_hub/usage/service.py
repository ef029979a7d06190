"""The service of the figures: its page, CSV, report and gauges; the sampler runs in the same process."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlsplit

import jinja2
from jupyterhub.services.auth import HubOAuthCallbackHandler, HubOAuthenticated
from tornado import web
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

from imagine_hub.login.roles import ADMINISTRATORS, PEOPLE_SCOPE
from imagine_hub.pages import TEMPLATES
from imagine_hub.state import kept_secret
from imagine_hub.usage import metrics
from imagine_hub.usage.book import Book, Office, as_csv
from imagine_hub.usage.gpus import stock_now
from imagine_hub.usage.months import MonthError, check_month
from imagine_hub.usage.page import view
from imagine_hub.usage.places import Accounting
from imagine_hub.usage.privacy import Table
from imagine_hub.usage.report import ReportError, looking_back, make_report
from imagine_hub.usage.sampler import Sampler

#: What the hub tells this process of the settings, as JSON.
VARIABLE = "IMAGINE_USAGE_SERVICE"
# Reports for the same figures are the same; the last few are kept.
KEPT_REPORTS = 4
# Nothing runs in a report, and nothing is fetched for it.
REPORT_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"


@dataclass
class Desk:
    """What all handlers share.

    Attributes
    ----------
    office : Office
    sampler : Sampler
    token : str
        What a Prometheus server has to show.
    hub : str
        Address of the hub's pages, with a slash at its end.
    base : str
        Path above everything, with a slash at its end.
    """

    office: Office
    sampler: Sampler
    token: str
    hub: str
    base: str
    reports: dict[str, str] = field(default_factory=dict)
    making: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def book(self) -> Book:
        """All figures; read in a thread, so that other requests do not wait."""
        return await asyncio.to_thread(self.office.book)

    async def report(self, tables: Sequence[Table], month: str) -> str:
        """The report, one at a time: each is a kernel."""
        key = json.dumps([table.as_json() for table in looking_back(tables, month)], sort_keys=True)
        async with self.making:
            if key not in self.reports:
                page = await asyncio.to_thread(make_report, tables, month, self.office.accounting.title)
                while len(self.reports) >= KEPT_REPORTS:
                    del self.reports[next(iter(self.reports))]
                self.reports[key] = page
        return self.reports[key]


class Handler(HubOAuthenticated, web.RequestHandler):  # type: ignore[misc]
    """Who may see the figures: those whom the hub gives ``access:services!service=usage``."""

    def initialize(self, desk: Desk) -> None:
        """Take what all share."""
        self.desk = desk

    def set_default_headers(self) -> None:
        """As careful as the hub's pages, without inline scripts."""
        hub = urlsplit(self.settings["hub_pages"])
        ours = f"'self' {hub.scheme}://{hub.netloc}" if hub.netloc else "'self'"
        policy = (
            f"default-src 'none'; script-src {ours}; style-src {ours} 'unsafe-inline'; img-src {ours} data:; connect-src {ours}; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
        self.set_header("Content-Security-Policy", policy)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")
        # Figures of the running month, and whoever comes to this browser next, should not find them.
        self.set_header("Cache-Control", "no-store")
        self.clear_header("Server")

    def sees_running_month(self) -> bool:
        """Administrators do; so does everybody where figures of single people may be shown."""
        return self.administrates() or self.desk.office.accounting.smallest_group <= 1

    def administrates(self) -> bool:
        """Whether this person is an administrator."""
        return ADMINISTRATORS in (self.current_user.get("groups") or ())

    def month(self) -> str:
        """The month in the address, ``""`` if there is none."""
        text = self.get_query_argument("month", "")
        try:
            return check_month(text) if text else ""
        except MonthError as error:
            raise web.HTTPError(400, reason="Bad month") from error

    async def tables(self) -> tuple[Book, tuple[Table, ...]]:
        """The book, and what of it this person may see."""
        book = await self.desk.book()
        return book, book.visible(running=self.sees_running_month())

    def page(self, name: str, **values: Any) -> str:
        """A page of ours in the frame of the hub's."""
        user = self.current_user["name"]
        accounting = self.desk.office.accounting
        text: str = (
            self.settings["pages"]
            .get_template(name)
            .render(
                base_url=self.desk.hub,
                prefix=self.desk.base,
                logout_url=f"{self.desk.hub}logout",
                user=SimpleNamespace(name=user, escaped_name=quote(user)),
                site_title=accounting.title,
                docs_url=accounting.docs_url,
                parsed_scopes=(PEOPLE_SCOPE,) if self.administrates() else (),
                gives_gpus=bool(accounting.gpu_database),
                services=(SimpleNamespace(name="usage", href=self.settings["prefix"]),),
                xsrf_token="",
                **values,
            )
        )
        return text


class PageHandler(Handler):
    """The page with the figures of one month."""

    @web.authenticated
    async def get(self) -> None:
        """Show it."""
        book, tables = await self.tables()
        shown = view(tables, self.month())
        skipped = book.skipped if self.sees_running_month() else 0
        self.finish(self.page("usage.html", view=shown, skipped=skipped, reportable=shown.table is not None, problem=""))


class CsvHandler(Handler):
    """All months as CSV."""

    @web.authenticated
    async def get(self) -> None:
        """Send it as a file."""
        _, tables = await self.tables()
        self.set_header("Content-Type", "text/csv; charset=utf-8")
        self.set_header("Content-Disposition", 'attachment; filename="figures.csv"')
        self.finish(as_csv(tables))


class ReportHandler(Handler):
    """The report for the funder."""

    @web.authenticated
    async def get(self) -> None:
        """Make it, unless it is there, and send it."""
        _, tables = await self.tables()
        month = self.month() or (tables[-1].month if tables else "")
        try:
            page = await self.desk.report(tables, month)
        except ReportError as error:
            self.set_status(404 if not any(table.month == month for table in tables) else 503)
            self.finish(self.page("usage.html", view=view(tables, month), skipped=0, reportable=False, problem=str(error)))
            return
        self.set_header("Content-Security-Policy", REPORT_POLICY)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(page)


class MetricsHandler(web.RequestHandler):
    """Gauges for whoever shows the token of the state folder."""

    def initialize(self, desk: Desk) -> None:
        """Take what all share."""
        self.desk = desk

    async def get(self) -> None:
        """Send them."""
        given = self.request.headers.get("Authorization", "")
        if not secrets.compare_digest(given.encode(), f"Bearer {self.desk.token}".encode()):
            self.set_header("WWW-Authenticate", "Bearer")
            raise web.HTTPError(401)
        text = await asyncio.to_thread(self._text)
        self.set_header("Content-Type", metrics.CONTENT_TYPE)
        self.set_header("Cache-Control", "no-store")
        self.finish(text)

    def _text(self) -> bytes:
        accounting = self.desk.office.accounting
        sampler = self.desk.sampler
        return metrics.as_text(
            profiles=sampler.profiles, stock=stock_now(accounting), state=accounting.files.state, last_at=sampler.last_at
        )


def application(desk: Desk, prefix: str, public: str = "") -> web.Application:
    """The service below its prefix, such as ``/services/usage/``.

    Parameters
    ----------
    desk : Desk
    prefix : str
    public : str
        Address that people open, where the hub knows it.
    """
    loader = jinja2.FileSystemLoader([str(Path(__file__).with_name("templates")), str(TEMPLATES)])
    shared = {"desk": desk}
    return web.Application(
        [
            (prefix, PageHandler, shared),
            (f"{prefix}figures\\.csv", CsvHandler, shared),
            (f"{prefix}report", ReportHandler, shared),
            (f"{prefix}metrics", MetricsHandler, shared),
            (f"{prefix}oauth_callback", HubOAuthCallbackHandler),
        ],
        pages=jinja2.Environment(loader=loader, autoescape=True),
        hub_pages=desk.hub,
        prefix=prefix,
        cookie_secret=secrets.token_bytes(32),
        xsrf_cookie_kwargs={"httponly": True, "samesite": "Lax", "secure": public.startswith("https://")},
    )


async def serve(environ: dict[str, str]) -> None:
    """Listen, and sample, until the hub ends this process."""
    accounting = Accounting.from_json(environ[VARIABLE])
    base = environ.get("JUPYTERHUB_BASE_URL", "/")
    api, token = environ["JUPYTERHUB_API_URL"], environ["JUPYTERHUB_API_TOKEN"]

    async def fetch(path: str) -> bytes:
        headers = {"Authorization": f"token {token}", "Accept": "application/jupyterhub-pagination+json"}
        try:
            return (await AsyncHTTPClient().fetch(HTTPRequest(f"{api}/{path}", headers=headers))).body
        except HTTPClientError as error:
            raise OSError(f"the hub answered {error.code}") from error

    office = await asyncio.to_thread(Office, accounting)
    sampler = Sampler(office, fetch)
    desk = Desk(office, sampler, kept_secret(accounting.files.metrics_token), f"{accounting.hub_origin}{base}hub/", base)
    address = urlsplit(environ["JUPYTERHUB_SERVICE_URL"])
    app = application(desk, environ["JUPYTERHUB_SERVICE_PREFIX"], environ.get("JUPYTERHUB_PUBLIC_URL", ""))
    app.listen(address.port or 0, address.hostname or "127.0.0.1", xheaders=True)
    await sampler.run()


def main() -> None:
    """Run the service that the hub has started."""
    logging.basicConfig(level=logging.INFO, format="[usage %(asctime)s %(levelname)s] %(message)s")
    # Addresses with a code of a login in them are not for a log.
    logging.getLogger("tornado.access").setLevel(logging.ERROR)
    try:
        asyncio.run(serve(dict(os.environ)))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
