"""The REST service over real HTTP: the paths of DEEPaaS, and what breaks there mended."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from chromium import Watch
from PIL import Image
from playwright.sync_api import Browser, expect
from servers import serving

import imagine_kernels as ik
from imagine_kernels import catalog
from imagine_kernels.errors import SettingError
from imagine_kernels.jobs import Jobs
from imagine_kernels.models.bundle import ModelBundle
from imagine_kernels.serving.rest import check_listening
from imagine_kernels.serving.service import finite
from imagine_kernels.workflow import Result

AT = "/v2/models/zooscan"


@pytest.fixture(scope="module")
def result(starter_model: Callable[[str], ModelBundle]) -> Result:
    # A small part of the bundled sample: whole ones take their time in the tests of the library.
    workflow = ik.use_case("zooscan")
    return workflow.identify(workflow.open().where(range(0, 300, 20)), starter_model("zooscan"))


@pytest.fixture(scope="module")
def vignette(result: Result) -> tuple[str, bytes]:
    file = result.sample.source / str(result.sample.objects["file"].iloc[0])
    return file.name, file.read_bytes()


@pytest.fixture(scope="module")
def export(result: Result, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return result.to_ecotaxa(tmp_path_factory.mktemp("export") / "cruise.zip")


def strict(text: str) -> Any:
    """JSON without what JSON does not know."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_it_says_what_there_is(service: httpx.Client) -> None:
    assert service.get("/").json()["versions"][0]["id"] == "v2"
    assert service.get("/v2/").json()["id"] == "v2"
    models = {each["id"]: each for each in service.get("/v2/models/").json()["models"]}
    assert list(models) == list(catalog.names())
    model = models["zooscan"]
    assert (model["id"], model["name"]) == ("zooscan", "zooscan")
    assert model["links"] == [{"rel": "self", "href": "/v2/models/zooscan/"}]
    assert service.get(f"{AT}/").json() == model
    assert 0 < model["model"]["metrics"]["accuracy"]["low"] <= 1
    assert service.get("/v2/debug/").status_code == 204


def test_a_zip_is_identified_as_the_library_does(
    service: httpx.Client, export: Path, result: Result, predicted: Callable[[httpx.Response], dict[str, Any]]
) -> None:
    response = service.post(f"{AT}/predict/", files={"data": ("cruise.zip", export.read_bytes())})
    found = predicted(response)
    strict(response.text)
    assert found["n"] == len(result)
    mine = dict(zip(result.predictions.object_id.tolist(), result.predictions.label.tolist(), strict=True))
    assert {row["object_id"]: row["label"] for row in found["predictions"]} == mine
    for row in found["predictions"]:
        assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    table = result.measure().tables["abundance"]
    assert len(found["measurements"]["abundance"]) == len(table)
    theirs = {(row["sample_id"], row["taxon"]): row for row in found["measurements"]["abundance"]}
    for row in table.to_dict(orient="records"):
        assert theirs[row["sample_id"], row["taxon"]]["n_counted"] == row["n_counted"]
    assert found["problems"] == []


def test_one_vignette_also_has_its_classes_in_order(
    service: httpx.Client, vignette: tuple[str, bytes], predicted: Callable[[httpx.Response], dict[str, Any]]
) -> None:
    found = predicted(service.post(f"{AT}/predict", files={"data": vignette}))
    assert found["n"] == 1
    assert found["labels"][0] == found["predictions"][0]["label"]
    assert found["probabilities"] == sorted(found["probabilities"], reverse=True)


def test_several_files_are_one_sample(
    service: httpx.Client, result: Result, predicted: Callable[[httpx.Response], dict[str, Any]]
) -> None:
    files = [result.sample.source / str(name) for name in result.sample.objects["file"][:3]]
    # Two of the same name: both are kept.
    sent = [("data", (files[0].name, file.read_bytes())) for file in files]
    assert predicted(service.post(f"{AT}/predict/", files=sent))["n"] == 3


def test_without_data_the_bundled_sample_is_identified(
    service: httpx.Client, predicted: Callable[[httpx.Response], dict[str, Any]]
) -> None:
    assert predicted(service.post(f"{AT}/predict/"))["n"] == len(ik.use_case("zooscan").open())


def test_the_answer_comes_as_a_table_or_with_all_files(service: httpx.Client, export: Path, result: Result) -> None:
    sent = {"data": ("cruise.zip", export.read_bytes())}
    table = service.post(f"{AT}/predict/", files=sent, headers={"Accept": "text/csv"})
    assert table.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["label"] for row in rows] == result.predictions.label.tolist()
    packed = service.post(f"{AT}/predict/", files=sent, data={"accept": "application/zip"})
    assert packed.headers["content-disposition"] == 'attachment; filename="predictions.zip"'
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        names = set(archive.namelist())
        assert {"predictions.csv", "problems.csv", "abundance.csv", "cruise-ecotaxa.zip"} <= names
        assert archive.testzip() is None
    wrong = service.post(f"{AT}/predict/", headers={"Accept": "image/png"})
    assert wrong.status_code == 422
    assert "application/zip" in wrong.json()["accept"][0]


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"n_draws": "3"}, {"n_draws": ["The setting n_draws takes values from 100 up to 100000, not 3."]}),
        ({"n_draws": "many"}, {"n_draws": ["The setting n_draws takes a whole number, not 'many'."]}),
        ({"colour": "red"}, None),
    ],
)
def test_wrong_arguments_are_said_as_deepaas_says_them(
    service: httpx.Client, sent: dict[str, str], said: dict[str, list[str]] | None
) -> None:
    for response in (service.post(f"{AT}/predict/", params=sent), service.post(f"{AT}/predict/", data=sent)):
        assert response.status_code == 422
        assert list(response.json()) == list(sent)
        if said:
            assert response.json() == said
        else:
            assert response.json()["colour"][0].startswith("Unknown argument; known: data, model, accept, ")


def bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.png", bytes(200 * 1024**2))
    return packed.getvalue()


def escaping() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../evil.png", b"x")
    return packed.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "title"),
    [
        ("notes.txt", b"hello", "FormatError"),
        ("notes.doc", b"hello", "DataNotFound"),
        ("broken.zip", b"PK no zip", "FormatError"),
        ("bomb.zip", bomb(), "UnsafeArchive"),
        ("out.zip", escaping(), "UnsafeArchive"),
        ("empty.png", b"", "DataNotFound"),
    ],
)
def test_data_that_cannot_be_used_are_one_sentence(service: httpx.Client, name: str, content: bytes, title: str) -> None:
    response = service.post(f"{AT}/predict/", files={"data": (name, content)})
    assert response.status_code == 422
    assert response.headers["content-type"].startswith("application/problem+json")
    body = response.json()
    assert (body["status"], body["title"]) == (422, title), body
    assert "/tmp" not in body["detail"]
    assert body["detail"].endswith(".")


def test_a_bad_picture_among_good_ones_is_a_problem_and_the_others_are_done(
    service: httpx.Client, result: Result, predicted: Callable[[httpx.Response], dict[str, Any]]
) -> None:
    good = result.sample.source / str(result.sample.objects["file"].iloc[0])
    sent = [("data", ("good.jpg", good.read_bytes())), ("data", ("bad.jpg", good.read_bytes()[:200]))]
    found = predicted(service.post(f"{AT}/predict/", files=sent))
    assert [row["file"] for row in found["predictions"]] == ["good.jpg"]
    assert [problem["item"] for problem in found["problems"] if problem["severity"] == "error"] == ["bad.jpg"]


def test_hostile_file_names_stay_inside(
    service: httpx.Client, vignette: tuple[str, bytes], predicted: Callable[[httpx.Response], dict[str, Any]]
) -> None:
    for name in ("../../../evil.jpg", "..\\..\\evil.jpg", "/etc/evil.jpg", "\x00evil.jpg", f"{'ü' * 300}.jpg"):
        found = predicted(service.post(f"{AT}/predict/", files={"data": (name, vignette[1])}))
        assert found["predictions"][0]["file"].endswith(".jpg")
        assert "/" not in found["predictions"][0]["file"]
    assert not Path("/etc/evil.jpg").exists()


def test_nothing_of_an_upload_stays_behind(vignette: tuple[str, bytes], tmp_path: Path) -> None:
    with serving(environment={"TMPDIR": str(tmp_path)}) as client:
        for content in (vignette[1], b"no picture"):
            client.post(f"{AT}/predict/", files={"data": ("v.jpg", content)})
        client.post(f"{AT}/predict/", files={"data": ("v.jpg", vignette[1])}, data={"n_draws": "1"})
        client.post(f"{AT}/predict/", files={"data": ("v.jpg", vignette[1])}, data={"accept": "application/zip"})
        assert not [path for path in tmp_path.iterdir() if path.name.startswith("imagine-")]


def test_an_upload_has_its_limit(vignette: tuple[str, bytes]) -> None:
    with serving("--max-upload", "1") as client:
        large = client.post(f"{AT}/predict/", files={"data": ("large.zip", bytes(1_500_000))})
        assert large.status_code == 413
        assert large.json()["detail"] == "The upload is larger than 1 MB: send it in parts."
        assert client.post(f"{AT}/predict/", files={"data": vignette}).status_code == 200


def test_what_is_not_there_is_said(service: httpx.Client) -> None:
    missing = service.get("/v2/models/diatomz/")
    assert (missing.status_code, missing.json()["detail"]) == (
        404,
        f"There is no model 'diatomz' here; there are {', '.join(catalog.names())}.",
    )
    assert service.get(f"{AT}/train/{'0' * 32}").status_code == 404
    assert service.get("/nothing").json()["status"] == 404
    assert service.put(f"{AT}/predict/").status_code == 405


def test_a_training_is_a_job_that_outlives_the_service(
    starter_model: Callable, imagine_home: Path, vignette: tuple[str, bytes]
) -> None:
    starter_model("zooscan")
    with serving() as client:
        begun = client.post(f"{AT}/train/", data={"epochs": "0", "name": "by-http"}).json()
        assert (begun["status"], begun["args"]["epochs"], begun["args"]["name"]) == ("running", 0, "by-http")
        assert len(begun["uuid"]) == 32
        taken = client.post(f"{AT}/train/", data={"name": "zooscan-starter"})
        assert taken.json()["detail"] == "There is a model zooscan-starter already: choose another name."
        hostile = client.post(f"{AT}/train/", data={"name": "../../evil"})
        assert hostile.json()["detail"].startswith("A model cannot be named '../../evil'")
    # The service has ended; the training goes on, and the next service knows it.
    assert Jobs().wait(begun["uuid"], timeout_s=180).state == "done"
    with serving() as client:
        done = client.get(f"{AT}/train/{begun['uuid']}").json()
        assert (done["status"], done["date"]) == ("done", begun["date"])
        assert done["result"]["output"]["bundle"] == str(imagine_home / "models" / "by-http")
        assert done["result"]["output"]["metrics"]["accuracy"]["value"] > 0.5
        assert begun["uuid"] in [each["uuid"] for each in client.get(f"{AT}/train/").json()]
        identified = client.post(f"{AT}/predict/", files={"data": vignette}, data={"model": "by-http"})
        assert identified.json()["predictions"]["model"]["name"] == "by-http"


def test_a_training_is_stopped(service: httpx.Client, export: Path) -> None:
    begun = service.post(f"{AT}/train/", files={"data": ("cruise.zip", export.read_bytes())}, data={"epochs": "50"}).json()
    assert begun["args"]["data"] == "cruise.zip"
    deadline = time.monotonic() + 60
    while service.get(f"{AT}/train/{begun['uuid']}").json()["state"] == "queued":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    stopped = service.delete(f"{AT}/train/{begun['uuid']}")
    assert stopped.status_code == 200
    assert stopped.json()["status"] in ("cancelled", "running")
    assert Jobs().wait(begun["uuid"], timeout_s=60).state == "cancelled"
    assert service.get(f"{AT}/train/{begun['uuid']}").json()["status"] == "cancelled"


def test_trainings_can_be_turned_off(starter_model: Callable) -> None:
    starter_model("zooscan")
    with serving("--no-train") as client:
        assert client.post(f"{AT}/train/").status_code == 402
        assert not [path for path in client.get("/swagger.json").json()["paths"] if "train" in path]


def test_a_folder_of_the_service_is_read_only_where_it_is_allowed(export: Path) -> None:
    with serving("--data-folder", str(export.parent)) as client:
        assert client.post(f"{AT}/predict/", data={"data": str(export)}).status_code == 200
        for path in ("/etc/passwd", f"{export.parent}/../../etc", str(export.parent.parent)):
            refused = client.post(f"{AT}/predict/", data={"data": path})
            assert refused.status_code == 422
            assert "The service may not read" in refused.json()["detail"]


def test_pages_of_other_sites_cannot_call_it(service: httpx.Client) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        assert service.post(f"{AT}/train/", headers=headers).status_code == 403
    rebound = service.get("/v2/models/", headers={"Host": "evil.example"})
    assert rebound.status_code == 403
    own = {"Origin": str(service.base_url).rstrip("/"), "Sec-Fetch-Site": "same-origin"}
    assert service.get("/v2/models/", headers=own).status_code == 200


def test_with_a_token_nothing_is_answered_without_it() -> None:
    secret = "a secret of more than sixteen characters"
    with serving(environment={"IMAGINE_SERVE_TOKEN": secret}) as client:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer"}):
            for path in ("/", "/api", "/swagger.json", "/v2/models/"):
                assert client.get(path, headers=headers).status_code == 401
        assert client.get("/v2/models/", params={"token": secret}).status_code == 401
        assert client.get("/v2/models/", headers={"Authorization": f"Bearer {secret}"}).status_code == 200


def test_it_opens_to_others_only_with_a_token() -> None:
    check_listening("127.0.0.1", None)
    check_listening("::1", None)
    check_listening("localhost", None)
    for host in ("0.0.0.0", "192.0.2.7", "hub.example"):
        with pytest.raises(SettingError, match="opens the service to others: set IMAGINE_SERVE_TOKEN"):
            check_listening(host, None)
        with pytest.raises(SettingError, match="shorter than 16 characters"):
            check_listening(host, "short")
        check_listening(host, "long enough for anyone")
    done = subprocess.run(
        [sys.executable, "-m", "imagine_kernels.cli", "serve", "--host", "0.0.0.0"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert "set IMAGINE_SERVE_TOKEN" in done.stderr


def test_a_port_in_use_is_one_sentence(service: httpx.Client) -> None:
    port = service.base_url.port
    for command in ("serve", "deepaas"):
        done = subprocess.run(
            [sys.executable, "-m", "imagine_kernels.cli", command, "--port", str(port)],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 1
        assert f"Port {port} of 127.0.0.1 is in use: choose another with --port" in done.stderr
        assert "Traceback" not in done.stderr


def test_behind_a_proxy_every_path_has_its_base() -> None:
    with serving("--base-path", "/imagine", "--allow-host", "hub.example") as client:
        client.base_url = httpx.URL(str(client.base_url).removesuffix("/imagine/"))
        assert client.get("/v2/models/").status_code == 404
        answer = client.get("/imagine/v2/models/", headers={"Host": "hub.example"})
        found = {each["id"]: each["links"][0]["href"] for each in answer.json()["models"]}
        assert found == {name: f"/imagine/v2/models/{name}/" for name in catalog.names()}
        assert 'action="/imagine/v2/models/zooscan/predict/"' in client.get("/imagine/api").text


def test_the_description_names_every_path_and_argument(service: httpx.Client) -> None:
    described = service.get("/swagger.json").json()
    assert described["swagger"] == "2.0"
    for path, methods in described["paths"].items():
        for method in methods:
            if method == "get" and "{" not in path:
                assert service.get(path).status_code == 200, path
    taken = {each["name"]: each for each in described["paths"][f"{AT}/predict/"]["post"]["parameters"]}
    assert set(taken) == {"data", "model", "accept", *(s.name for s in ik.use_case("zooscan").declaration.settings)}
    assert taken["data"]["type"] == "file"
    assert (taken["n_draws"]["minimum"], taken["n_draws"]["default"]) == (100, 1000)


def test_the_page_loads_nothing_and_runs_no_script(service: httpx.Client) -> None:
    page = service.get("/api")
    assert "script" not in page.text.lower()
    assert "http" not in page.text.replace("http-equiv", "")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"


def test_the_page_identifies_in_a_browser(service: httpx.Client, browser: Browser, vignette: tuple[str, bytes]) -> None:
    origin = str(service.base_url).rstrip("/")
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    watch = Watch(page, origin)
    page.goto(f"{origin}/ui")
    expect(page).to_have_url(f"{origin}/api")
    form = page.locator(f'form[action$="{AT}/predict/"]')
    form.get_by_label("data", exact=True).set_input_files({"name": vignette[0], "mimeType": "image/png", "buffer": vignette[1]})
    form.get_by_role("button", name="Identify").click()
    page.wait_for_url("**/predict/")
    assert json.loads(page.locator("pre").inner_text())["predictions"]["n"] == 1
    page.go_back()
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    watch.assert_clean()
    page.close()


def test_what_json_does_not_know_becomes_null() -> None:
    given = {"a": float("nan"), "b": [np.float32("inf"), np.int64(3), -0.5], "c": (None, True, "x"), 4: np.bool_(True)}
    assert finite(given) == {"a": None, "b": [None, 3, -0.5], "c": [None, True, "x"], "4": True}


def test_a_caller_who_leaves_does_not_stop_the_others(service: httpx.Client, vignette: tuple[str, bytes]) -> None:
    with pytest.raises(httpx.ReadTimeout):
        service.post(f"{AT}/predict/", timeout=httpx.Timeout(0.05, connect=5))
    assert service.post(f"{AT}/predict/", files={"data": vignette}).status_code == 200


def test_a_black_picture_is_no_crash(service: httpx.Client, predicted: Callable[[httpx.Response], dict[str, Any]]) -> None:
    stream = io.BytesIO()
    Image.new("L", (40, 30), 0).save(stream, "PNG")
    assert predicted(service.post(f"{AT}/predict/", files={"data": ("black.png", stream.getvalue())}))["n"] == 1
