"""DEEPaaS itself, run as the platform runs it, finds the use case and gets from it what the library says."""

from __future__ import annotations

import csv
import io
import os
import socket
import sys
import zipfile
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import httpx
from servers import running

import imagine_kernels as ik
from imagine_kernels import catalog
from imagine_kernels.models.bundle import ModelBundle

AT = "/v2/models/zooscan"


def test_every_use_case_of_the_package_is_an_entry_point() -> None:
    found = {point.name: point.value for point in entry_points(group="deepaas.v2.model") if "imagine_kernels" in point.value}
    external = {
        file.stem for folder in os.environ.get("IMAGINE_USE_CASES", "").split(os.pathsep) for file in Path(folder).glob("*.py")
    }
    assert found == {name: f"imagine_kernels.serving.deepaas:{name}" for name in catalog.names() if name not in external}
    for point in entry_points(group="deepaas.v2.model"):
        if point.name in found:
            assert point.load().name == point.name


def test_it_knows_the_use_case(deepaas: httpx.Client) -> None:
    models = {each["id"]: each["title"] for each in deepaas.get("/v2/models/").json()["models"]}
    assert models["zooscan"] == "Zooplankton from the ZooScan"
    parameters = deepaas.get("/swagger.json").json()["paths"][f"{AT}/predict/"]["post"]["parameters"]
    assert {"data", "model", "accept", "pixel_size_mm"} <= {each["name"] for each in parameters}


def test_it_identifies_as_the_library_does(
    deepaas: httpx.Client,
    starter_model: Callable[[str], ModelBundle],
    predicted: Callable[[httpx.Response], dict[str, Any]],
    tmp_path: Path,
) -> None:
    workflow = ik.use_case("zooscan")
    result = workflow.identify(workflow.open().where(range(0, 300, 20)), starter_model("zooscan"))
    data = result.to_ecotaxa(tmp_path / "cruise.zip").read_bytes()
    found = predicted(deepaas.post(f"{AT}/predict/", files={"data": ("cruise.zip", data)}))
    mine = dict(zip(result.predictions.object_id.tolist(), result.predictions.label.tolist(), strict=True))
    assert {row["object_id"]: row["label"] for row in found["predictions"]} == mine
    table = deepaas.post(f"{AT}/predict/", files={"data": ("cruise.zip", data)}, headers={"accept": "text/csv"})
    assert len(list(csv.DictReader(io.StringIO(table.text)))) == len(result)
    packed = deepaas.post(f"{AT}/predict/", files={"data": ("cruise.zip", data)}, headers={"accept": "application/zip"})
    assert "abundance.csv" in zipfile.ZipFile(io.BytesIO(packed.content)).namelist()


def test_a_users_error_reaches_the_user(deepaas: httpx.Client) -> None:
    refused = deepaas.post(f"{AT}/predict/", files={"data": ("notes.doc", b"hello")})
    assert refused.status_code == 422
    assert refused.text.startswith("notes.doc holds nothing to work on")
    assert deepaas.post(f"{AT}/predict/", params={"n_draws": 3}).status_code == 422


def test_a_use_case_of_a_folder_is_served_too(
    tmp_path: Path, starter_model: Callable[[str], ModelBundle], predicted: Callable[[httpx.Response], dict[str, Any]]
) -> None:
    (tmp_path / "krill.py").write_text(
        "from dataclasses import replace\n"
        "from imagine_kernels.use_cases.zooscan import USE_CASE as ZOOSCAN\n"
        "USE_CASE = replace(ZOOSCAN, name='krill')\n"
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "imagine_kernels.cli", "deepaas", "krill", "--port", str(port)]
    with running(command, f"http://127.0.0.1:{port}", IMAGINE_USE_CASES=str(tmp_path)) as client:
        assert [model["id"] for model in client.get("/v2/models/").json()["models"]] == ["krill"]
        # It has no model yet, and says so.
        refused = client.post("/v2/models/krill/predict/")
        assert refused.status_code == 422
        assert refused.text.startswith("There is no starter model for krill: train one with `imagine train krill`")
