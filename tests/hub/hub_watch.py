"""What a page did that none of ours may do: load from elsewhere, fail, or complain."""

from __future__ import annotations

import re

from playwright.sync_api import ConsoleMessage, Page, Request, Response

# Voilà brings parts of JupyterLab 4.2 into a JupyterLab of a later release; both say so and go on.
ALLOWED_WARNINGS = re.compile(r"Unsatisfied version|No satisfying version")
# What a page has asked for when it is left: the browser no longer waits for the answer.
LEFT = "net::ERR_ABORTED"


class Watch:
    """What a page did that none of ours may do."""

    def __init__(self, page: Page, origin: str) -> None:
        self.origin = origin
        self.found: list[str] = []
        self.expected: set[int] = set()
        page.on("request", self._request)
        page.on("requestfailed", self._failed)
        page.on("response", self._response)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.found.append(f"script error: {error}"))

    def expect(self, status: int) -> None:
        """An answer with this status is part of the test."""
        self.expected.add(status)

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.origin, "data:", "blob:")):
            self.found.append(f"foreign request: {request.url}")

    def _failed(self, request: Request) -> None:
        if request.failure != LEFT:
            self.found.append(f"failed request: {request.method} {request.url}: {request.failure}")

    def _response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.expected:
            self.found.append(f"status {response.status}: {response.url}")

    def _console(self, message: ConsoleMessage) -> None:
        text = message.text
        if message.type != "error" or ALLOWED_WARNINGS.search(text):
            return
        if any(f"status of {status}" in text for status in self.expected):
            return
        self.found.append(f"console: {text}")
