"""The figures of use from a real hub: people log in, work, stop; the page, the CSV, the report and the gauges show it."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import docker
import engine
import httpx
import hub_running as running
import pandas as pd
import pytest
from chromium import Watch
from click.testing import CliRunner
from imagine_hub.settings import Settings
from imagine_hub.usage import metrics
from imagine_hub.usage.book import Office
from imagine_hub.usage.commands import usage_command
from imagine_hub.usage.gpus import Stock
from imagine_hub.usage.homes import measured_homes, sizes_of_homes
from imagine_hub.usage.ledger import Ledger
from imagine_hub.usage.persons import Pseudonyms
from imagine_hub.usage.places import Accounting
from imagine_hub.usage.plots import Bars, nice_top, svg
from imagine_hub.usage.privacy import Table
from imagine_hub.usage.readings import Running, read_containers
from imagine_hub.usage.report import ReportError, make_report
from imagine_hub.usage.sampler import Sampler, running_servers
from playwright.sync_api import Browser, Page, expect
from prometheus_client.parser import text_string_to_metric_families
from test_hub_login import follow, log_in, start_server, token_of

PAGE = "/services/usage/"
WORK = """
from imagine_kernels.usage import recorded
with recorded("identify", "zooscan") as note:
    note.n = 12
with recorded("train", "private_idea") as note:
    note.n = 3
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[running.Hub]:
    settings = running.small_site(tmp_path_factory.mktemp("site")) | {
        "IMAGINE_HUB_LOGIN_USERS": "scientist,colleague,reader",
        "IMAGINE_HUB_LOGIN_ADMINS": "scientist",
        "IMAGINE_HUB_USAGE_READERS": "reader,group:funders",
        "IMAGINE_HUB_USAGE_SAMPLE_S": "1",
        "IMAGINE_HUB_USAGE_SMALLEST_GROUP": "2",
    }
    state = tmp_path_factory.mktemp("hub") / "state"
    # Last year two people worked here: a month that is over, and closed when the service starts.
    ledger = Ledger.of(Settings().replace("state", folder=str(state)))
    begin = datetime(2025, 11, 3, 10, tzinfo=UTC).timestamp()
    for user, hours in (("anna", 2), ("bruno", 3)):
        ledger.started(user, cpus=2, at=begin)
        ledger.stopped(user, at=begin + hours * 3600)
    ledger.close()
    with running.start(state, settings=settings) as hub:
        yield hub


@contextmanager
def client_of(hub: running.Hub, user: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=hub.address, timeout=120, trust_env=False) as client:
        assert log_in(client, user, password_of(hub, user)).is_redirect
        yield client


def password_of(hub: running.Hub, user: str) -> str:
    """Administrators have one of their own."""
    code = re.search(r"admins +(\S+)", "".join(hub.printed))
    assert code is not None
    return code[1] if user == "scientist" else hub.password


@pytest.fixture(scope="module")
def admin(hub: running.Hub) -> Iterator[httpx.Client]:
    with client_of(hub, "scientist") as client:
        deadline = time.monotonic() + 60
        # The hub is up before its services are.
        while (last := follow(client, PAGE)[-1]).status_code != 200:
            assert time.monotonic() < deadline, (last.url, last.status_code, last.text)
            time.sleep(0.5)
        yield client


def figures(client: httpx.Client) -> pd.DataFrame:
    answer = follow(client, f"{PAGE}figures.csv")[-1]
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    return pd.read_csv(io.StringIO(answer.text))


@pytest.fixture(scope="module")
def worked(hub: running.Hub, admin: httpx.Client) -> pd.DataFrame:
    """Two people start servers and stop them; one of them calls verbs of the library."""
    with client_of(hub, "colleague") as colleague:
        for client, user in ((admin, "scientist"), (colleague, "colleague")):
            start_server(client, user)
            home = hub.state / "homes" / user / "imagine"
            subprocess.run([sys.executable, "-c", WORK], env={**os.environ, "IMAGINE_HOME": str(home)}, check=True)
        time.sleep(2.5)
        for client, user in ((admin, "scientist"), (colleague, "colleague")):
            answer = client.delete(f"/hub/api/users/{user}/server", headers={"X-XSRFToken": token_of(client)})
            assert answer.status_code in (202, 204)
    deadline = time.monotonic() + 30
    while (hub.state / "events.jsonl").read_text(encoding="utf-8").count('"stop"') < 2:
        assert time.monotonic() < deadline, "the servers did not stop"
        time.sleep(0.2)
    return figures(admin)


def this_month() -> str:
    return datetime.now(UTC).strftime("%Y-%m")


def test_what_was_done_appears(worked: pd.DataFrame, hub: running.Hub) -> None:
    now = worked[worked["month"] == this_month()].set_index("use_case")
    # Whoever made the zooscan lines also made one of a use case that the hub does not list.
    assert list(now.index) == ["all", "unlisted", "zooscan"]
    whole = now.loc["all"]
    assert (whole["users"], whole["sessions"], whole["calls"], whole["objects"]) == (2, 2, 4, 30)
    assert now["objects"].tolist() == [30, 6, 24]
    # A server computes for some seconds until it is up; the session lasts longer than that, on one processor or two.
    assert 0.0005 < whole["cpu_used_h"] < 0.05
    assert 0.001 < whole["session_h"] < 0.05
    assert whole["final"] == "no"
    # Nobody's name is in the figures, and only the hub can read what they are made of.
    ledger = (hub.state / "usage.sqlite").read_bytes()
    assert b"scientist" not in ledger
    assert b"colleague" not in ledger
    for name in ("usage.sqlite", "usage_salt", "metrics_token", "events.jsonl"):
        assert stat.S_IMODE((hub.state / name).stat().st_mode) == 0o600


def test_readers_see_months_that_are_over_and_others_see_nothing(worked: pd.DataFrame, hub: running.Hub) -> None:
    with client_of(hub, "reader") as reader:
        seen = figures(reader)
        assert set(seen["month"]) == {"2025-11"}
        assert seen["session_h"].tolist() == [5.0, 5.0]
        page = follow(reader, f"{PAGE}?month={this_month()}")[-1]
        assert page.status_code == 200
        assert "November 2025" in page.text
        assert "so far" not in page.text
        assert reader.get(f"{PAGE}?month=2026-13").status_code == 400
    with client_of(hub, "colleague") as colleague:
        for path in ("", "figures.csv", "report"):
            assert follow(colleague, PAGE + path)[-1].status_code == 403
    with httpx.Client(base_url=hub.address, trust_env=False) as nobody:
        for path in ("", "figures.csv", "report"):
            assert follow(nobody, PAGE + path)[-1].url.path == "/hub/login"


def test_the_report_is_made_by_a_notebook_and_runs_nothing(worked: pd.DataFrame, admin: httpx.Client) -> None:
    answer = follow(admin, f"{PAGE}report?month=2025-11")[-1]
    assert answer.status_code == 200
    assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    text = answer.text
    assert "Figures of use, November 2025" in text
    assert "<td>5</td>" in text
    assert "<svg" in text
    for never in ("<script", "src=", "http://", "https://", "Paper.read", "scientist"):
        assert never not in text, never
    # Asked for again it is there at once.
    begun = time.monotonic()
    assert admin.get(f"{PAGE}report?month=2025-11").text == text
    assert time.monotonic() - begun < 2
    missing = admin.get(f"{PAGE}report?month=2024-01")
    assert missing.status_code == 404
    assert "There are no figures for 2024-01" in missing.text


def test_the_gauges_need_the_token(worked: pd.DataFrame, hub: running.Hub, admin: httpx.Client) -> None:
    token = (hub.state / "metrics_token").read_text(encoding="utf-8").strip()
    with httpx.Client(base_url=hub.address, trust_env=False) as prometheus:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Bearer {token}\u00e9".encode()}):
            assert prometheus.get(f"{PAGE}metrics", headers=headers).status_code == 401
        answer = prometheus.get(f"{PAGE}metrics", headers={"Authorization": f"Bearer {token}"})
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        found = {family.name: family for family in text_string_to_metric_families(answer.text)}
        assert found["imagine_usage_sample_age_seconds"].samples[0].value < 20
        assert found["imagine_state_free_bytes"].samples[0].value > 1e6
        assert [sample.value for sample in found["imagine_servers_running"].samples] == [0]
        # The same token opens the gauges of the hub, and nothing else there.
        hubs = prometheus.get("/hub/metrics", headers={"Authorization": f"Bearer {token}"})
        assert "jupyterhub_running_servers" in hubs.text
        assert prometheus.get("/hub/api/users", headers={"Authorization": f"Bearer {token}"}).status_code == 403
    assert token not in hub.log()
    assert admin.get(f"{PAGE}metrics").status_code == 401


@pytest.fixture
def page(browser: Browser, hub: running.Hub, worked: pd.DataFrame) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    watch = Watch(page, hub.address)
    page.goto(hub.address)
    page.fill("#username_input", "scientist")
    page.fill("#password_input", password_of(hub, "scientist"))
    page.click("#login_submit")
    page.wait_for_url("**/hub/home")
    yield page
    context.close()
    watch.assert_clean()


def test_the_page_in_a_browser(page: Page, tmp_path: Path) -> None:
    page.get_by_role("link", name="Usage").click()
    expect(page.get_by_role("heading", name="Usage")).to_be_visible()
    expect(page.get_by_role("heading", name="so far")).to_be_visible()
    expect(page.get_by_role("table", name="By use case")).to_contain_text("zooscan")
    # The month is chosen with the keyboard.
    page.get_by_label("Month", exact=True).select_option("2025-11")
    page.get_by_role("button", name="Show").press("Enter")
    expect(page.get_by_role("heading", name="November 2025")).to_be_visible()
    assert page.locator("svg.usage-plot").count() >= 2
    background = "getComputedStyle(document.body).backgroundColor"
    seen = set()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        seen.add(page.evaluate(background))
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            folder = Path(os.environ.get("USAGE_PICTURES", tmp_path))
            page.screenshot(path=folder / f"usage-{scheme}-{width}.png", full_page=True)
    assert len(seen) == 2
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Report for the funder").click()
    report = opened.value
    expect(report.get_by_role("heading", name="Month by month")).to_be_visible(timeout=120_000)
    folder = Path(os.environ.get("USAGE_PICTURES", tmp_path))
    report.screenshot(path=folder / "usage-report.png", full_page=True)


# Without a hub


def test_the_report_says_why_it_could_not_be_made() -> None:
    with pytest.raises(ReportError, match="There are no figures for 2026-11: choose a month"):
        make_report((), "2026-11", "Site")
    with pytest.raises(ReportError, match=r"The report was not ready within 0 s: try again"):
        make_report((Table("2026-11", (), {}, 5),), "2026-11", "Site", patience_s=0.01)


def test_the_command_prints_and_writes(tmp_path: Path) -> None:
    state = tmp_path / "state"
    ledger = Ledger.of(Settings().replace("state", folder=str(state)))
    for number in range(6):
        ledger.started(f"user{number}", cpus=1, at=datetime(2026, 2, 3, 10, tzinfo=UTC).timestamp())
        ledger.stopped(f"user{number}", at=datetime(2026, 2, 3, 11, tzinfo=UTC).timestamp())
    settings = tmp_path / "settings.toml"
    settings.write_text(f'[state]\nfolder = "{state}"\n', encoding="utf-8")
    out = tmp_path / "figures.csv"
    base = [f"--settings={settings}", "--month=2026-02"]
    done = CliRunner().invoke(usage_command, [*base, f"--csv={out}"])
    assert done.exit_code == 0, done.output
    assert "Session hours" in done.output
    rows = list(csv.DictReader(out.open(encoding="utf-8")))
    assert next(row for row in rows if row["month"] == "2026-02" and row["use_case"] == "all")["session_h"] == "6.000"
    value = json.loads(CliRunner().invoke(usage_command, [*base, "--json"]).output)
    assert value["rows"][0]["users"] == 6
    wrong = CliRunner().invoke(usage_command, [f"--settings={settings}", "--month=2020-01"])
    assert wrong.exit_code == 1
    assert "There are no figures for 2020-01" in wrong.output
    assert CliRunner().invoke(usage_command, [f"--settings={settings}", "--month=soon"]).exit_code == 1


def test_the_sampler_reads_pages_of_users_and_tells_servers_from_each_other(tmp_path: Path) -> None:
    asked = []

    def user(name: str, **servers: dict[str, object]) -> dict[str, object]:
        return {"name": name, "servers": {key.removeprefix("_"): value for key, value in servers.items()}}

    up = {"ready": True, "started": "2026-11-05T10:00:00.000000Z"}
    pages = [
        {"items": [user("anna", _=up, gpu=up)], "_pagination": {"next": {"offset": 1, "limit": 1}}},
        {"items": [user("bruno", _={"ready": False, "started": None}), user("carla")], "_pagination": {"next": None}},
    ]

    async def fetch(path: str) -> bytes:
        asked.append(path)
        return json.dumps(pages[len(asked) - 1]).encode()

    async def ask() -> None:
        begin = datetime(2026, 11, 5, 10, tzinfo=UTC).timestamp()
        assert await running_servers(fetch) == [Running("anna", "", begin), Running("anna", "gpu", begin)]

    running.run_async(ask())
    assert asked == ["users?state=active&limit=200", "users?state=active&limit=1&offset=1"]


SPEND = "import time\nwhile time.process_time() < {seconds}: pass\nprint('x', flush=True)\ntime.sleep({then})"
BURN = f"""
import subprocess, sys
# A child that is gone before anybody looks, and one without the environment of its parent.
subprocess.run([sys.executable, "-c", {SPEND.format(seconds=0.6, then=0)!r}], stdout=subprocess.DEVNULL)
child = subprocess.Popen([sys.executable, "-c", {SPEND.format(seconds=0.4, then=60)!r}], env={{}}, stdout=subprocess.PIPE)
child.stdout.readline()
print("ready", flush=True)
sys.stdin.read()
child.kill()
"""


def test_processes_of_a_server_are_all_counted_once(tmp_path: Path) -> None:
    accounting = Accounting(state=str(tmp_path), sample_s=60)
    office = Office(accounting)
    begun = time.time()
    environ = {**os.environ, "IMAGINE_RUN": str(tmp_path), "JUPYTERHUB_USER": "anna", "JUPYTERHUB_SERVER_NAME": ""}
    process = subprocess.Popen([sys.executable, "-c", BURN], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    sampler = Sampler(office, fetch=None)  # type: ignore[arg-type]
    try:
        sampler.write([Running("anna", "", begun), Running("bruno", "", begun)])
        sampler.write([Running("anna", "", begun), Running("bruno", "", begun)])
    finally:
        process.communicate()
    used: Counter[str] = Counter()
    for hour in office.ledger.used():
        used[hour.person] += hour.cpu_s or 0.0  # type: ignore[assignment]
    of = Pseudonyms.in_file(accounting.files.salt).of
    # Three interpreters start, too, and each is counted in whole ticks of 10 ms; what is counted twice would be 2 s at least.
    assert 0.97 <= used[of("anna")] < 2.0
    assert used[of("bruno")] == 0
    assert sampler.profiles == {"": 2}
    assert time.time() - sampler.last_at < 10


def test_containers_are_read_from_the_engine_by_their_labels(caplog: pytest.LogCaptureFixture) -> None:
    with engine.running() as private:
        client = docker.DockerClient(base_url=private.address)
        accounting = Accounting(state="/this/hub", spawner="docker", engine=private.address)
        command = ["/usr/bin/python3", "-c", SPEND.format(seconds=1.0, then=60)]
        made = {}
        for user, state in (("anna", "/this/hub"), ("bruno", "/another/hub")):
            labels = {"imagine.state": state, "imagine.user": user, "imagine.server": ""}
            usr = {"/usr": {"bind": "/usr", "mode": "ro"}}
            made[user] = client.containers.run(
                engine.IMAGE, command, volumes=usr, labels=labels, detach=True, network_mode="none"
            )
        try:
            deadline = time.monotonic() + 30
            # What it prints says that it has computed enough, and sleeps.
            while b"x" not in made["anna"].logs():
                assert time.monotonic() < deadline, made["anna"].logs()
                time.sleep(0.2)
            found = read_containers(accounting, [Running("anna", "", 0.0), Running("bruno", "", 0.0)])
        finally:
            for container in made.values():
                container.remove(force=True)
            client.close()
        assert list(found) == [("anna", "")]
        assert 1.0 <= found["anna", ""].cpu_s < 1.5
        assert 1e6 < found["anna", ""].memory_bytes < 1e8
    # Without an engine nothing is read, and the log says why.
    assert read_containers(accounting, [Running("anna", "", 0.0)]) == {}
    assert "does not say what servers use" in caplog.text


def test_homes_in_volumes_are_measured_by_the_engine(caplog: pytest.LogCaptureFixture) -> None:
    with engine.running() as private:
        client = docker.DockerClient(base_url=private.address)
        # As the spawner names the volume of d.k@example.org, and one of somebody else's.
        for volume, size in (("imagine-home-d-2ek-40example-2eorg", 3_000_000), ("wine-cellar", 1_000_000)):
            places = {"/usr": {"bind": "/usr", "mode": "ro"}, volume: {"bind": "/home/jovyan", "mode": "rw"}}
            command = ["/usr/bin/head", "-c", str(size), "/dev/zero"]
            client.containers.run(
                engine.IMAGE, ["/bin/sh", "-c", f"{' '.join(command)} > /home/jovyan/file"], volumes=places, remove=True,
                network_mode="none", user="root",
            )  # fmt: skip
        accounting = Accounting(state="/this/hub", spawner="docker", engine=private.address)
        sizes = measured_homes(accounting)
    assert list(sizes) == ["d.k@example.org"]
    assert 3_000_000 <= sizes["d.k@example.org"] < 3_100_000
    assert measured_homes(accounting) == {}
    assert "The engine does not say what the homes take" in caplog.text


def test_homes_on_shared_storage_are_measured_but_not_what_lies_beside_them(tmp_path: Path) -> None:
    for name in ("anna-2dk", ".usage"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_bytes(os.urandom(100_000))
    swarm = Accounting(state="/this/hub", spawner="swarm", homes=str(tmp_path))
    assert list(measured_homes(swarm)) == ["anna-k"]
    assert measured_homes(Accounting(state="/this/hub", spawner="kubernetes")) == {}


def test_homes_are_measured_as_they_lie_on_disk(tmp_path: Path) -> None:
    home = tmp_path / "homes" / "anna"
    home.mkdir(parents=True)
    (home / "file").write_bytes(os.urandom(1_000_000))
    os.link(home / "file", home / "again")
    with (home / "holes").open("wb") as stream:
        stream.truncate(10**10)
    (home / "elsewhere").symlink_to("/usr")
    (tmp_path / "homes" / "linked").symlink_to("/usr")
    sizes = sizes_of_homes(tmp_path / "homes")
    assert list(sizes) == ["anna"]
    assert 1_000_000 <= sizes["anna"] < 1_100_000
    assert sizes_of_homes(tmp_path / "none") == {}


def test_gauges_follow_the_conventions(tmp_path: Path) -> None:
    text = metrics.as_text(profiles={"small": 2, "gpu": 1}, stock=Stock(1, 3, 4), state=tmp_path, last_at=0)
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }
    assert found[("imagine_servers_running", "small")] == 2
    assert found[("imagine_gpus", "free")] == 1
    assert found[("imagine_gpus", "leased")] == 3
    assert found[("imagine_gpu_queue_length",)] == 4
    assert found[("imagine_usage_sample_age_seconds",)] == float("inf")


def test_bars_have_a_round_top_and_nothing_of_others_in_them() -> None:
    assert [nice_top(value) for value in (0, 0.7, 1, 3, 17, 41, 99)] == [1.0, 0.8, 1, 4, 20, 50, 100]
    drawn = svg(Bars("x", "<b>", "h", ["<i>"], {"a<": [1.0], "b": [None]}))
    for never in ("<b>", "<i>", "a<"):
        assert never not in drawn
