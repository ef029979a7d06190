#!/opt/imagine/bin/python
"""Check the image that this runs in: ``docker run --rm IMAGE imagine-check-image``.

Every check prints one line; the exit code is the number of those that failed. Nothing outside the container is needed.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import json
import os
import re
import stat
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

PREFIX = Path("/opt/imagine")
PACKAGES = (
    "imagine_kernels",
    "imagine_hub.server",
    "torch",
    "torchvision",
    "fastai.vision.all",
    "onnxruntime",
    "openvino",
    "voila",
    "deepaas",
)
SECRET = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----|(?i:password|token|secret)\s*=\s*[A-Za-z0-9/+_-]{12,}")
# Where the build mounts things, and where package managers keep theirs.
LEFT_BY_A_BUILD = ("/run/secrets", "/tools", "/dist", "/images", "/packages", "/src", "/root/.cache", "/etc/pip.conf", "/etc/uv")
PORT = 8899
START_S = 90
PATIENCE_S = 180
# A magenta picture in napari; what is on the display then, as the display itself says it.
PICTURE = """
import json
import napari, numpy
from qtpy.QtCore import QTimer
from qtpy.QtGui import QImage
from qtpy.QtWidgets import QApplication
from vispy.gloo import gl

viewer = napari.Viewer()
viewer.add_image(numpy.full((300, 400, 3), (255, 0, 255), numpy.uint8))

def look():
    QTimer.singleShot(0, QApplication.quit)
    picture = QApplication.primaryScreen().grabWindow(0).toImage().convertToFormat(QImage.Format.Format_RGB32)
    values = numpy.frombuffer(picture.constBits(), numpy.uint8).reshape(picture.height(), picture.width(), 4)
    part = (values[..., 0] > 200) & (values[..., 1] < 60) & (values[..., 2] > 200)
    print(json.dumps(dict(renderer=gl.glGetParameter(gl.GL_RENDERER), of_the_picture=float(part.mean()))))

QTimer.singleShot(2500, look)
napari.run()
"""


def nobody_is_root() -> str:
    """The user is jovyan, in the group users, and in no other."""
    assert (os.getuid(), os.getgid()) == (1000, 100), f"uid {os.getuid()}, gid {os.getgid()}"
    assert set(os.getgroups()) <= {100}, f"groups {os.getgroups()}"
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (effective,) = re.findall(r"^CapEff:\s*([0-9a-f]+)", status, re.MULTILINE)
    capabilities = int(effective, 16)
    assert capabilities == 0, f"capabilities {capabilities:x}"
    return "uid 1000, gid 100, no capability"


def first_process_is_tini() -> str:
    """Tini reaps what notebooks leave behind."""
    command = Path("/proc/1/cmdline").read_bytes().split(b"\0")[0].decode()
    assert Path(command).name in ("tini", "docker-init"), command
    return command


def nothing_raises_rights() -> str:
    """No program with setuid or setgid, and none with capabilities of its own."""
    found = [str(path) for path in _files(Path("/")) if path.lstat().st_mode & (stat.S_ISUID | stat.S_ISGID)]
    assert not found, ", ".join(found)
    capable = [str(path) for path in _files(Path("/usr")) if "security.capability" in _attributes(path)]
    assert not capable, ", ".join(capable)
    return "no setuid, setgid or capable program"


def environment_is_read_only() -> str:
    """What the server is made of cannot be changed by the person who uses it."""
    assert not os.access(PREFIX, os.W_OK)
    open_to_all = [str(path) for path in PREFIX.rglob("*") if not path.is_symlink() and os.access(path, os.W_OK)]
    assert not open_to_all, f"{len(open_to_all)} writable, for example {open_to_all[0]}"
    return f"nothing below {PREFIX} is writable"


def home_is_ours() -> str:
    """The home is there, is ours, and nobody else's."""
    home = Path.home()
    about = home.stat()
    assert (str(home), about.st_uid) == ("/home/jovyan", 1000), home
    (home / ".tried").write_text("x", encoding="utf-8")
    (home / ".tried").unlink()
    return str(home)


def packages_can_be_imported() -> str:
    """Everything that a notebook needs, and bytecode is there already."""
    started = time.monotonic()
    found = {name: importlib.import_module(name) for name in PACKAGES}
    library, torch = found["imagine_kernels"], found["torch"]

    assert Path(str(library.__file__)).is_relative_to(PREFIX), library.__file__
    assert list(Path(str(library.__file__)).parent.glob("__pycache__/*.pyc")), "no bytecode"
    assert float((torch.ones(64, 64) @ torch.ones(64, 64)).sum()) == 64**3
    return f"{len(PACKAGES)} packages in {time.monotonic() - started:.0f} s, torch {torch.__version__}"


def versions_agree() -> str:
    """The library is of the version that the image says; hub and server have the same JupyterHub."""
    from importlib.metadata import version

    return f"imagine-kernels {version('imagine-kernels')}, jupyterhub {version('jupyterhub')}"


def use_cases_are_listed() -> str:
    """``imagine list`` works."""
    cases = [case["name"] for case in json.loads(_run("imagine", "list", "--json"))["use_cases"]]
    assert cases
    return ", ".join(cases)


def notebooks_are_there() -> str:
    """One folder per use case, with the pages that the hub opens."""
    source = Path(os.environ["IMAGINE_NOTEBOOKS"])
    for case in json.loads(_run("imagine", "list", "--json"))["use_cases"]:
        missing = [name for name in case["notebooks"].values() if not (source / name).is_file()]
        assert not missing, missing
    return f"{len(list(source.rglob('*.ipynb')))} in {source}"


def kernels_are_shown() -> str:
    """The kernel for GPUs is shown only where a GPU is; the one for processors sees none."""
    shown = json.loads(_run("jupyter", "kernelspec", "list", "--json"))["kernelspecs"]
    titles = {name: item["spec"]["display_name"] for name, item in shown.items()}
    assert (titles["python3"], titles["imagine-cpu"]) == ("iMagine", "iMagine (CPU)"), titles
    assert shown["imagine-cpu"]["spec"]["env"] == {"CUDA_VISIBLE_DEVICES": ""}
    has_gpu = any(Path("/dev").glob("nvidia[0-9]*"))
    on_disk = (PREFIX / "share/jupyter/kernels/imagine-gpu").is_dir()
    assert ("imagine-gpu" in titles) == (has_gpu and on_disk), titles
    return ", ".join(titles.values())


def no_gpu_is_asked_for() -> str:
    """Where the NVIDIA runtime is the default of the engine, it gives out only what a spawner names."""
    if not any(Path("/dev").glob("nvidia[0-9]*")):
        assert os.environ.get("NVIDIA_VISIBLE_DEVICES") == "void", os.environ.get("NVIDIA_VISIBLE_DEVICES")
    return f"NVIDIA_VISIBLE_DEVICES={os.environ.get('NVIDIA_VISIBLE_DEVICES')}"


def no_secret_is_left() -> str:
    """Neither in the environment nor in the files that a build may leave behind."""
    suspicious = [name for name in os.environ if re.search(r"TOKEN|SECRET|PASSWORD|INDEX_URL|_PROXY$", name, re.IGNORECASE)]
    assert not suspicious, suspicious
    left = [path for path in LEFT_BY_A_BUILD if _there(Path(path))]
    assert not left, left
    for folder in (Path("/etc"), PREFIX / "etc", PREFIX / "notebooks", Path.home()):
        for path in _files(folder):
            if os.access(path, os.R_OK) and path.stat().st_size < 1_000_000:
                found = SECRET.search(path.read_text(encoding="utf-8", errors="ignore"))
                assert found is None, f"{path}: {found[0][:20]}…"
    return "none in environment, /etc, notebooks and home"


def server_answers() -> str:
    """A server with our configuration starts, is healthy, and shows both kinds of page."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "HOME": home, "IMAGINE_SERVER": "{}", "JUPYTER_TOKEN": "only-in-this-container"}
        configuration = PREFIX / "lib/python3.11/site-packages/imagine_hub/server/jupyter_server_config.py"
        words = (
            "jupyter",
            "server",
            f"--config={configuration}",
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={PORT}",
            "--no-browser",
        )
        started = time.monotonic()
        with subprocess.Popen([*_prepared(environment), *words], env=environment, cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              text=True) as server:  # fmt: skip
            try:
                _until(lambda: _run("imagine-healthy", f"http://127.0.0.1:{PORT}/api"), server)
                took = time.monotonic() - started
                request = urllib.request.Request(
                    f"http://127.0.0.1:{PORT}/api/status", headers={"Authorization": "token only-in-this-container"}
                )
                with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - this very container
                    assert "kernels" in json.load(answer)
            finally:
                server.terminate()
                server.wait(timeout=30)
    return f"after {took:.1f} s"


def templates_are_found() -> str:
    """Voilà finds the looks of apps and reports."""
    environment = dict(os.environ)
    words = "from imagine_hub.server.pages import template_for as f; print(f('app.ipynb'), f('report.ipynb'))"
    prepare = "import os; from imagine_hub.server.__main__ import prepare; prepare(os.environ); "
    found = _run("python", "-c", prepare + words, environment=environment).split()
    assert found == ["imagine", "imagine-report"], found
    return " and ".join(found)


def napari_draws() -> str:
    """Where there is a desktop, napari shows a picture on it, drawn by the processor; nothing of it listens on a network."""
    from imagine_hub.server.desktop.parts import DISPLAY, missing, program

    if not program(DISPLAY) and importlib.util.find_spec("napari") is None:
        return "no desktop in this image"
    lacking = missing()
    assert not lacking, ", ".join(lacking)
    with tempfile.TemporaryDirectory() as home:
        return asyncio.run(_drawn(home))


CHECKS: tuple[Callable[[], str], ...] = (
    nobody_is_root,
    first_process_is_tini,
    nothing_raises_rights,
    environment_is_read_only,
    home_is_ours,
    packages_can_be_imported,
    versions_agree,
    use_cases_are_listed,
    notebooks_are_there,
    kernels_are_shown,
    no_gpu_is_asked_for,
    no_secret_is_left,
    templates_are_found,
    napari_draws,
    server_answers,
)


def main() -> int:
    """Do all checks; a failure does not stop the others."""
    failed = 0
    for check in CHECKS:
        try:
            line = f"ok      {check.__name__}: {check()}"
        except Exception as error:
            failed += 1
            line = f"FAILED  {check.__name__}: {type(error).__name__}: {error}"
        print(line, flush=True)
    print(f"{len(CHECKS) - failed} passed, {failed} failed", flush=True)
    return failed


def _files(folder: Path) -> Iterator[Path]:
    device = folder.stat().st_dev
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if os.lstat(os.path.join(root, name)).st_dev == device]
        yield from (Path(root, name) for name in names if stat.S_ISREG(os.lstat(os.path.join(root, name)).st_mode))


def _attributes(path: Path) -> list[str]:
    try:
        return os.listxattr(path, follow_symlinks=False)
    except OSError:
        return []


def _there(path: Path) -> bool:
    """Whether there is more than the empty folder that a mount of the build leaves."""
    try:
        return path.is_file() or (path.is_dir() and any(path.iterdir()))
    except PermissionError:
        return False


def _run(*command: str, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=PATIENCE_S)
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}: {done.stderr.strip()[-1500:]}"
    return done.stdout


def _prepared(environment: dict[str, str]) -> list[str]:
    from imagine_hub.server.__main__ import prepare

    prepare(environment)
    return []


async def _drawn(home: str) -> str:
    """Show a picture on a display of its own, and read the pixels of that display."""
    from imagine_hub.server.desktop.screen import Screen

    before, screen = _listening(), Screen()
    await screen.start()
    try:
        environment = screen.environment({**os.environ, "HOME": home})
        found = json.loads(await asyncio.to_thread(_run, sys.executable, "-c", PICTURE, environment=environment))
        assert _listening() == before, "the display listens on a network"
    finally:
        await screen.stop()
    assert "llvmpipe" in found["renderer"], found["renderer"]
    assert found["of_the_picture"] > 0.1, f"{found['of_the_picture']:.2f} of the display have the colour of the picture"
    return f"{found['of_the_picture']:.0%} of the display are the picture, drawn by {found['renderer']}"


def _listening() -> set[str]:
    """Addresses on which something waits for connections."""
    lines = [
        line.split() for name in ("tcp", "tcp6") for line in Path("/proc/net", name).read_text(encoding="utf-8").splitlines()
    ]
    return {words[1] for words in lines if words[3] == "0A"}


def _until(works: Callable[[], object], server: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            works()
        except AssertionError:
            if server.poll() is not None or time.monotonic() > deadline:
                server.kill()
                raise AssertionError(
                    f"the server did not answer: {(server.stderr.read() if server.stderr else '')[-500:]}"
                ) from None
            time.sleep(0.2)
        else:
            return


if __name__ == "__main__":
    sys.exit(main())
