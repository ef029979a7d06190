"""A real hub where every user has a name, and so an origin, of their own: a browser, two people, and what one tries on the other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import hub_running as running
import nbformat
import pytest
from certificates import write_certificate
from chromium import Watch
from imagine_hub.care.hub_client import connected
from imagine_hub.network import free_port
from imagine_hub.settings import Settings
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Browser, BrowserContext, Page, expect

# Browsers take every name that ends so for this machine.
NAME = "hub.localhost"
REPORT = "/user/scientist/voila/render/zooscan/report.ipynb"
SECRET = "a count that nobody else may see"

# What a page of one person tries on the hub and on the server of another who looks at it.
ATTACK = """
(async () => {
  const found = {};
  const read = async (name, url, options) => {
    try {
      const answer = await fetch(url, { credentials: "include", ...options });
      found[name] = `${answer.status} ${await answer.text()}`;
    } catch (error) { found[name] = "blocked"; }
  };
  const HUB = "%(hub)s", OTHER = "%(other)s";
  for (const path of ["/hub/api/user", "/hub/home", "/hub/token"]) {
    await read(path, HUB + path, {});
    await read(path + " blind", HUB + path, { mode: "no-cors" });
  }
  for (const path of ["/user/colleague/api/contents/secret.txt", "/user/colleague/files/secret.txt", "/user/colleague/lab"]) {
    await read(path, OTHER + path, {});
    await read(path + " blind", OTHER + path, { mode: "no-cors" });
  }
  await read("token", HUB + "/hub/api/users/colleague/tokens", { method: "POST", mode: "no-cors", body: "{}" });
  await read("stop", HUB + "/hub/api/users/colleague/server", { method: "DELETE" });
  await read("kernel", OTHER + "/user/colleague/api/kernels", { method: "POST", mode: "no-cors", body: '{"name": "python3"}' });
  // Under one's own name there is nothing of the hub's but style and sign.
  await read("own name", "/hub/api/user", {});
  found.socket = await new Promise((say) => {
    const socket = new WebSocket(OTHER.replace("https", "wss") + "/user/colleague/api/events/subscribe");
    socket.onopen = () => say("open");
    socket.onerror = () => say("blocked");
  });
  const frame = document.createElement("iframe");
  frame.src = HUB + "/hub/home";
  document.body.append(frame);
  await new Promise((say) => { frame.onload = say; setTimeout(say, 3000); });
  try { found.frame = frame.contentDocument ? frame.contentDocument.body.innerText : "blocked"; } catch (error) { found.frame = "blocked"; }
  try { found.cookie = document.cookie; } catch (error) { found.cookie = ""; }
  try { document.cookie = "jupyterhub-session-id=taken; path=/; domain=%(name)s"; } catch (error) { /* in a sandbox */ }
  const said = document.createElement("pre");
  said.id = "found";
  said.textContent = JSON.stringify(found);
  document.body.append(said);
})();
"""


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[running.Hub]:
    port, folder = free_port(), tmp_path_factory.mktemp("named-tls")
    certificate, key = write_certificate(folder, "hub", NAME, f"*.{NAME}")
    settings = {
        **running.small_site(tmp_path_factory.mktemp("named-site")),
        "IMAGINE_HUB_NETWORK_SUBDOMAIN_HOST": f"https://{NAME}:{port}",
        "IMAGINE_HUB_NETWORK_TLS_CERTIFICATE": str(certificate),
        "IMAGINE_HUB_NETWORK_TLS_KEY": str(key),
        "IMAGINE_HUB_APPS_ENABLED": "true",
        "IMAGINE_HUB_APPS_WARM_KERNELS": "0",
        "IMAGINE_HUB_SERVERS_WARM_APPS": "0",
        "IMAGINE_HUB_USAGE_READERS": "scientist",
    }
    with running.start(tmp_path_factory.mktemp("named") / "state", port=port, settings=settings) as hub:
        yield hub


def origin_of(hub: running.Hub, label: str) -> str:
    return f"https://{label}.{NAME}:{hub.port}"


def watched(context: BrowserContext, hub: running.Hub) -> Page:
    page = context.new_page()
    page.watch = Watch(page, hub.address)  # type: ignore[attr-defined]
    return page


def assert_clean(page: Page, *origins: str) -> None:
    """Nothing was asked elsewhere than under these names, too."""
    watch: Watch = page.watch  # type: ignore[attr-defined]
    watch.foreign = [url for url in watch.foreign if not url.startswith(tuple(f"{origin}/" for origin in origins))]
    watch.assert_clean()


def log_in(page: Page, hub: running.Hub, name: str) -> None:
    page.fill("#username_input", name)
    page.fill("#password_input", hub.password)
    page.click("#login_submit")


@pytest.fixture(scope="module")
def people(browser: Browser, named: running.Hub) -> Iterator[dict[str, BrowserContext]]:
    """Both are logged in and have a server; their pages may load from anywhere, as those of a program of their own could."""
    contexts = {name: browser.new_context(bypass_csp=True, ignore_https_errors=True) for name in ("scientist", "colleague")}
    pages = {name: watched(context, named) for name, context in contexts.items()}
    for name, page in pages.items():
        page.goto(named.address)
        log_in(page, named, name)
        page.wait_for_url(f"{named.address}/hub/home")
        page.get_by_role("link", name="All files (JupyterLab)").click()
    for name, page in pages.items():
        page.wait_for_url(f"{origin_of(named, name)}/user/{name}/lab**", timeout=90_000, wait_until="commit")
    # One of the two is enough to see that all of it loads.
    pages["colleague"].close()
    expect(pages["scientist"].locator("#jp-main-dock-panel")).to_be_visible(timeout=60_000)
    pages["scientist"].wait_for_load_state("networkidle")
    pages["scientist"].close()
    assert_clean(pages["scientist"], origin_of(named, "scientist"))
    yield contexts
    for context in contexts.values():
        context.close()


def test_a_kernel_answers_under_the_own_name(people: dict[str, BrowserContext], named: running.Hub) -> None:
    origin = origin_of(named, "scientist")
    page = watched(people["scientist"], named)
    # As the buttons of the home page: the hub knows where the server is.
    page.goto(f"{named.address}/hub/spawn/scientist?next=%2Fuser%2Fscientist%2Fvoila%2Frender%2Fzooscan%2Fidentify.ipynb")
    page.wait_for_url(f"{origin}/user/scientist/voila/render/zooscan/identify.ipynb**")
    page.get_by_role("button", name="Measure").click(timeout=60_000)
    expect(page.get_by_text("measured 42")).to_be_visible()
    sockets = [url for url in page.watch.requests if "/channels" in url]  # type: ignore[attr-defined]
    assert sockets
    assert all(url.startswith(f"{origin}/user/scientist/api/kernels/") for url in sockets)
    # The sign of the hub and the way back to it stand in the pages of a server with its own name.
    page.goto(f"{origin}{REPORT}")
    page.get_by_role("link", name="Home").first.click()
    page.wait_for_url(f"{named.address}/hub/home")
    page.close()
    assert_clean(page, origin)


def test_a_login_goes_on_to_the_server_that_was_asked_for(
    browser: Browser, people: dict[str, BrowserContext], named: running.Hub
) -> None:
    origin = origin_of(named, "scientist")
    context = browser.new_context(ignore_https_errors=True)
    page = watched(context, named)
    page.goto(f"{origin}{REPORT}")
    page.wait_for_url(f"{named.address}/hub/login?**")
    log_in(page, named, "scientist")
    page.wait_for_url(f"{origin}{REPORT}**")
    expect(page.get_by_text("six times seven is 42")).to_be_visible(timeout=60_000)
    # Logged out of the hub is logged out of the server.
    page.goto(f"{named.address}/hub/logout")
    page.goto(f"{origin}{REPORT}")
    page.wait_for_url(f"{named.address}/hub/login?**")
    context.close()
    assert_clean(page, origin)


def test_apps_and_figures_open_under_names_of_their_own(people: dict[str, BrowserContext], named: running.Hub) -> None:
    apps, usage = origin_of(named, "apps--service"), origin_of(named, "usage--service")
    page = watched(people["scientist"], named)
    page.goto(f"{named.address}/hub/home")
    page.get_by_role("link", name="Apps", exact=True).click()
    page.wait_for_url(f"{apps}/services/apps/")
    page.goto(f"{apps}/services/apps/voila/render/zooscan/identify.ipynb")
    page.get_by_role("button", name="Measure").click(timeout=60_000)
    expect(page.get_by_text("measured 42")).to_be_visible()
    page.goto(f"{apps}/services/apps/")
    page.locator("#close").click()
    expect(page.get_by_text("You have no app open")).to_be_visible()
    page.goto(f"{named.address}/hub/home")
    page.get_by_role("link", name="Usage", exact=True).click()
    page.wait_for_url(f"{usage}/services/usage/")
    page.close()
    assert_clean(page, apps, usage)


def test_a_page_of_one_person_reaches_neither_the_hub_nor_another(people: dict[str, BrowserContext], named: running.Hub) -> None:
    own, other = origin_of(named, "scientist"), origin_of(named, "colleague")
    script = ATTACK % {"hub": named.address, "other": other, "name": NAME}
    home = named.state / "homes" / "scientist"
    (named.state / "homes" / "colleague" / "secret.txt").write_text(SECRET, encoding="utf-8")
    (home / "page.html").write_text(f"<body><script>{script}</script></body>", encoding="utf-8")
    write_report(home / "attack" / "report.ipynb", script)
    victim = people["colleague"]
    # The attacker's server may answer everybody: she can put another program in its place. Here it takes her cookie for it.
    given = [cookie for cookie in people["scientist"].cookies() if cookie["domain"] == f"scientist.{NAME}"]
    victim.add_cookies(given)
    for path in ("/user/scientist/files/page.html", "/user/scientist/voila/render/attack/report.ipynb"):
        page = victim.new_page()
        page.goto(f"{own}{path}")
        expect(page.locator("#found")).to_be_attached(timeout=60_000)
        found: dict[str, str] = json.loads(page.locator("#found").text_content() or "")
        page.close()
        assert found.pop("frame") in ("", "blocked")
        assert not re.search("hub-login|session-id|user-colleague", found.pop("cookie"))
        assert found.pop("own name").startswith(("424 ", "blocked"))
        # A blind answer has neither status nor content.
        assert {name: said for name, said in found.items() if said not in ("blocked", "0 ")} == {}
        assert len(found) > 12
    after(victim, named)


def write_report(path: Path, script: str) -> None:
    path.parent.mkdir()
    source = f"from IPython.display import HTML\nHTML({f'<script>{script}</script>'!r})"
    notebook: Any = new_notebook(cells=[new_code_cell(source)])
    notebook.metadata |= {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(notebook, path)


def after(victim: BrowserContext, hub: running.Hub) -> None:
    """The victim is who she was, her server runs, her secret is there for herself, and nothing was made in her name."""
    page = victim.new_page()
    page.goto(f"{origin_of(hub, 'colleague')}/user/colleague/files/secret.txt")
    assert SECRET in page.content()
    kernels = page.goto(f"{origin_of(hub, 'colleague')}/user/colleague/api/kernels")
    assert kernels is not None
    assert kernels.json() == []
    page.goto(f"{hub.address}/hub/home")
    expect(page.locator(".hub-user")).to_have_text("colleague")
    page.close()


def test_cookies_stay_with_one_name(people: dict[str, BrowserContext], named: running.Hub) -> None:
    cookies = {(cookie["name"], cookie["domain"]): cookie for cookie in people["scientist"].cookies()}
    shared = {name for name, domain in cookies if domain.startswith(".")}
    # It ends what belongs to one login; nobody comes in with it.
    assert shared == {"jupyterhub-session-id"}
    # With this prefix a browser takes them from one name only: a page of another cannot put its own in their place.
    assert ("__Host-jupyterhub-user-scientist", f"scientist.{NAME}") in cookies
    assert ("__Host-jupyterhub-hub-login", NAME) in cookies
    assert ("__Host-service-apps", f"apps--service.{NAME}") in cookies
    assert {key for key, cookie in cookies.items() if cookie["sameSite"] != "Lax" or not cookie["secure"]} == set()
    assert all(cookie["httpOnly"] for (name, _), cookie in cookies.items() if name != "_xsrf")


def test_the_trial_finds_the_server_of_its_account() -> None:
    settings = Settings().replace("network", subdomain_host=f"http://{NAME}:8000").replace("health", user="trial_one")

    async def check() -> None:
        async with connected(settings, "token") as client:
            # As the hub itself writes a name that cannot stand in an address.
            assert client.server == f"http://u-trialone--21069ef.{NAME}:8000/user/trial_one"

    running.run_async(check())


@pytest.mark.parametrize(
    ("host", "path", "code", "leads_to"),
    [
        (NAME, "/user/scientist/lab", 302, f"https://{NAME}:PORT/hub/user/scientist/lab"),
        (f"scientist.{NAME}", "/user/colleague/lab", 302, f"https://{NAME}:PORT/user/colleague/lab"),
        (f"nobody.{NAME}", "/", 302, f"https://{NAME}:PORT/"),
        (f"scientist.{NAME}", "/hub/home?x=1", 302, f"https://{NAME}:PORT/hub/home?x=1"),
        (f"scientist.{NAME}", "/hub/imagine/static/hub.css", 200, ""),
        (f"a.scientist.{NAME}", "/user/scientist/lab", 404, ""),
        ("127.0.0.1", "/hub/login", 404, ""),
        ("evil.example", "/user/scientist/lab", 404, ""),
        (f"{NAME}.evil.example", "/hub/login", 404, ""),
        ("localhost", f"/scientist.{NAME}/user/scientist/lab", 404, ""),
        (f"{NAME}/hub", "/login", 400, ""),
    ],
)
def test_every_name_leads_to_its_own_server_only(
    people: dict[str, BrowserContext], named: running.Hub, host: str, path: str, code: int, leads_to: str
) -> None:
    with httpx.Client(base_url=f"https://127.0.0.1:{named.port}", timeout=30, trust_env=False, verify=False) as client:
        answer = client.get(path, headers={"Host": f"{host}:{named.port}", "Accept": "text/html"})
    assert answer.status_code == code, answer.text
    assert answer.headers.get("Location", "") == leads_to.replace("PORT", str(named.port))
    if code == 404:
        assert answer.text == "There is nothing under this name: open the address that the hub was given."
    assert "Set-Cookie" not in answer.headers
