"""The images: what their recipe says, and, in the slow test, what comes out of it."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import engine
import pytest
from imagine_hub.settings import REPOSITORY, Settings
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from imagine_kernels import __version__

IMAGES = REPOSITORY / "hub" / "images"
PACKAGES = IMAGES / "packages"
INSTRUCTIONS = {"ARG", "FROM", "RUN", "ENV", "ENTRYPOINT", "CMD", "COPY", "WORKDIR", "USER", "EXPOSE", "HEALTHCHECK", "LABEL"}
# Modules of the hub that run in a user's server, or where the library is.
NOT_IN_THE_HUB = ("server", "apps")


def recipe() -> list[tuple[str, str]]:
    """Instructions and their words."""
    lines = [
        line for line in (IMAGES / "Dockerfile").read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")
    ]
    text = "\n".join(lines).replace("\\\n", " ")
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in text.splitlines() if line.strip()]


def stage(name: str) -> list[tuple[str, str]]:
    """The instructions of one stage."""
    found: list[tuple[str, str]] = []
    inside = False
    for word, rest in recipe():
        if word == "FROM":
            inside = rest.endswith(f" AS {name}")
        if inside:
            found.append((word, rest))
    assert found, name
    return found


def names(file: str) -> set[str]:
    folder = IMAGES if file == "hub.txt" else PACKAGES
    lines = (folder / file).read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def locked() -> set[str]:
    return {line.split("==")[0] for line in (REPOSITORY / "requirements.lock").read_text(encoding="utf-8").splitlines()}


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_images", IMAGES / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_line_is_an_instruction() -> None:
    assert {word for word, _ in recipe()} <= INSTRUCTIONS


def test_no_image_floats() -> None:
    (base,) = [rest for word, rest in recipe() if word == "ARG" and rest.startswith("BASE_IMAGE=")]
    assert re.fullmatch(r"BASE_IMAGE=debian:bookworm-\d{8}-slim", base)
    stages = {rest.split(" AS ")[1] for word, rest in recipe() if word == "FROM"}
    for word, rest in recipe():
        if word == "FROM":
            assert rest.split(" AS ")[0] in {"${BASE_IMAGE}", "torch-${VARIANT}", *stages}


@pytest.mark.parametrize("name", ["server", "hub"])
def test_nobody_is_root_in_what_runs(name: str) -> None:
    words = stage(name)
    assert [rest for word, rest in words if word == "USER"] == ["1000:100"]
    after = [word for word, _ in words[words.index(("USER", "1000:100")) :]]
    assert "RUN" not in after
    assert "COPY" not in after


def test_the_first_process_is_tini() -> None:
    assert ("ENTRYPOINT", '["/usr/bin/tini", "--"]') in stage("system")
    assert ("ENTRYPOINT", '["/usr/bin/tini", "--", "with-secrets"]') in stage("hub")
    assert ("CMD", '["python", "-m", "imagine_hub.server"]') in stage("server")


def test_no_gpu_is_given_without_asking() -> None:
    assert any(word == "ENV" and "NVIDIA_VISIBLE_DEVICES=void" in rest for word, rest in stage("system"))
    assert ("ENV", "NVIDIA_DRIVER_CAPABILITIES=compute,utility") in stage("torch-gpu")


def test_what_a_build_is_given_stays_out_of_the_layers() -> None:
    for word, rest in recipe():
        if word in ("ENV", "ARG", "COPY"):
            assert not re.search(r"cert|index_url|pip|proxy|token|password", rest.replace("TORCH_INDEX", ""), re.IGNORECASE), rest
        if "with_network.sh" in rest:
            assert "type=secret,id=ca" in rest
    # A change of code leaves the heavy layers as they are.
    for name in ("tools", "science", "torch-cpu", "torch-gpu", "torch-desktop"):
        assert not [rest for word, rest in stage(name) if word == "COPY" or "source=hub/images," in rest]


def test_versions_come_from_the_lock() -> None:
    files = ("tools.txt", "torch.txt", "gpu_only.txt", "server.txt", "hub.txt", "napari.txt")
    wanted = set().union(*(names(file) for file in files))
    assert wanted <= locked()
    for word, rest in recipe():
        if word == "RUN" and (" uv pip install" in rest or " pip install" in rest):
            assert "-c /lock.txt" in rest or "/dist/*.whl" in rest
    assert [rest for word, rest in recipe() if word == "RUN" and "--require" in rest] == []


def test_the_desktop_has_what_the_tests_of_it_have() -> None:
    spec = importlib.util.spec_from_file_location("install", REPOSITORY / "install.py")
    assert spec is not None
    assert spec.loader is not None
    install = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(install)
    assert {*install.DESKTOP.values(), *install.LIBRARIES.values()} <= names("desktop.txt")
    locked = json.loads((IMAGES / "novnc" / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    # Exactly what its makers published, by its hash, and nothing besides.
    assert set(locked) == {"", "node_modules/@novnc/novnc"}
    assert locked["node_modules/@novnc/novnc"]["integrity"].startswith("sha512-")


def closure(wanted: set[str]) -> set[str]:
    """These packages with all that they require."""
    found: set[str] = set()
    while wanted:
        name = wanted.pop()
        found.add(name)
        for line in metadata.requires(name) or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                wanted |= {canonicalize_name(requirement.name)} - found
    return found


def test_the_hub_has_every_package_that_it_imports() -> None:
    imported: dict[str, str] = {}
    for file in (REPOSITORY / "hub" / "imagine_hub").rglob("*.py"):
        if file.relative_to(REPOSITORY / "hub" / "imagine_hub").parts[0] in NOT_IN_THE_HUB:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0]: file.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                imported[node.module.split(".")[0]] = file.name
    brought = closure(names("hub.txt"))
    known = metadata.packages_distributions()
    missing = {
        f"{name} ({where})"
        for name, where in imported.items()
        if name not in sys.stdlib_module_names
        and name != "imagine_hub"
        and not {canonicalize_name(found) for found in known[name]} & brought
    }
    assert missing == set()


def test_tags_are_the_version(builder: ModuleType) -> None:
    assert builder.version() == __version__
    containers = Settings().containers
    named = (containers.image, containers.gpu_image, containers.desktop_image)
    assert named == tuple(f"imagine-{name}:{__version__}" for name in ("cpu", "gpu", "desktop"))


def test_the_builder_passes_files_as_secrets_only(builder: ModuleType, tmp_path: Path) -> None:
    words = ["gpu", "--base", "debian:x-slim", "--ca", str(tmp_path / "ca.pem"), "--uv", str(tmp_path / "uv.toml")]
    given = builder._parser().parse_args([*words, "--prefix", "registry.example.org/imagine/", "--network", "host"])
    command = builder.command("gpu", "imagine-gpu:1", given)
    pairs = list(pairwise(command))
    assert ("--secret", f"id=ca,src={tmp_path / 'ca.pem'}") in pairs
    arguments = [value for flag, value in pairs if flag == "--build-arg"]
    assert "VARIANT=gpu" in arguments
    assert "BASE_IMAGE=debian:x-slim" in arguments
    assert not [value for value in arguments if str(tmp_path) in value]
    assert command[-1] == str(REPOSITORY)


def test_the_builder_says_what_is_missing(builder: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert builder.main(["cpu", "--engine", "no-such-engine"]) == 1
    assert "There is no no-such-engine: install Docker" in capsys.readouterr().err


def test_the_context_is_only_what_is_named() -> None:
    lines = [line for line in (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    assert lines[0] == "*"
    let_in = {line[1:] for line in lines if line.startswith("!")}
    assert let_in == {"LICENSE", "README.md", "pyproject.toml", "requirements.lock", "hub", "imagine_kernels", "notebooks"}
    for kept in (".git", ".imagine", ".venv", "shared", "tests", "docs"):
        assert not any(fnmatch(kept, name) for name in let_in)
    for secret in ("hub/secrets", "hub/tls", "hub/settings.d"):
        assert secret in lines


def test_the_kernel_without_a_gpu_sees_none(tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    subprocess.run([str(environment / "bin" / "python"), str(IMAGES / "kernels.py"), "gpu"], check=True)
    specs = environment / "share" / "jupyter" / "kernels"
    assert {folder.name for folder in specs.iterdir()} == {"python3", "imagine-cpu", "imagine-gpu"}
    assert '"CUDA_VISIBLE_DEVICES": ""' in (specs / "imagine-cpu" / "kernel.json").read_text(encoding="utf-8")
    assert str(environment) in (specs / "python3" / "kernel.json").read_text(encoding="utf-8")


def test_the_hub_s_listing_needs_no_library(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(IMAGES / "listing.py"), str(tmp_path)], check=True)
    from imagine_hub.listing import ListingFile

    listing = ListingFile(tmp_path / "listing.json").read()
    assert listing.problem == ""
    assert listing.style is not None
    assert listing.style.parent == tmp_path


def test_secrets_become_variables_and_nothing_else_does(tmp_path: Path) -> None:
    program = (IMAGES / "with_secrets.py").read_text(encoding="utf-8").replace("/run/secrets", str(tmp_path))
    (tmp_path / "CONFIGPROXY_AUTH_TOKEN").write_text("abc\n", encoding="utf-8")
    (tmp_path / "LD_PRELOAD").write_text("/evil.so\n", encoding="utf-8")
    words = [sys.executable, "-c", program, sys.executable, "-c", "import os; print(dict(os.environ))"]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    assert "'CONFIGPROXY_AUTH_TOKEN': 'abc'" in done.stdout
    assert "evil" not in done.stdout


def test_health_is_an_answer_of_any_kind(hub: object) -> None:
    address = getattr(hub, "address")  # noqa: B009 - the fixture's type is of another module
    healthy = [sys.executable, str(IMAGES / "healthy.py")]
    assert subprocess.run([*healthy, f"{address}/hub/health"]).returncode == 0
    # Redirects and refusals are answers.
    assert subprocess.run([*healthy, f"{address}/hub/home"]).returncode == 0
    assert subprocess.run([*healthy, "http://127.0.0.1:9/"], capture_output=True).returncode == 1


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_built_images_are_what_they_promise(builder: ModuleType, tmp_path: Path) -> None:
    """Build all images on a fresh Debian, and let those for people check themselves, as strictly as a server runs."""
    debian = tmp_path / "debian"
    subprocess.run(["debootstrap", "--variant=minbase", "bookworm", str(debian)], check=True, stdout=subprocess.DEVNULL)
    certificates = os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt")
    # Debian's client knows how to build without a plugin.
    program = "/usr/bin/docker" if Path("/usr/bin/docker").is_file() else str(shutil.which("docker"))
    with engine.running() as one, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", one.address)
        subprocess.run(f"tar -C {debian} -c . | {program} import - imagine-debian:bookworm", shell=True, check=True)
        words = ["--engine", program, "--base", "imagine-debian:bookworm", "--network", "host", "--ca", certificates]
        assert builder.main(words) == 0
        strict = ["--network=none", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--read-only", "--tmpfs=/tmp"]
        said = {}
        for name in ("cpu", "gpu", "desktop"):
            run = [program, "run", "--rm", *strict, f"--volume={name}:/home/jovyan", f"imagine-{name}:{__version__}"]
            done = subprocess.run([*run, "imagine-check-image"], capture_output=True, text=True)
            print(name, done.stdout, sep="\n")
            assert done.returncode == 0, done.stdout
            assert "0 failed" in done.stdout
            said[name] = done.stdout
        assert "napari_draws: no desktop in this image" in said["cpu"]
        assert re.search(r"napari_draws: \d+% of the display are the picture, drawn by llvmpipe", said["desktop"])
        ready = "import imagine_hub.configuration, jupyterhub.app; print('ready')"
        hub = [program, "run", "--rm", *strict, "--entrypoint=python", f"imagine-hub:{__version__}", "-c", ready]
        assert subprocess.run(hub, check=True, capture_output=True, text=True).stdout == "ready\n"
        for name in builder.IMAGES:
            image = f"imagine-{name}:{__version__}"
            print(image, one.client.inspect_image(image)["Size"] / 1e9, "GB")
            history = subprocess.run([program, "history", "--no-trunc", image], check=True, capture_output=True, text=True).stdout
            assert certificates not in history
