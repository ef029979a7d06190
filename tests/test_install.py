"""What the installer says when it cannot go on, and when it has nothing to do."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def install() -> ModuleType:
    spec = importlib.util.spec_from_file_location("install", ROOT / "install.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(code: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the installer's own functions in a process whose root is an empty folder."""
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r})\nimport install\nfrom pathlib import Path\n"
    script += f"install.ROOT = Path({str(folder)!r}); install.VENV = install.ROOT / '.venv'; install.STAMP = install.VENV / 'installed'\n"
    script += "install.PYTHON = install.VENV / 'bin' / 'python'\n" + code
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env={**os.environ, **environment})


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (
            "error: Failed to fetch\n  Caused by: dns error: failed to lookup address information",
            "cannot be reached: check the network",
        ),
        ("error sending request for url", "cannot be reached: check the network"),
        ("npm ERR! code ENOTFOUND", "cannot be reached: check the network"),
        ("OSError: [Errno 28] No space left on device", "The disk is full: free 12 GB"),
        ("something else\nthe last word\n\n", "“packages” failed (the last word): run `make clean`"),
        ("", "“packages” failed (no message)"),
    ],
)
def test_a_failed_step_becomes_one_sentence(install: ModuleType, said: str, sentence: str) -> None:
    answer = install.reason("packages", said)
    assert sentence in answer
    assert "\n" not in answer


def test_too_little_space_is_said_before_anything_is_fetched(tmp_path: Path) -> None:
    done = run("install.NEEDED_GB = 1e9\nsys.exit(install.main())", tmp_path)
    assert done.returncode == 1
    assert "free some space and run it again" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_an_old_python_is_refused_by_number(tmp_path: Path) -> None:
    done = run("sys.version_info = (3, 9, 2)\nsys.exit(install.main())", tmp_path)
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed and this is 3.9.2" in done.stderr


def test_no_network_is_one_sentence(tmp_path: Path) -> None:
    """A real installer against a port where nobody listens."""
    uv = Path(sys.executable).with_name("uv")
    command = [str(uv), "pip", "install", "--no-cache", "--target", str(tmp_path / "there"), "six"]
    code = f"try:\n    install.step('3/4 packages', {command!r})\nexcept install.InstallError as error:\n    print(error)"
    done = run(code, tmp_path, UV_DEFAULT_INDEX="http://127.0.0.1:9/simple", UV_HTTP_RETRIES="0")
    assert done.stdout.splitlines()[-1].startswith("The package index cannot be reached"), done.stdout + done.stderr


def test_debian_packages_are_named_where_they_may_not_be_installed(tmp_path: Path) -> None:
    code = (
        "import os\nos.geteuid = lambda: 1000\n"
        "try:\n    install.debian_packages({'chromium': 'chromium'}, 'for the browser tests')\n"
        "except install.InstallError as error:\n    print(error)"
    )
    said = run(code, tmp_path).stdout
    assert "run `sudo apt-get install -y --no-install-recommends chromium` and try again" in said


def test_nothing_is_done_twice() -> None:
    done = subprocess.run([sys.executable, "install.py"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    again = subprocess.run([sys.executable, "install.py"], cwd=ROOT, capture_output=True, text=True)
    assert again.returncode == 0
    assert again.stdout == ""
