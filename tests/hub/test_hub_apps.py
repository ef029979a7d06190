"""The apps without a server of one's own: a real hub, real kernels, a real browser, and two people of whom one is curious."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import hub_running as running
import psutil
import pytest
from apps_running import APP, SERVICE, Person, kernels, message, until
from chromium import Watch
from imagine_hub.apps import messages
from playwright.sync_api import Browser, BrowserContext, expect
from tornado.httpclient import HTTPClientError

IDLE_S = 12
# What a kernel tells of itself: the app writes it into a file of its own.
TELL = """
import json, os, tempfile
from pathlib import Path
facts = {name: os.environ.get(name, "absent") for name in ("HOME", "IMAGINE_HOME", "CUDA_VISIBLE_DEVICES", "IMAGINE_HOME_URL")}
facts |= {"tokens": [name for name in os.environ if "TOKEN" in name or "JUPYTERHUB" in name], "pid": os.getpid(), "cwd": os.getcwd()}
facts |= {"tmp": tempfile.gettempdir()}
(Path(os.environ["IMAGINE_HOME"]) / "facts.json").write_text(json.dumps(facts))
"""


@pytest.fixture(scope="module")
def apps_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[running.Hub]:
    site = running.small_site(tmp_path_factory.mktemp("apps-site"))
    notebook = Path(site["IMAGINE_HUB_SERVERS_NOTEBOOKS"]) / "zooscan" / "identify.ipynb"
    value = json.loads(notebook.read_text(encoding="utf-8"))
    value["cells"].insert(0, {**value["cells"][0], "id": "facts", "source": TELL})
    notebook.write_text(json.dumps(value), encoding="utf-8")
    # The app itself, as it is installed.
    shutil.copytree(running.REPOSITORY / "notebooks" / "zooscan", notebook.parents[1] / "real")
    settings = {
        "IMAGINE_HUB_APPS_ENABLED": "true",
        "IMAGINE_HUB_APPS_WARM_KERNELS": "1",
        "IMAGINE_HUB_APPS_KERNELS_PER_USER": "2",
        "IMAGINE_HUB_APPS_KERNELS": "3",
        "IMAGINE_HUB_APPS_IDLE_MINUTES": str(IDLE_S / 60),
    }
    with running.start(tmp_path_factory.mktemp("apps-hub") / "state", settings=site | settings) as hub:
        yield hub


@pytest.fixture(scope="module")
def people(apps_hub: running.Hub) -> tuple[Person, Person]:
    return Person(apps_hub, "scientist"), Person(apps_hub, "colleague")


@pytest.fixture
def anna(people: tuple[Person, Person]) -> Iterator[Person]:
    yield people[0]
    people[0].close_all()


@pytest.fixture
def bruno(people: tuple[Person, Person]) -> Iterator[Person]:
    yield people[1]
    people[1].close_all()


@pytest.fixture
def context(browser: Browser, apps_hub: running.Hub) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(apps_hub.address)
    page.fill("#username_input", "scientist")
    page.fill("#password_input", apps_hub.password)
    page.click("#login_submit")
    page.wait_for_url("**/hub/home")
    yield context
    context.close()


# In the browser.


def test_a_person_without_a_server_opens_an_app_and_works(context: BrowserContext, apps_hub: running.Hub) -> None:
    page = context.pages[0]
    watch = Watch(page, apps_hub.address)
    page.reload()
    page.get_by_role("link", name="Apps", exact=True).click()
    page.wait_for_url(f"**{SERVICE}")
    assert page.get_by_role("heading", level=1).inner_text() == "Apps without a server"
    page.get_by_role("link", name="Identify: Zooplankton from ZooScan").click()
    page.click("text=Measure")
    expect(page.locator("text=measured 42")).to_be_visible()
    assert page.evaluate("document.cookie") == ""
    assert not any("jupyterhub-singleuser" in line or "jupyterhub.singleuser" in line for line in apps_hub.processes())
    pid = json.loads((apps_hub.state / "apps" / "scientist" / "imagine" / "facts.json").read_text())["pid"]
    assert psutil.pid_exists(pid)

    # Closing the tab ends the process, and another spare takes its place.
    page.close()
    until(lambda: not psutil.pid_exists(pid), 8)
    until(lambda: len(kernels(apps_hub.state)) == 1)
    watch.assert_clean()


def test_the_home_page_leads_to_the_app(context: BrowserContext, apps_hub: running.Hub) -> None:
    page = context.pages[0]
    page.get_by_role("link", name="Identify without a server: Zooplankton from ZooScan").click()
    page.wait_for_url(f"**{APP}")
    page.click("text=Measure")
    expect(page.locator("text=measured 42")).to_be_visible()
    # Another page in the same tab ends it just as well.
    pid = json.loads((apps_hub.state / "apps" / "scientist" / "imagine" / "facts.json").read_text())["pid"]
    page.goto(f"{apps_hub.address}/hub/home")
    until(lambda: not psutil.pid_exists(pid), 8)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_pages_fit(
    context: BrowserContext, apps_hub: running.Hub, anna: Person, scheme: Any, width: int, tmp_path: Path
) -> None:
    page = context.pages[0]
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    folder = Path(os.environ.get("IMAGINE_TEST_OUTPUT", tmp_path))
    anna.open()
    for name, address in (("home", "/hub/home"), ("apps", SERVICE)):
        page.goto(apps_hub.address + address)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.screenshot(path=folder / f"{name}-{width}-{scheme}.png", full_page=True)
    anna.open()
    page.goto(apps_hub.address + APP)
    expect(page.get_by_role("status")).to_contain_text("You have 2 apps open")
    page.screenshot(path=folder / f"full-{width}-{scheme}.png")
    page.get_by_role("button", name="Close all my apps").click()
    page.wait_for_url(f"**{SERVICE}")


# The attacks: colleague knows everything of scientist's kernel but her cookie.


def test_nothing_is_shown_without_a_login(apps_hub: running.Hub) -> None:
    with httpx.Client(base_url=apps_hub.address, timeout=60, trust_env=False, follow_redirects=True) as client:
        for path in ("", "voila/render/zooscan/identify.ipynb", "close", "anything"):
            answer = client.get(SERVICE + path)
            assert answer.url.path == "/hub/login" or answer.status_code in (403, 405), path
    assert kernels(apps_hub.state)


def test_after_the_logout_the_apps_are_closed_to_the_browser(apps_hub: running.Hub) -> None:
    person = Person(apps_hub, "colleague")
    kept = person.client.cookies.get("service-apps", path=SERVICE)
    person.client.get("/hub/logout")
    # Another person at the same computer does not come in with what the first has left behind.
    assert person.client.cookies.get("service-apps", path=SERVICE) == kept
    assert person.client.get(SERVICE).url.path == "/hub/login"


def test_another_persons_kernel_is_out_of_reach(anna: Person, bruno: Person, apps_hub: running.Hub) -> None:
    kernel, _ = anna.open()
    pid = anna.facts["pid"]
    token = bruno.token()
    headers = {"X-XSRFToken": token}
    for way in (bruno.client.get, bruno.client.delete):
        assert way(f"{SERVICE}api/kernels/{kernel}", headers=headers).status_code in (404, 405)
    assert bruno.client.delete(f"{SERVICE}api/kernels/{'0' * 32}", headers=headers).status_code == 404
    bruno.close_all()

    async def attack() -> None:
        with pytest.raises(HTTPClientError, match="404"):
            await bruno.connect(kernel)
        with pytest.raises(HTTPClientError, match="403"):
            await anna.connect(kernel, Origin="http://evil.example")
        connection = await anna.connect(kernel, Origin=apps_hub.address)
        connection.close()

    running.run_async(attack())
    assert psutil.pid_exists(pid)
    # And without the token of her page, not even her own cookie ends it.
    assert anna.client.delete(f"{SERVICE}api/kernels/{kernel}").status_code == 403
    assert psutil.pid_exists(pid)


@pytest.mark.parametrize(
    "path",
    [
        "api/kernels", "api/contents", "api/contents/zooscan", "api/terminals", "api/sessions", "api/kernelspecs", "lab", "tree",
        "files/zooscan/identify.ipynb", "voila/files/zooscan/identify.ipynb", "voila/render/zooscan/explore-and-train.ipynb",
        "voila/render/zooscan/report.ipynb", "voila/render/../../state/identify.ipynb", "voila/render/zooscan/identify.ipynb/x",
        "voila/render/%2e%2e/zooscan/identify.ipynb", "terminals/1", "api/shutdown", "voila/api/shutdown/1", "metrics",
    ],
)  # fmt: skip
def test_only_apps_have_an_address(anna: Person, path: str) -> None:
    answer = anna.client.get(SERVICE + path)
    assert answer.status_code == 404 or answer.url.path.startswith("/hub/")
    headers = {"X-XSRFToken": anna.token()}
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert anna.client.request(method, SERVICE + path, headers=headers, json={"name": "python3"}).status_code in (
            403,
            404,
            405,
        )


def test_code_of_ones_own_does_not_reach_a_kernel(anna: Person, apps_hub: running.Hub, tmp_path: Path) -> None:
    kernel, _ = anna.open()
    stolen = tmp_path / "stolen"
    code = {"code": f"open({str(stolen)!r}, 'w').write('x')", "silent": False, "store_history": False, "allow_stdin": False}
    hidden = message("execute_request", code).encode()
    attacks: list[str | bytes] = [
        *(message("execute_request", code, channel) for channel in ("shell", "control", "stdin", "iopub")),
        *(message(kind, code) for kind in ("complete_request", "inspect_request", "shutdown_request", "debug_request", "input_reply")),
        message("comm_msg", {"comm_id": "x", "data": {}}, "control"),
        message("comm_open", {"comm_id": "x", "target_name": "jupyter.widget", "data": {}}),
        # One message in the disguise of another.
        message("comm_msg", {"comm_id": "x", "data": {}}, msg_type="execute_request", code=code["code"]),
        message("execute_request", code, msg_type="comm_msg"),
        message("execute_request", code).replace('"msg_type"', '"msg_type": "comm_msg", "msg_type"'),
        struct.pack("!II", 1, 8) + hidden,
        struct.pack("!III", 2, 12, 12 + len(hidden)) + hidden + b"x",
        struct.pack("!I", 2**31) + hidden,
        "", "[]", "null", "{" * 5000, b"", b"\0" * 40, b"\xff" * 64,
    ]  # fmt: skip

    heard: list[dict[str, Any]] = []

    async def keep() -> None:
        connection = await anna.connect(kernel)
        for each in attacks:
            await connection.write_message(each, binary=isinstance(each, bytes))
        # What is answered last shows that all before it has been dealt with, and that the kernel is still well.
        await connection.write_message(message("kernel_info_request", {}))
        async with asyncio.timeout(20):
            kind = ""
            while kind != "kernel_info_reply":
                heard.append(json.loads(str(await connection.read_message())))
                kind = heard[-1]["msg_type"]
        connection.close()

    # Twice: a page whose connection has broken off comes back to the same kernel.
    running.run_async(keep())
    running.run_async(keep())
    assert {each["msg_type"] for each in heard} <= messages.TO_BROWSER
    assert not stolen.exists()
    assert "is not for browsers" in apps_hub.log()


def test_the_real_app_opens_nothing_of_another_person(anna: Person, bruno: Person, apps_hub: running.Hub) -> None:
    folders = apps_hub.state / "apps"
    bruno.open()
    kernel, _ = anna.open(APP.replace("zooscan", "real"))
    (model,) = set(re.findall(r'"model_id": "([0-9a-f]+)"', anna.page))
    wanted = [str(folders / "scientist"), str(folders / "colleague"), str(folders), str(apps_hub.state), "/etc"]

    async def ask() -> list[bool]:
        connection = await anna.connect(kernel)
        seen = []
        for number, path in enumerate(wanted):
            content = {"id": number, "verb": "browse", "given": {"path": path}}
            await connection.write_message(
                message("comm_msg", {"comm_id": model, "data": {"method": "custom", "content": content}})
            )
            async with asyncio.timeout(20):
                while True:
                    said = json.loads(str(await connection.read_message()))["content"].get("data", {}).get("content", {})
                    if said.get("id") == number:
                        break
            seen.append("not in a folder that may be opened here" not in said.get("error", ""))
        connection.close()
        return seen

    found: list[bool] = []

    async def keep() -> None:
        found.extend(await ask())

    running.run_async(keep())
    assert found == [True, False, False, False, False]


def test_what_a_kernel_sees_is_the_persons_own(anna: Person, bruno: Person, apps_hub: running.Hub) -> None:
    folder = apps_hub.state / "apps"
    for person in (anna, bruno):
        person.open()
        own = folder / person.name
        facts = person.facts
        assert (facts["HOME"], facts["IMAGINE_HOME"], facts["cwd"]) == (str(own), str(own / "imagine"), str(own))
        assert facts["tokens"] == []
        assert facts["CUDA_VISIBLE_DEVICES"] == ""
        assert facts["IMAGINE_HOME_URL"] == "/hub/home"
        assert own.stat().st_mode & 0o777 == folder.stat().st_mode & 0o777 == 0o700
        assert (own / "imagine" / "facts.json").stat().st_mode & 0o077 == 0
        assert facts["tmp"].startswith(str(folder / ".service"))
        assert Path(facts["tmp"]).is_dir()


# Limits and ends.


def test_limits_are_said_in_a_sentence(anna: Person, bruno: Person) -> None:
    anna.open()
    kernel, token = anna.open()
    answer = anna.client.get(APP)
    assert answer.status_code == 429
    assert "You have 2 apps open, and more cannot be open at a time" in answer.text

    bruno.open()
    answer = bruno.client.get(APP)
    assert answer.status_code == 429
    assert "All 3 places for apps are taken by people at work" in answer.text

    pid = anna.facts["pid"]
    gone = anna.client.delete(f"{SERVICE}api/kernels/{kernel}", headers={"X-XSRFToken": token})
    assert gone.status_code == 204
    until(lambda: not psutil.pid_exists(pid), 8)
    # The place is free a moment later, when nothing of the kernel is left.
    until(lambda: bruno.client.get(APP).status_code == 200, 8)


def test_a_page_that_vanishes_and_one_that_nobody_uses_lose_their_kernel(anna: Person, apps_hub: running.Hub) -> None:
    first, _ = anna.open()
    vanishing = anna.facts["pid"]
    second, _ = anna.open()
    idle = anna.facts["pid"]
    news = message("comm_msg", {"comm_id": "x", "data": {"method": "custom", "content": {"verb": "sync"}}})

    async def watch() -> None:
        gone, kept = await anna.connect(first), await anna.connect(second)
        gone.close()
        started = time.monotonic()
        # A page asks for news by itself; that is no use.
        while psutil.pid_exists(vanishing) or psutil.pid_exists(idle):
            assert time.monotonic() - started < 40
            if psutil.pid_exists(idle) and kept.close_code is None:
                kept.write_message(news)
            await asyncio.sleep(0.5)
        assert time.monotonic() - started > 5

    running.run_async(watch())
    assert "its page has gone" in apps_hub.log()
    assert "nobody uses it" in apps_hub.log()


def test_nothing_is_left_at_the_end_and_the_log_has_no_secrets(apps_hub: running.Hub, people: tuple[Person, Person]) -> None:
    people[1].open()
    assert len(kernels(apps_hub.state)) >= 1
    assert apps_hub.stop() == 0
    assert apps_hub.processes() == []
    assert kernels(apps_hub.state) == set()
    log = apps_hub.log()
    for person in people:
        secrets = [str(each.value) for each in person.client.cookies.jar if each.name in ("service-apps", "jupyterhub-hub-login")]
        assert len(secrets) == 2
        assert not any(secret in log for secret in secrets)
    assert " apps ERROR " not in log
