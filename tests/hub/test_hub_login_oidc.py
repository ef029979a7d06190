"""Log-in at an institution: a real provider, a real hub, a real browser."""

from __future__ import annotations

import json
import re
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import httpx
import hub_running as running
import pytest
from imagine_hub.announcement import check_login
from imagine_hub.errors import ProviderError, SettingsError
from imagine_hub.login.claims import country_in, country_of, display_in, groups_in, hub_name
from imagine_hub.login.provider import check_settings, discover, from_document, read_secret
from imagine_hub.network import free_port
from imagine_hub.settings import USER_NAME, Settings
from oidc_provider import Institution, provider
from playwright.sync_api import Browser, BrowserContext, Page

SECRET = "a secret: with + and /"
EGI = r"urn:mace:egi\.eu:group:([^:]+):role=member#aai\.egi\.eu"
PLANKTON = "urn:mace:egi.eu:group:vo.imagine-ai.eu:role=member#aai.egi.eu"
OPERATORS = "urn:mace:egi.eu:group:operators:role=member#aai.egi.eu"
ANNA = "9f2b63c1d0@egi.eu"


# -- what a provider says, made safe ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["anna", "a", "a_b-c9", "x" * 32])
def test_a_safe_name_stays(given: str) -> None:
    assert hub_name(given) == given


def test_other_names_become_safe_stable_and_nobody_elses() -> None:
    given = [
        ANNA,
        "9F2B63C1D0@egi.eu",
        "9f2b63c1d0",
        "anna@uni-kiel.de",
        "anna@ifremer.fr",
        "Anna",
        "ANNA",
        " anna",
        "anna\0",
        "../anna",
        "x" * 33,
        "Ünal",
        "中文",
        "",
        "\ud800",
        hub_name("Anna"),
        hub_name(hub_name("Anna")),
    ]
    names = [hub_name(each) for each in given]
    assert len(set(names)) == len(given)
    assert all(USER_NAME.fullmatch(name) for name in names)
    assert names == [hub_name(each) for each in given]


def test_groups_come_out_of_entitlements() -> None:
    claim = [PLANKTON, OPERATORS, "urn:mace:egi.eu:group:other.eu:role=owner#aai.egi.eu", f"x{PLANKTON}", 7, None]
    assert groups_in(claim, EGI) == ["operators", "vo.imagine-ai.eu"]
    assert groups_in(["urn:mace:egi.eu:group:../..:role=member#aai.egi.eu", "plain"], EGI) == []
    assert groups_in(["a", "b/c", "..", ".a", "", "a" * 65, "d\n"], "") == ["a"]
    assert groups_in("plankton", "") == ["plankton"]
    assert groups_in({"a": 1}, "") == groups_in(None, "") == []
    assert len(groups_in([f"g{number}" for number in range(1000)], "")) == 200


@pytest.mark.parametrize(
    ("claim", "country"),
    [
        ("DE", "DE"),
        ("de", "DE"),
        ("uni-kiel.de", "DE"),
        ("member@ifremer.fr", "FR"),
        (["staff@cern.int", "member@soton.ac.uk"], "GB"),
        ("egi.eu", None),
        ("mbari.org", None),
        ("Germany", None),
        ("", None),
        (None, None),
        (49, None),
        ("..", None),
    ],
)
def test_countries_come_out_of_codes_and_domains(claim: object, country: str | None) -> None:
    assert country_in(claim) == country
    assert country_of({"user_info": {"country": country}}) == country
    assert country_of({"user_info": None}) is None


def test_a_name_to_show_is_one_short_line() -> None:
    assert display_in("Anna\nK. \u202e  Müller") == "Anna K. Müller"
    assert len(display_in("x" * 500)) == 80
    assert display_in(["Anna"]) == display_in(None) == ""


# -- settings and discovery ---------------------------------------------------------------------------------------------------


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    secret = tmp_path / "secret"
    secret.write_text(f"{SECRET}\n", encoding="utf-8")
    secret.chmod(0o600)
    return (
        Settings()
        .replace("login", authenticator="oidc")
        .replace("state", folder=str(tmp_path / "state"))
        .replace("oidc", issuer="https://aai.example.org", client_id="hub", client_secret_file=str(secret), allowed_groups=("a",))
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"issuer": ""}, r"oidc\.issuer is empty, but login\.authenticator"),
        ({"client_id": ""}, r"oidc\.client_id is empty"),
        ({"client_secret_file": ""}, r"oidc\.client_secret_file is empty"),
        ({"issuer": "http://aai.example.org"}, r"must begin with https://: secrets travel there"),
        ({"scopes": ("profile",)}, r"oidc\.scopes must have 'openid'"),
        ({"group_pattern": "plain"}, r"must have one group in brackets, but is 'plain'"),
        ({"allowed_groups": ()}, r"Nobody could log in: name people in login\.users"),
    ],
)
def test_settings_with_which_nobody_could_log_in_are_refused(settings: Settings, change: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        check_settings(settings.replace("oidc", **change))


def test_the_secret_is_private(settings: Settings, tmp_path: Path) -> None:
    assert read_secret(settings) == SECRET
    (tmp_path / "secret").chmod(0o644)
    with pytest.raises(SettingsError, match=r"Everybody on this machine can read .*secret.*: chmod 600 "):
        read_secret(settings)
    (tmp_path / "secret").chmod(0o600)
    (tmp_path / "secret").write_text("\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"The file .*secret of oidc\.client_secret_file is empty"):
        read_secret(settings)
    (tmp_path / "secret").unlink()
    with pytest.raises(SettingsError, match=r"which cannot be read \(No such file or directory\)"):
        read_secret(settings)


def test_a_provider_that_does_not_answer_is_said(settings: Settings) -> None:
    port = free_port()
    with pytest.raises(ProviderError, match=rf"does not answer at http://127\.0\.0\.1:{port}/\.well-known/.*Connection refused"):
        check_login(settings.replace("oidc", issuer=f"http://127.0.0.1:{port}"))


DOCUMENT = {
    "issuer": "https://aai.example.org/",
    "authorization_endpoint": "https://aai.example.org/auth",
    "token_endpoint": "https://aai.example.org/token",
    "userinfo_endpoint": "https://aai.example.org/me",
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"issuer": "https://other.example.org"}, "calls itself 'https://other.example.org'"),
        ({"token_endpoint": None}, "names no token_endpoint"),
        ({"userinfo_endpoint": "http://aai.example.org/me"}, "userinfo_endpoint 'http://aai.example.org/me' is not encrypted"),
        ({"code_challenge_methods_supported": ["plain"]}, "does not support PKCE with S256"),
        ({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}, "takes no client secret"),
    ],
)
def test_a_provider_that_lacks_something_is_refused(change: dict[str, object], words: str) -> None:
    assert from_document(DOCUMENT, "https://aai.example.org", "there").basic is True
    with pytest.raises(ProviderError, match=re.escape(words)):
        from_document({**DOCUMENT, **change}, "https://aai.example.org", "there")


# -- a real provider ----------------------------------------------------------------------------------------------------------


@dataclass
class Place:
    """A hub, the provider that it asks, and what was written down."""

    hub: running.Hub
    institution: Institution
    urls: list[str] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("institution")
    port = free_port()
    secret = folder / "secret"
    secret.write_text(SECRET, encoding="utf-8")
    secret.chmod(0o600)
    with provider(
        folder, callback=f"http://127.0.0.1:{port}/hub/oauth_callback", client_id="imagine hub", secret=SECRET
    ) as there:
        settings = running.small_site(folder) | {
            "IMAGINE_HUB_LOGIN_AUTHENTICATOR": "oidc",
            "IMAGINE_HUB_LOGIN_USERS": "guest@egi.eu",
            "IMAGINE_HUB_LOGIN_ADMIN_GROUPS": "operators",
            "IMAGINE_HUB_OIDC_TITLE": "EGI Check-in",
            "IMAGINE_HUB_OIDC_ISSUER": there.issuer,
            "IMAGINE_HUB_OIDC_CLIENT_ID": "imagine hub",
            "IMAGINE_HUB_OIDC_CLIENT_SECRET_FILE": str(secret),
            "IMAGINE_HUB_OIDC_GROUPS_CLAIM": "eduperson_entitlement",
            "IMAGINE_HUB_OIDC_GROUP_PATTERN": EGI,
            "IMAGINE_HUB_OIDC_ALLOWED_GROUPS": "vo.imagine-ai.eu",
            "IMAGINE_HUB_OIDC_COUNTRY_CLAIM": "schac_home_organization",
            "IMAGINE_HUB_SITE_CONTACT": "help@example.org",
        }
        with running.start(folder / "state", port=port, settings=settings) as hub:
            yield Place(hub, there)


@pytest.fixture
def context(browser: Browser, place: Place) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.on("request", lambda request: place.urls.append(request.url))
    yield context
    context.close()


def log_in(place: Place, context: BrowserContext, sub: str) -> Page:
    """From the hub's login page to the provider, through its two forms, and back."""
    page = context.new_page()
    page.goto(f"{place.hub.address}/hub/login")
    page.click("text=Log in with EGI Check-in")
    page.wait_for_url(f"{place.institution.issuer}/**")
    sent = parse_qs(urlparse(next(url for url in reversed(place.urls) if "/auth?" in url)).query)
    assert sent["code_challenge_method"] == ["S256"]
    assert len(sent["state"][0]) > 20
    page.fill("[name=login]", sub)
    page.fill("[name=password]", "any")
    page.click("button[type=submit]")
    page.wait_for_selector("text=Authorize")
    page.click("button[type=submit]")
    page.wait_for_url(f"{place.hub.address}/**")
    place.pages.append(page.content())
    return page


def groups_of(place: Place, name: str) -> set[str]:
    with sqlite3.connect(place.hub.state / "jupyterhub.sqlite") as database:
        found = database.execute(
            "SELECT groups.name FROM groups JOIN user_group_map ON groups.id = group_id JOIN users ON users.id = user_id "
            "WHERE users.name = ?",
            (name,),
        )
        return {group for (group,) in found}


def users_of(place: Place) -> dict[str, dict[str, str | None]]:
    with sqlite3.connect(place.hub.state / "jupyterhub.sqlite") as database:
        return {name: json.loads(about or "{}") for name, about in database.execute("SELECT name, user_info FROM users")}


def test_the_terminal_prints_no_password(place: Place) -> None:
    assert "with EGI Check-in" in "".join(place.hub.printed)
    assert place.hub.password == ""


def test_a_member_of_the_group_comes_in(place: Place, context: BrowserContext) -> None:
    place.institution.know(
        ANNA,
        name="Anna Müller",
        email="anna@uni-kiel.de",
        eduperson_entitlement=[PLANKTON],
        schac_home_organization="uni-kiel.de",
    )
    page = log_in(place, context, ANNA)
    assert page.url == f"{place.hub.address}/hub/home"
    assert page.inner_text(".hub-user") == "Anna Müller"
    assert page.locator("text=People").count() == 0
    name = hub_name(ANNA)
    assert users_of(place)[name] == {"name": "Anna Müller", "country": "DE"}
    assert groups_of(place, name) == {"vo.imagine-ai.eu"}
    page.click("#logout")
    page.wait_for_selector("#logout-elsewhere")
    assert place.institution.issuer in (page.get_attribute("#logout-elsewhere", "href") or "")
    page.click("#logout-elsewhere")
    page.click("text=Yes, sign me out")
    page.wait_for_selector("text=Sign-out Success")


def test_groups_change_with_the_next_login(place: Place, context: BrowserContext) -> None:
    name = hub_name(ANNA)
    place.institution.know(ANNA, name="Anna Müller", eduperson_entitlement=[PLANKTON, OPERATORS])
    page = log_in(place, context, ANNA)
    assert groups_of(place, name) == {"vo.imagine-ai.eu", "operators", "imagine-administrators"}
    page.click("text=People")
    assert "administrator" in page.inner_text(f"#person-{name}")
    place.institution.know(ANNA, name="Anna Müller", eduperson_entitlement=[PLANKTON])
    page.click("#logout")
    page.goto(f"{place.hub.address}/hub/oauth_login")
    page.wait_for_url("**/hub/home")
    assert groups_of(place, name) == {"vo.imagine-ai.eu"}
    assert page.locator("text=People").count() == 0


def test_others_are_refused_and_not_kept(place: Place, context: BrowserContext) -> None:
    place.institution.know("stranger", name="S", email="anna@uni-kiel.de", eduperson_entitlement=["urn:mace:egi.eu:group:x"])
    page = log_in(place, context, "stranger")
    words = "EGI Check-in knows you, but this hub is not open to you: write to help@example.org."
    assert words in page.inner_text("main")
    assert "stranger" not in users_of(place)
    page.goto(f"{place.hub.address}/hub/home")
    assert urlparse(page.url).path == "/hub/login"


def test_the_same_address_with_another_sub_is_another_person(place: Place, context: BrowserContext) -> None:
    place.institution.know("other@egi.eu", email="anna@uni-kiel.de", eduperson_entitlement=[PLANKTON])
    log_in(place, context, "other@egi.eu")
    assert {hub_name(ANNA), hub_name("other@egi.eu")} <= set(users_of(place))


def test_who_is_named_comes_in_without_a_group(place: Place, context: BrowserContext) -> None:
    place.institution.know("guest@egi.eu", name="Guest")
    assert log_in(place, context, "guest@egi.eu").url.endswith("/hub/home")
    assert groups_of(place, hub_name("guest@egi.eu")) == set()


def test_a_login_that_did_not_begin_here_is_refused(place: Place) -> None:
    with httpx.Client(base_url=place.hub.address, timeout=30, trust_env=False) as client:
        begun = client.get("/hub/oauth_login")
        state = parse_qs(urlparse(begun.headers["Location"]).query)["state"][0]
        for path in (
            "/hub/oauth_callback",
            "/hub/oauth_callback?code=stolen",
            "/hub/oauth_callback?code=stolen&state=",
            "/hub/oauth_callback?code=stolen&state=%ff%00",
            f"/hub/oauth_callback?code=stolen&state={state[:-6]}AAAAAA",
        ):
            answer = client.get(path)
            assert answer.status_code == 400, path
            client.get("/hub/oauth_login")
        said = client.get("/hub/oauth_callback?code=stolen&state=eyJzdGF0ZV9pZCI6ICIxIn0=")
        assert "This login did not begin in this browser, or took too long" in said.text
        # With the right state, but a code that the provider does not know.
        state = parse_qs(urlparse(client.get("/hub/oauth_login").headers["Location"]).query)["state"][0]
        answer = client.get("/hub/oauth_callback", params={"code": "stolen", "state": state})
        assert answer.status_code == 502
        assert "The login at EGI Check-in did not work: begin again." in answer.text
        answer = client.get("/hub/oauth_callback?error=<b>x</b>&error_description=<script>alert(1)</script>")
        assert answer.status_code == 502
        assert "<script>alert" not in answer.text
        assert client.post("/hub/login", data={"username": "a", "password": "b"}).status_code in (403, 405)
        asked = client.post("/hub/api/users/x/tokens", json={"auth": {"username": "x", "password": "y", "code": "stolen"}})
        assert asked.status_code == 403
        assert client.get("/hub/oauth_login?next=https://evil.example.org/").status_code == 302
    assert "Traceback" not in place.hub.log()


def test_the_key_is_private_and_what_lies_in_the_database_is_encrypted(place: Place) -> None:
    key = place.hub.state / "crypt_key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert ANNA.encode() not in (place.hub.state / "jupyterhub.sqlite").read_bytes()


def test_no_token_is_in_any_address_page_or_log(place: Place) -> None:
    assert len(place.pages) >= 5
    written = place.hub.log()
    # JWTs begin so; the access tokens of this provider have 43 characters, as have the codes, which are worth nothing once used.
    for text in (*place.urls, *place.pages, written):
        assert not re.search(r"access_token=|id_token|refresh_token|eyJhbGciOi", text)
    assert SECRET not in written
    codes = {code for url in place.urls for code in parse_qs(urlparse(url).query).get("code", [])}
    assert len(codes) >= 5
    assert not [code for code in codes if code in written]


def test_the_document_of_the_provider(place: Place) -> None:
    found = discover(place.institution.issuer)
    assert found.issuer == place.institution.issuer
    assert found.end_session == f"{place.institution.issuer}/session/end"
