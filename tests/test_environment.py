"""The files that make the environment agree with each other, and what is imported starts quickly and without torch."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import time
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
import yaml

import imagine_kernels

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def name_of(requirement: str) -> str:
    return re.split(r"[<>=!~\[; ]", requirement)[0].lower().replace("_", "-")


def test_environment_yml_asks_for_the_same_as_pyproject() -> None:
    declared = yaml.safe_load((ROOT / "environment.yml").read_text())
    pip = next(entry["pip"] for entry in declared["dependencies"] if isinstance(entry, dict))
    wanted = [
        *PROJECT["project"]["dependencies"],
        *(r for extra in PROJECT["project"]["optional-dependencies"].values() for r in extra),
    ]
    assert pip == [*sorted(pip[:-1]), "."]
    assert set(pip) == {*wanted, "."}


def test_the_lock_is_exact_complete_and_names_no_address() -> None:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[^\s;@/]+( ; .+)?", line) for line in lines), [
        line for line in lines if "==" not in line
    ]
    locked = {name_of(line) for line in lines}
    groups = PROJECT["dependency-groups"]
    wanted = [*PROJECT["project"]["dependencies"]]
    wanted += [r for extra in PROJECT["project"]["optional-dependencies"].values() for r in extra]
    wanted += [r for group in groups.values() for r in group if isinstance(r, str)]
    assert {name_of(requirement) for requirement in wanted} <= locked


def test_what_is_slow_to_import_is_left_out_everywhere() -> None:
    left_out = PROJECT["tool"]["uv"]["exclude-dependencies"]
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    in_images = (ROOT / "hub" / "images" / "packages" / "slow_to_import.txt").read_text().splitlines()
    assert left_out == [line for line in in_images if not line.startswith("#")]
    assert not {name_of(line) for line in lines} & set(left_out)
    assert all(importlib.util.find_spec(name.replace("-", "_")) is None for name in left_out), "run `make clean`, then again"


def test_every_entry_point_can_be_loaded() -> None:
    for target in PROJECT["project"]["scripts"].values():
        module, function = target.split(":")
        assert callable(getattr(import_module(module), function))


def test_the_public_names_are_there_and_sorted() -> None:
    assert imagine_kernels.__all__ == sorted(imagine_kernels.__all__)
    for name in imagine_kernels.__all__:
        assert getattr(imagine_kernels, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        imagine_kernels.nothing  # noqa: B018


@pytest.mark.parametrize(
    "code", ["import imagine_kernels", "from imagine_kernels.workflow import list_use_cases; list_use_cases()"]
)
def test_import_and_listing_leave_the_heavy_modules_alone(code: str) -> None:
    check = f"import sys\n{code}\nprint(sorted(set(sys.modules) & {{'torch', 'fastai', 'timm', 'torchvision', 'pandas', 'cv2', 'openvino'}}))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_listing_answers_at_once() -> None:
    # The bound is twenty times what is asked for in the benchmark: this catches an import of torch, not a slow machine.
    started = time.monotonic()
    subprocess.run([sys.executable, "-m", "imagine_kernels.cli", "list"], capture_output=True, check=True)
    assert time.monotonic() - started < 10


def test_no_lock_file_names_a_registry() -> None:
    for file in (ROOT / "imagine_kernels" / "widgets" / "frontend").glob("package-lock.json"):
        assert '"resolved"' not in file.read_text()


def test_no_notebook_carries_outputs() -> None:
    notebooks = sorted((ROOT / "notebooks").rglob("*.ipynb"))
    assert notebooks
    for notebook in notebooks:
        if ".ipynb_checkpoints" not in notebook.parts:
            assert '"output_type"' not in notebook.read_text(encoding="utf-8"), notebook
