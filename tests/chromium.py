"""The browser of all tests, and what it watches for: for the tests, the pictures of the documentation and the benchmarks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlparse

from playwright.sync_api import Browser, Page, Playwright

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

#: Console messages that are known and harmless, each with its reason. Nothing of ours is in it.
ALLOWED_MESSAGES = (
    # Voilà brings parts of JupyterLab 4.2 into a JupyterLab of a later release; both say so and go on.
    "Unsatisfied version",
    "No satisfying version",
)
# What a page has asked for when it is left: the browser no longer waits for the answer.
LEFT = "net::ERR_ABORTED"


@contextmanager
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """The browser of the system, with nothing of its own reaching out."""
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    try:
        yield browser
    finally:
        browser.close()


@dataclass
class Watch:
    """Collects what a page must not do: ask elsewhere, fail, complain.

    Parameters
    ----------
    page : Page
    origin : str
        Scheme, host and port of the only server that may be asked.
    kinds : tuple of str
        Console messages that count as complaints.
    """

    page: Page
    origin: str
    kinds: tuple[str, ...] = ("error", "warning")
    foreign: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    expected: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.on("websocket", lambda socket: self._asked(re.sub(r"^ws", "http", socket.url)))
        self.page.on("requestfailed", lambda request: self._failed(f"{request.method} {request.url}", request.failure))
        self.page.on("response", lambda response: self._answered(response.status, response.url))
        self.page.on("console", lambda message: self._said(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))

    def expect(self, status: int) -> None:
        """An answer with this status is part of the test."""
        self.expected.add(status)

    def _asked(self, url: str) -> None:
        self.requests.append(url)
        parts = urlparse(url)
        if parts.scheme not in ("data", "blob", "about") and f"{parts.scheme}://{parts.netloc}" != self.origin:
            self.foreign.append(url)

    def _failed(self, what: str, why: str | None) -> None:
        if why != LEFT:
            self.failed.append(f"{what}: {why}")

    def _answered(self, status: int, url: str) -> None:
        if status >= 400 and status not in self.expected:
            self.failed.append(f"{status} {url}")

    def _said(self, kind: str, text: str) -> None:
        known = [*ALLOWED_MESSAGES, *(f"status of {status}" for status in self.expected)]
        if kind in self.kinds and not any(each in text for each in known):
            self.complaints.append(f"{kind}: {text}")

    def assert_clean(self) -> None:
        """Nothing foreign, nothing failed, no complaint."""
        found = [*(f"foreign: {url}" for url in self.foreign), *(f"failed: {each}" for each in self.failed), *self.complaints]
        assert not found, "\n".join(found)
