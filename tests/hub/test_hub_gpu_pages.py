"""Sizes and GPUs as people meet them: a real hub in a real browser, with a driver that a test can break."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from chromium import Watch
from gpu_hub import PASSWORD, GpuHub, gpu_hub, until
from gpu_machine import H100
from imagine_hub.settings import Settings
from imagine_hub.spawn_form import SizesForm
from playwright.sync_api import Browser, Page, expect


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GpuHub]:
    with gpu_hub(tmp_path_factory.mktemp("gpu-hub")) as hub:
        yield hub


@pytest.fixture
def hub(there: GpuHub) -> Iterator[GpuHub]:
    yield there
    there.inside.recover()
    there.machine.compute({H100: "80"})
    there.stop_all()


class Person:
    """Somebody with a browser of her own."""

    def __init__(self, browser: Browser, hub: GpuHub, name: str) -> None:
        self.hub, self.name = hub, name
        self.context = browser.new_context(viewport={"width": 1280, "height": 800})
        self.page = self.context.new_page()
        self.watch = Watch(self.page, hub.address)
        self.page.goto(f"{hub.address}/hub/login")
        self.page.fill("#username_input", name)
        self.page.fill("#password_input", PASSWORD)
        self.page.click("#login_submit")
        self.page.wait_for_url("**/hub/home")

    def go(self, path: str) -> Page:
        self.page.goto(f"{self.hub.address}{path}")
        return self.page

    def choose(self, title: str) -> None:
        """Choose a size on the page for starting, and start."""
        self.go(f"/hub/spawn/{self.name}?next=%2Fuser%2F{self.name}%2Fimagine%2Fnotice")
        self.page.get_by_role("radio", name=title).check()
        self.page.get_by_role("button", name="Start").click()

    def start(self, title: str) -> Page:
        """The same, and wait until the server is there; its notice is a page that is there at once."""
        self.choose(title)
        self.page.wait_for_url(f"**/user/{self.name}/imagine/notice", timeout=60_000)
        return self.page


@pytest.fixture
def people(browser: Browser, hub: GpuHub) -> Iterator[Any]:
    made: list[Person] = []

    def person(name: str) -> Person:
        made.append(Person(browser, hub, name))
        return made[-1]

    yield person
    for each in made:
        each.context.close()
    for each in made:
        each.watch.assert_clean()


# The page for starting


def test_each_sees_the_sizes_that_are_for_her(people: Any) -> None:
    carla, anna = people("carla"), people("anna")
    carla.go("/hub/spawn/carla")
    assert carla.page.get_by_role("radio").count() == 2
    page = anna.go("/hub/spawn/anna")
    assert page.locator(".hub-size__title").all_inner_texts() == ["Small", "Large <b>&", "GPU"]
    card = page.locator(".hub-size").nth(2)
    expect(card).to_contain_text("4 processors · 32 GB · 1 GPU")
    expect(card).to_contain_text("For members of gpu")
    expect(card).to_contain_text("1 of 1 GPU free.")
    expect(page.get_by_role("radio", name="Small")).to_be_checked()
    # The name of a radio button is its size, not the whole card; the rest describes it.
    expect(page.get_by_role("radio", name=re.compile("^GPU 4 processors"))).to_have_accessible_description(
        re.compile("Fine-tune models and identify video.")
    )


def wait_for_path(page: Page, start: str) -> None:
    """Wait until a page is there; the address of the form names the one wanted, too, behind its question mark."""
    page.wait_for_url(lambda url: urlsplit(url).path.startswith(start), timeout=60_000)


def test_where_one_wanted_to_go_is_kept_through_the_choice_which_is_kept_for_the_next_time(people: Any, hub: GpuHub) -> None:
    carla = people("carla")
    carla.page.get_by_role("link", name="All files (JupyterLab)").click()
    page = carla.page
    expect(page.get_by_role("heading", name="Which size of server?")).to_be_visible()
    # With the keyboard alone.
    page.get_by_role("radio", name="Small").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="Large")).to_be_checked()
    page.keyboard.press("Enter")
    wait_for_path(page, "/user/carla/lab")
    assert hub.options("carla") == {"profile": "large"}
    hub.stop_all()
    carla.go("/hub/spawn/carla")
    expect(page.get_by_role("radio", name="Large")).to_be_checked()


HOSTILE: list[Any] = [
    {"profile": "gpu"},
    {"profile": ["large"]},
    {"profile": {"name": "gpu", "groups": []}},
    {"profile": "x" * 1_000_000},
    {"profile": "../../etc", "image": "evil:1"},
]


def test_hostile_choices_over_the_interface_are_refused_and_not_kept(hub: GpuHub) -> None:
    for posted in HOSTILE:
        answer = hub.api("POST", "users/carla/server", {"user_options": posted})
        assert answer.status_code == 400, posted
        assert "There is no size" in answer.text
        assert len(answer.text) < 400
        assert not hub.options("carla")
    assert hub.api("GET", "users/carla").json()["servers"] == {}


def test_what_is_posted_beside_the_size_is_dropped(hub: GpuHub) -> None:
    posted = {
        "profile": "large",
        "image": "evil:1",
        "cmd": ["/bin/sh"],
        "volumes": {"/": "/host"},
        "gpus": 8,
        "more": "y" * 100_000,
    }
    assert hub.api("POST", "users/carla/server", {"user_options": posted}).status_code in (201, 202)
    until(lambda: hub.options("carla") == {"profile": "large"})


def test_a_form_that_was_changed_by_hand_is_answered_on_the_same_page(people: Any) -> None:
    carla = people("carla")
    carla.watch.expect(400)
    page = carla.go("/hub/spawn/carla")
    page.evaluate("document.querySelector('input[name=profile]:checked').value = 'gpu'")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("alert")).to_have_text("There is no size 'gpu' for you: choose one of small, large.")
    expect(page.get_by_role("radio", checked=True)).to_have_count(1)


def sizes_page(settings: Settings, *, groups: tuple[str, ...] = ("gpu",)) -> str:
    spawner = SimpleNamespace(
        user=SimpleNamespace(name="anna", groups=[SimpleNamespace(name=name) for name in groups]), name="", orm_spawner=None
    )
    # Where a browser is open, this thread has a loop already.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, SizesForm(settings)(spawner)).result()


def test_without_a_driver_the_size_with_a_gpu_says_why_and_others_can_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    settings = Settings().replace("servers", spawner="docker").replace("state", folder=str(tmp_path))
    found = sizes_page(settings)
    gpu = found[found.index('value="gpu"') :]
    assert re.match(r'value="gpu" required aria-describedby="size-gpu" disabled>', gpu)
    assert "This machine has no driver for GPUs (nvidia-smi is missing)" in gpu
    assert re.search(r'value="small"[^>]* checked>', found)
    # On Kubernetes the cluster knows which GPUs there are, not this machine.
    assert "disabled" not in sizes_page(settings.replace("servers", spawner="kubernetes"))


# The queue


def test_who_finds_no_gpu_free_waits_works_meanwhile_and_is_told_when_it_is_her_turn(people: Any, hub: GpuHub) -> None:
    anna, bruno = people("anna"), people("bruno")
    assert anna.start("GPU").url.endswith("/user/anna/imagine/notice")
    bruno.watch.expect(409)
    bruno.choose("GPU")
    page = bruno.page
    expect(page.get_by_role("alert")).to_contain_text("No GPU is free at the moment. You are next; expected wait: about")
    expect(page.get_by_role("radio", name="GPU")).to_be_checked()
    page.get_by_role("link", name="See the queue and what is free.").click()
    expect(page.get_by_role("heading", name="GPUs")).to_be_visible()
    expect(page.locator("#gpu-free")).to_contain_text("0 of 1 free; 1 waits.")
    expect(page.locator("#gpu-words")).to_contain_text(
        "You are next; expected wait: about 12 hours, if others keep theirs as long as usual."
    )
    expect(page.locator(".hub-devices")).to_contain_text("NVIDIA H100 80GB HBM3")
    # Who has it is nobody's business.
    assert "anna" not in page.inner_text("main")

    page.get_by_role("button", name="Start without a GPU meanwhile").click()
    wait_for_path(page, "/user/bruno/")
    assert hub.options("bruno") == {"profile": "small"}
    bruno.go("/hub/gpus")
    expect(page.locator("#gpu-words")).to_contain_text("You are next")

    hub.api("DELETE", "users/anna/server")
    until(lambda: not hub.allocator.holdings())
    bruno.go("/hub/home")
    expect(page.locator("#gpu-banner")).to_contain_text("A GPU is held for you")
    # He does not come: it is free for others, and he is told.
    until(lambda: hub.allocator.standing("bruno").free == 1)
    bruno.go("/hub/gpus")
    expect(page.locator("#gpu-words")).to_contain_text("A GPU was held for you and went to the next")


def test_a_held_gpu_is_taken_with_one_click_and_a_place_can_be_given_up(people: Any, hub: GpuHub) -> None:
    anna, bruno = people("anna"), people("bruno")
    anna.start("GPU")
    bruno.watch.expect(409)
    bruno.choose("GPU")
    page = bruno.go("/hub/gpus")
    page.get_by_role("button", name="Leave the queue").click()
    expect(page.locator("#gpu-words")).to_have_text("Your server has no GPU, and you wait for none.")
    assert hub.allocator.stock().waiting == 0
    bruno.choose("GPU")
    expect(page.get_by_role("alert")).to_be_visible()
    hub.api("DELETE", "users/anna/server")
    until(lambda: not hub.allocator.holdings())
    bruno.go("/hub/gpus")
    page.get_by_role("button", name="Start with a GPU").click()
    wait_for_path(page, "/user/bruno/")
    (holding,) = hub.allocator.holdings()
    assert (holding.user, holding.uuids) == ("bruno", (H100,))


def test_the_same_is_there_for_programs_and_nothing_is_changed_without_the_token_of_the_page(people: Any, hub: GpuHub) -> None:
    anna = people("anna")
    anna.watch.expect(403)
    page = anna.page
    found = page.evaluate(
        "fetch('/hub/api/gpus', {headers: {'X-XSRFToken': document.documentElement.dataset.xsrf}}).then(a => a.json())"
    )
    assert found["place"] is None
    assert found["gpus"] == []
    assert found["budgets"] == [{"whose": "You", "used_h": pytest.approx(0, abs=1), "limit_h": 20}]
    for path, body in (("/hub/gpus", "action=leave"), ("/hub/api/gpus", json.dumps({"lost": "x"}))):
        status = page.evaluate(
            "([path, body]) => fetch(path, {method: 'POST', body, headers: {'Content-Type': 'application/x-www-form-urlencoded'}})"
            ".then(a => a.status)",
            [path, body],
        )
        assert status == 403, path
    assert hub.api("GET", "gpus").status_code == 403


def test_reports_that_are_none_are_refused(people: Any, hub: GpuHub) -> None:
    anna = people("anna")
    anna.watch.expect(400)
    anna.start("GPU")
    send = (
        "body => fetch('/hub/api/gpus', {method: 'POST', body, headers: {'Content-Type': 'application/json', "
        "'X-XSRFToken': document.documentElement.dataset.xsrf}}).then(a => a.status)"
    )
    anna.go("/hub/home")
    for body in ("[]", '{"lost": 7}', "{}", '"x"', "nonsense"):
        assert anna.page.evaluate(send, body) == 400
    assert anna.page.evaluate(send, json.dumps({"lost": "<b>oh</b>\n" * 1000})) == 200
    (holding,) = hub.allocator.holdings()
    assert len(holding.lost) == 200
    anna.go("/hub/home")
    expect(anna.page.locator("#gpu-banner")).to_contain_text("Your server has lost its GPU (<b>oh</b> <b>oh</b>")


# Idle, and lost


def test_an_idle_gpu_is_announced_kept_on_demand_and_taken_back(people: Any, hub: GpuHub) -> None:
    anna = people("anna")
    anna.start("GPU")
    page = anna.go("/hub/home")
    expect(page.locator("#gpu-banner")).to_have_count(0)
    hub.machine.compute({H100: "0"})
    until(lambda: hub.allocator.holdings()[0].reason is not None)
    page.reload()
    banner = page.locator("#gpu-banner")
    expect(banner).to_contain_text("Your GPU is taken back in less than a minute, because it computes nothing")
    banner.get_by_role("button", name="Keep it").click()
    page.wait_for_url("**/hub/gpus")
    expect(page.locator("#gpu-words")).to_contain_text("Your server has 1 GPU since")
    assert hub.allocator.holdings()[0].reason is None
    # Nobody keeps it the second time.
    until(lambda: not hub.allocator.holdings())
    until(lambda: not hub.api("GET", "users/anna").json()["servers"])
    anna.go("/hub/home")
    expect(banner).to_contain_text("and its GPU taken back, because it has computed nothing for less than a minute.")
    expect(page.get_by_text("Your server is not running")).to_be_visible()
    assert "GPU of anna: taken back for reason 'idle'" in hub.log.read_text(encoding="utf-8")


def test_a_server_that_has_lost_its_gpu_says_so_everywhere_with_the_remedy(people: Any, hub: GpuHub) -> None:
    hub.inside.fail()
    dora = people("dora")
    page = dora.start("GPU")
    words = "Your server has lost its GPU (Failed to initialize NVML: Unknown Error): save your work, stop your server and start it again."
    until(lambda: hub.allocator.holdings()[0].lost != "")
    assert json.loads(page.inner_text("body"))["watched"] is True
    until(lambda: page.reload() is not None and json.loads(page.inner_text("body"))["kind"] == "lost")
    assert json.loads(page.inner_text("body"))["words"] == words
    assert f"The server of dora has lost its GPU {H100} (Failed to initialize NVML: Unknown Error)" in hub.log.read_text(
        encoding="utf-8"
    )
    dora.go("/user/dora/lab")
    expect(page.get_by_text("Your server has lost its GPU")).to_be_visible(timeout=60_000)
    dora.go("/hub/home")
    expect(page.locator("#gpu-banner")).to_contain_text(words)


@pytest.mark.parametrize("width", [1280, 390])
def test_the_pages_fit_the_screen(people: Any, width: int) -> None:
    anna = people("anna")
    anna.page.set_viewport_size({"width": width, "height": 844})
    for path in ("/hub/spawn/anna", "/hub/gpus"):
        anna.go(path)
        assert anna.page.evaluate("document.documentElement.scrollWidth") <= width
