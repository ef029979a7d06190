"""Fixtures of the hub's tests.

===========  =======  =====================================================================================
fixture      scope    what it is
===========  =======  =====================================================================================
hub          session  a real hub, started by the launcher, with notebooks of three cells and two users
engine       session  a private container engine with an image of this machine's own files
containers   session  a real hub whose servers are containers of that engine
page         test     a page that fails the test on any foreign or failed request and on unknown console errors
logged_in    test     the same page after a login as ``scientist``
client       test     an HTTP client that follows no redirects by itself
clock        test     a time that only the test moves; ``make_allocator`` makes what gives out GPUs by it
===========  =======  =====================================================================================
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import container_hub
import engine as engines
import httpx
import hub_running as running
import pytest
from chromium import Watch
from gpu_clock import Clock
from imagine_hub.gpus.allocator import Allocator
from imagine_hub.settings import Gpus
from playwright.sync_api import Browser, Page


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return running.small_site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory, site: dict[str, str]) -> Iterator[running.Hub]:
    with running.start(tmp_path_factory.mktemp("hub") / "state", settings=site) as hub:
        yield hub


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return container_hub.gpu_programs(tmp_path_factory.mktemp("programs"))


@pytest.fixture(scope="session")
def engine(programs: Path) -> Iterator[engines.Engine]:
    with engines.running(programs=programs) as engine:
        yield engine


@pytest.fixture(scope="session")
def containers(engine: engines.Engine, programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[running.Hub]:
    folder = tmp_path_factory.mktemp("containers")
    settings = {**container_hub.settings_of(engine, folder), "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    with running.start(folder / "state", settings=settings, file=folder / "settings.toml") as hub:
        yield hub


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_allocator(tmp_path: Path, clock: Clock) -> Iterator[Callable[..., Allocator]]:
    made = []

    def allocator(*uuids: str, **rules: object) -> Allocator:
        new = Allocator(f"sqlite:///{tmp_path}/gpus.sqlite", Gpus(**rules), clock)  # type: ignore[arg-type]
        new.set_pool(uuids or ("GPU-one",))
        made.append(new)
        return new

    yield allocator
    for each in made:
        each.close()


@pytest.fixture
def watch(page: Page) -> Watch:
    watch: Watch = page.watch  # type: ignore[attr-defined]
    return watch


@pytest.fixture
def page(browser: Browser, hub: running.Hub) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    watch = Watch(page, hub.address)
    page.watch = watch  # type: ignore[attr-defined]
    yield page
    context.close()
    watch.assert_clean()


@pytest.fixture
def logged_in(page: Page, hub: running.Hub) -> Page:
    page.goto(hub.address)
    page.fill("#username_input", "scientist")
    page.fill("#password_input", hub.password)
    page.click("#login_submit")
    page.wait_for_url("**/hub/home")
    return page


@pytest.fixture
def client(hub: running.Hub) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=hub.address, timeout=60, trust_env=False) as client:
        yield client
