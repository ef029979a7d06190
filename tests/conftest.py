"""Fixtures that all tests share.

================ ===================================================================================================================
fixture          gives
================ ===================================================================================================================
shared_data      ``shared_data("zooscan")``: a folder of real data, or the test skips and says why
imagine_home     the IMAGINE_HOME of this test run, a temporary folder (set for every test)
starter_model    ``starter_model("zooscan")``: the starter bundle, trained once per run
browser          Chromium, for the tests of one module: it holds the event loop of its thread, so it must not outlive them
================ ===================================================================================================================
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import own_network
import pytest
from filelock import FileLock

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from imagine_kernels.models.bundle import ModelBundle

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
SHARED_DATA = ROOT.parent / "shared" / "data"
#: Besides the hub: folders and files here whose tests open a browser.
WITH_BROWSER = ("browser", "serving", "test_reports.py")
NETWORK = pytest.StashKey[ExitStack]()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With ``-n`` a folder of tests stays in one process, as its tests share servers and engines.

    What opens a browser stays together too; with the containers where it cannot have a network of its own.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Folders(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            part = _part(nodeid)
            return part if part not in WITH_BROWSER else "browser" if own_network.can_be_made() else "hub"

    return Folders(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """From the first test with a browser to the last one in a row this process has a network of its own."""
    stash = item.session.stash
    if NETWORK not in stash and _opens_browser(item) and own_network.can_be_made():
        stash[NETWORK] = ExitStack()
        stash[NETWORK].enter_context(own_network.own_network())
    try:
        return (yield)
    finally:
        if NETWORK in stash and not _opens_browser(nextitem):
            stash[NETWORK].close()
            del stash[NETWORK]


def _part(nodeid: str) -> str:
    """The folder or file right below this one that a test is in."""
    return nodeid.partition("::")[0].split("/")[1]


def _opens_browser(item: pytest.Item | None) -> bool:
    return item is not None and _part(item.nodeid) in WITH_BROWSER


@pytest.fixture(scope="session", autouse=True)
def imagine_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("imagine-home")
    os.environ["IMAGINE_HOME"] = str(home)
    for variable in ("IMAGINE_MODELS", "IMAGINE_SAMPLES"):
        os.environ.pop(variable, None)
    return home


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    def folder(name: str) -> Path:
        if not (SHARED_DATA / name).is_dir():
            pytest.skip(f"shared/data/{name} is absent")
        return SHARED_DATA / name

    return folder


@pytest.fixture(scope="session")
def starter_model(imagine_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], ModelBundle]:
    import imagine_kernels as ik
    from imagine_kernels.models.bundle import ModelBundle

    run = tmp_path_factory.getbasetemp()
    trained = (run.parent if "PYTEST_XDIST_WORKER" in os.environ else run) / "starter-models"

    def bundle(name: str) -> ModelBundle:
        folder = imagine_home / "models" / f"{name}-starter"
        if not folder.is_dir():
            trained.mkdir(exist_ok=True)
            with FileLock(trained / f"{name}.lock"):
                if not (trained / name).is_dir():
                    ik.use_case(name).train_starter(trained / name)
            shutil.copytree(trained / name, folder)
        return ModelBundle.load(folder)

    return bundle


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from chromium import CHROMIUM, chromium
    from playwright.sync_api import sync_playwright

    if not Path(CHROMIUM).exists():
        pytest.skip(f"there is no browser at {CHROMIUM}")
    with sync_playwright() as playwright, chromium(playwright) as browser:
        yield browser
