"""A password of one's own: sign-up, approval, the first administrator, and what administrators cannot do. With a real hub and browser."""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from collections.abc import Iterator

import httpx
import hub_running as running
import pytest
from chromium import Watch
from imagine_hub.login import forgotten
from imagine_hub.login.passwords import fits, hashed, refusal
from playwright.sync_api import Browser, Page
from test_hub_login import follow, log_in, start_server, token_of

GOOD = "kelp drifts over quiet sand"
OTHER = "nine copepods in a bucket"


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("short", "too short: take 12 characters or more"),
        ("x" * 73, "too long: 72 characters are the most"),
        ("é" * 37 + "abcdefghijk", "too long"),
        ("line\nbreak and more", "cannot be typed everywhere"),
        ("my name is anna-k", "user name is in the password"),
        ("ANNA-K is my name", "user name is in the password"),
        ("password1234", "first that everybody tries"),
        ("aaaaaaaaaaaa", "first that everybody tries"),
        ("abababababab", "first that everybody tries"),
    ],
)
def test_weak_passwords_are_refused(password: str, words: str) -> None:
    said = refusal(password, "anna-k", least=12)
    assert said is not None
    assert words in said


def test_other_passwords_are_taken() -> None:
    assert refusal(GOOD, "anna-k", least=12) is None
    assert refusal("zooplankton-über-Bord", "al", least=12) is None
    kept = hashed(GOOD)
    assert fits(GOOD, kept)
    assert not fits(GOOD + " ", kept)
    assert not fits("a\0b", kept)
    assert not fits("x" * 500, kept)
    assert not fits(GOOD, None)


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Iterator[running.Hub]:
    folder = tmp_path_factory.mktemp("native")
    settings = running.small_site(folder) | SETTINGS
    with running.start(folder / "state", settings=settings) as hub:
        yield hub


SETTINGS = {"IMAGINE_HUB_LOGIN_AUTHENTICATOR": "native", "IMAGINE_HUB_LOGIN_ADMINS": "chief,deputy"}


def client_of(hub: running.Hub) -> httpx.Client:
    return httpx.Client(base_url=hub.address, timeout=60, trust_env=False)


def code_of(hub: running.Hub) -> str:
    found = re.search(r"│ +code +(\S+)", "".join(hub.printed))
    assert found is not None
    return found[1]


def sign_up(hub: running.Hub, name: str, password: str = GOOD, again: str | None = None, code: str = "") -> httpx.Response:
    with client_of(hub) as client:
        token = re.search(r'name="_xsrf" value="([^"]+)"', client.get("/hub/signup").text)
        assert token is not None
        form = {"username": name, "password": password, "again": password if again is None else again, "code": code}
        return client.post("/hub/signup", data={**form, "_xsrf": token[1]})


def act(client: httpx.Client, action: str, name: str) -> httpx.Response:
    return client.post("/hub/people", data={"action": action, "name": name, "_xsrf": token_of(client)})


def kept(hub: running.Hub) -> dict[str, bool]:
    with sqlite3.connect(hub.state / "jupyterhub.sqlite") as database:
        return {name: bool(approved) for name, approved in database.execute("SELECT username, is_authorized FROM users_info")}


@pytest.fixture(scope="module")
def chief(native: running.Hub) -> Iterator[httpx.Client]:
    """The first administrator; a stranger has tried the name before."""
    for code in ("", "wrong-wrong-wrong"):
        answer = sign_up(native, "chief", code=code)
        assert answer.status_code == 400
        assert "This name is kept for an administrator: type the code that the terminal showed" in answer.text
    assert "chief" not in kept(native)
    answer = sign_up(native, "chief", code=code_of(native))
    assert "You can log in now" in answer.text
    assert kept(native)["chief"] is True
    assert "This name is taken" in sign_up(native, "chief", OTHER, code=code_of(native)).text
    with client_of(native) as client:
        assert log_in(client, "chief", GOOD).status_code == 302
        yield client


def test_the_terminal_prints_a_code_and_no_password(native: running.Hub) -> None:
    printed = "".join(native.printed)
    assert native.password == "your"
    assert len(code_of(native)) == 17
    assert printed.count(code_of(native)) == 1


def test_somebody_signs_up_is_approved_and_comes_in(native: running.Hub, chief: httpx.Client) -> None:
    answer = sign_up(native, "anna")
    assert "An administrator will let you in" in answer.text
    with client_of(native) as anna:
        refused = log_in(anna, "anna", GOOD)
        assert refused.status_code == 403
        assert "no administrator has let you in" in refused.text
        assert "User name or password is not right" in log_in(anna, "anna", OTHER).text
        assert act(chief, "approve", "anna").status_code == 302
        assert log_in(anna, "anna", GOOD).headers["Location"] == "/hub/home"
        assert anna.get("/hub/people").status_code == 403
        assert act(anna, "approve", "anna").status_code == 403
        # Let in no longer: out at once, name and files are kept.
        assert act(chief, "block", "anna").status_code == 302
        assert follow(anna, "/hub/home")[-1].url.path == "/hub/login"
        assert act(chief, "refuse", "anna").status_code == 404
        assert "This name is taken" in sign_up(native, "anna", OTHER).text


def test_a_sign_up_can_be_deleted_as_long_as_nobody_was_let_in(native: running.Hub, chief: httpx.Client) -> None:
    sign_up(native, "nobody")
    assert act(chief, "refuse", "nobody").status_code == 302
    assert "nobody" not in kept(native)
    assert act(chief, "approve", "nobody").status_code == 404
    assert act(chief, "dance", "nobody").status_code == 400


def test_sign_ups_that_are_refused(native: running.Hub) -> None:
    for name in ("../x", "Anna B", "<b>", "a" * 33, "", "ünal", "x\0"):
        answer = sign_up(native, name)
        assert answer.status_code == 400
        assert "A user name has lower-case letters" in answer.text
    assert "too short" in sign_up(native, "bruno", "short").text
    assert "not the same" in sign_up(native, "bruno", GOOD, OTHER).text
    assert "first that everybody tries" in sign_up(native, "bruno", "password12345").text
    assert "user name is in the password" in sign_up(native, "bruno", "bruno goes to sea").text
    assert sign_up(native, "bruno", "x" * 1_000_000).status_code == 400
    assert sign_up(native, "b" * 1_000_000).status_code == 400
    assert not {"bruno", "x"} & set(kept(native))


def test_passwords_lie_in_the_database_as_hashes_only(native: running.Hub, chief: httpx.Client) -> None:
    for path in native.state.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert GOOD.encode() not in content, path
            assert code_of(native).encode() not in content, path


def test_the_name_of_an_administrator_is_approved_by_nobody(native: running.Hub, chief: httpx.Client) -> None:
    # A sign-up from the time before the settings named the administrator.
    with sqlite3.connect(native.state / "jupyterhub.sqlite") as database:
        database.execute("INSERT INTO users_info (username, password, is_authorized) VALUES ('deputy', ?, 0)", (hashed(OTHER),))
    assert act(chief, "approve", "deputy").status_code == 400
    with client_of(native) as client:
        assert log_in(client, "deputy", OTHER).status_code == 403
        assert "You can log in now" in sign_up(native, "deputy", GOOD, code=code_of(native)).text
        assert log_in(client, "deputy", OTHER).status_code == 403
        assert log_in(client, "deputy", GOOD).status_code == 302


def test_administrators_list_and_stop_and_open_nothing(native: running.Hub, chief: httpx.Client) -> None:
    sign_up(native, "cleo")
    act(chief, "approve", "cleo")
    with client_of(native) as cleo:
        log_in(cleo, "cleo", GOOD)
        start_server(cleo, "cleo")
        assert follow(cleo, "/user/cleo/lab")[-1].status_code == 200
        assert cleo.get("/user/cleo/api/contents").status_code == 200
        people = chief.get("/hub/people").text
        assert "Server is running" in people
        headers = {"X-XSRFToken": token_of(chief)}
        assert chief.get("/hub/api/users", headers=headers).status_code == 200
        for path in ("/user/cleo/lab", "/user/cleo/api/contents"):
            assert follow(chief, path)[-1].status_code in (403, 404), path
        model = {"name": "cleo2"}
        for method, path, body in (
            ("POST", "users/cleo/tokens", {}),
            ("GET", "users/cleo/tokens", None),
            ("PATCH", "users/cleo", model),
            ("DELETE", "users/cleo", None),
            ("POST", "users/dora", {}),
            ("POST", "users/anna/server", {}),
            ("POST", "groups/plankton", {}),
            ("POST", "groups/imagine-administrators/users", {"users": ["cleo"]}),
            ("POST", "shares/cleo/", {"user": "chief"}),
            ("POST", "shutdown", {}),
            ("GET", "proxy", None),
        ):
            answer = chief.request(method, f"/hub/api/{path}", json=body, headers=headers)
            assert answer.status_code in (403, 404), (method, path, answer.status_code)
        assert chief.get("/hub/admin").status_code == 403
        for path in ("/hub/authorize", "/hub/authorize/cleo", "/hub/discard/cleo", "/hub/change-password/cleo", "/hub/confirm/x"):
            assert chief.get(path).status_code == 404, path
        # A token of an administrator can no more than they.
        token = chief.post("/hub/api/users/chief/tokens", json={"note": "test"}, headers=headers).json()["token"]
        with client_of(native) as script:
            script.headers["Authorization"] = f"token {token}"
            assert script.get("/hub/api/users").status_code == 200
            assert script.get("/user/cleo/api/contents").status_code in (403, 404)
        assert act(chief, "stop", "cleo").status_code == 302
        deadline = time.monotonic() + 20
        while cleo.get("/hub/api/users/cleo", headers={"X-XSRFToken": token_of(cleo)}).json()["servers"]:
            assert time.monotonic() < deadline, "the server did not stop"
            time.sleep(0.2)


def test_wrong_passwords_of_many_hold_up_nobody(native: running.Hub, chief: httpx.Client) -> None:
    def guess(number: int) -> None:
        with client_of(native) as client:
            log_in(client, f"guess{number}", OTHER)

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    seconds = []
    while any(thread.is_alive() for thread in threads):
        started = time.monotonic()
        assert chief.get("/hub/health").status_code == 200
        seconds.append(time.monotonic() - started)
    print(f"longest answer meanwhile: {max(seconds):.2f} s")
    assert max(seconds) < 2


def test_a_password_is_changed(native: running.Hub, chief: httpx.Client) -> None:
    sign_up(native, "emil")
    act(chief, "approve", "emil")

    def change(client: httpx.Client, old: str, new: str, again: str) -> str:
        form = {"old": old, "password": new, "again": again, "_xsrf": token_of(client)}
        return client.post("/hub/password", data=form).text

    with client_of(native) as here, client_of(native) as there:
        assert follow(here, "/hub/password")[-1].url.path == "/hub/login"
        log_in(here, "emil", GOOD)
        log_in(there, "emil", GOOD)
        assert "that you have now is not right" in change(here, OTHER, OTHER, OTHER)
        assert "not the same" in change(here, GOOD, OTHER, GOOD)
        assert "is the old one" in change(here, GOOD, GOOD, GOOD)
        assert "too short" in change(here, GOOD, "x", "x")
        assert "The new password counts from now on" in change(here, GOOD, OTHER, OTHER)
        assert here.get("/hub/home").status_code == 200
        assert follow(there, "/hub/home")[-1].url.path == "/hub/login"
        assert log_in(there, "emil", GOOD).status_code == 403
        assert log_in(there, "emil", OTHER).status_code == 302


def test_a_forgotten_password_is_set_on_the_machine_only(
    native: running.Hub, chief: httpx.Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMAGINE_HUB_STATE_FOLDER", str(native.state))
    sign_up(native, "greta")
    act(chief, "approve", "greta")
    with client_of(native) as greta:
        log_in(greta, "greta", GOOD)
        assert forgotten.main(["greta"]) == 0
        found = re.search(r"greta can log in with (\S+) and", capsys.readouterr().out)
        assert found is not None
        assert log_in(greta, "greta", GOOD).status_code == 403
        assert log_in(greta, "greta", found[1]).status_code == 302
    assert forgotten.main(["nobody-at-all"]) == 1
    assert capsys.readouterr().err.startswith("Nobody has signed up as 'nobody-at-all': check the name")


def watched(browser: Browser, hub: running.Hub, **options: object) -> tuple[Page, Watch]:
    page = browser.new_context(viewport={"width": 1280, "height": 800}, **options).new_page()  # type: ignore[arg-type]
    return page, Watch(page, hub.address)


def test_the_pages_in_a_browser(native: running.Hub, chief: httpx.Client, browser: Browser) -> None:
    page, watch = watched(browser, native)
    watch.expect(400)
    watch.expect(403)
    page.goto(native.address)
    page.click("text=Sign up")
    page.fill("#username_input", "frida")
    page.fill("#password_input", "password12345")
    page.fill("#again_input", "password12345")
    page.click("[aria-label='Show: The same again']")
    assert page.get_attribute("#again_input", "type") == "text"
    page.click("#signup_submit")
    assert "everybody tries" in page.inner_text("#signup-error")
    page.fill("#password_input", GOOD)
    page.fill("#again_input", GOOD)
    page.click("#signup_submit")
    assert "frida" in page.inner_text("#signup-done")
    page.click("text=To the login page")

    page.fill("#username_input", "chief")
    page.fill("#password_input", GOOD)
    page.click("#login_submit")
    page.wait_for_url("**/hub/home")
    page.click("text=People")
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.click("[aria-label='Let in: frida']")
    page.wait_for_selector("[aria-label='Let in no longer: frida']")
    page.click("text=Log out")

    page.wait_for_selector("#username_input")
    page.fill("#username_input", "frida")
    page.fill("#password_input", GOOD)
    page.click("#login_submit")
    page.wait_for_url("**/hub/home")
    assert page.locator("text=People").count() == 0
    page.click("[title='Change your password']")
    page.fill("#old_input", GOOD)
    page.fill("#password_input", OTHER)
    page.fill("#again_input", OTHER)
    page.click("#password_submit")
    page.wait_for_selector("#password-done")
    page.context.close()
    watch.assert_clean()


def test_once_all_have_signed_up_there_is_no_code(native: running.Hub, chief: httpx.Client) -> None:
    if kept(native).get("deputy") is not True:
        sign_up(native, "deputy", code=code_of(native))
    native.stop()
    folder = native.state.parent
    settings = {
        "IMAGINE_HUB_SERVERS_NOTEBOOKS": str(folder / "notebooks"),
        "IMAGINE_HUB_LISTING_COMMAND": f"{running.sys.executable},{folder / 'list.py'}",
        **SETTINGS,
        "IMAGINE_HUB_LOGIN_ADMINS": "deputy",
    }
    with running.start(native.state, settings=settings) as again:
        assert not re.search(r"│ +code +", "".join(again.printed))
        with client_of(again) as client:
            # No longer named, no longer an administrator.
            assert log_in(client, "chief", GOOD).status_code == 302
            assert client.get("/hub/people").status_code == 403
            assert client.get("/hub/home").status_code == 200
