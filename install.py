"""Make the virtual environment that everything runs in. Standard library only; `make` calls it and it does nothing where nothing changed."""

from __future__ import annotations

import argparse
import ctypes
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK = ROOT / "requirements.lock"
STAMP = VENV / "installed"
NEEDED_GB = 12.0
#: Debian packages for the browser tests: what must be on the PATH, and the package that brings it.
BROWSER = {"chromium": "chromium"}
#: The same for the tests with containers and with a database server, which are private to them; no service is left behind.
ENGINE = {"dockerd": "docker.io", "iptables": "iptables", "initdb": "postgresql", "debootstrap": "debootstrap"}
#: The same for the tests of the desktop window, which runs on a display in memory; then the libraries that Qt takes from the system.
WINDOW = {"xvfb-run": "xvfb", "xauth": "xauth"}
#: The same for the tests of the desktop in the browser: a display in memory, a window manager, and who asks what is on the display.
DESKTOP = {"Xtigervnc": "tigervnc-standalone-server", "openbox": "openbox", "xprop": "x11-utils"}
#: What draws that desktop in the browser, with its own lock; from npm, because Debian's package brings seventy others along.
VIEWER = ROOT / "hub" / "images" / "novnc"
LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libfontconfig.so.1": "libfontconfig1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-shape.so.0": "libxcb-shape0",
}
NETWORK = re.compile(
    r"dns|resolve|connect|network|timed? ?out|unreachable|sending request|ENOTFOUND|EAI_AGAIN|ETIMEDOUT", re.IGNORECASE
)


class InstallError(Exception):
    """One sentence for the person at the terminal."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--browser", action="store_true", help="also install what the tests of browser, containers and desktop need"
    )
    options = parser.parse_args()
    try:
        check_python()
        if not up_to_date():
            check_space()
            make_environment()
        if options.browser:
            # Debian keeps some programs where only root looks, and those of PostgreSQL where nobody does.
            places = os.pathsep.join(
                [os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin", *glob.glob("/usr/lib/postgresql/*/bin")]
            )
            programs = {
                name: package
                for name, package in {**BROWSER, **ENGINE, **WINDOW, **DESKTOP}.items()
                if not shutil.which(name, path=places)
            }
            debian_packages({**programs, **missing_libraries()}, "for the tests of browser, containers and desktop")
            get_viewer()
    except InstallError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; the next run goes on from here.", file=sys.stderr)
        return 130
    return 0


def check_python() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - the very thing this line is to say
        have = ".".join(map(str, sys.version_info[:3]))
        raise InstallError(f"Python 3.11 or newer is needed and this is {have}: run `make PYTHON=/path/to/python3.11 …`.")


def check_space() -> None:
    free = shutil.disk_usage(ROOT).free / 1e9
    have = sum(1 for _ in VENV.glob("lib/python*/site-packages/torch/__init__.py"))
    if not have and free < NEEDED_GB:
        raise InstallError(
            f"The environment needs {NEEDED_GB:.0f} GB and {ROOT} has {free:.1f} GB free: free some space and run it again."
        )


def fingerprint() -> str:
    """Changes when the environment must be made anew: requirements, package metadata, front-end sources."""
    frontend = ROOT / "imagine_kernels" / "widgets" / "frontend"
    sources = sorted(file for file in frontend.rglob("*") if file.is_file() and "node_modules" not in file.parts)
    digest = hashlib.sha256(sys.version.encode())
    for file in (LOCK, ROOT / "pyproject.toml", *sources):
        digest.update(file.relative_to(ROOT).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()


def up_to_date() -> bool:
    built = ROOT / "imagine_kernels" / "widgets" / "static"
    return STAMP.is_file() and STAMP.read_text() == fingerprint() and PYTHON.exists() and any(built.glob("*.js"))


def make_environment() -> None:
    if not PYTHON.exists():
        try:
            import ensurepip  # noqa: F401 - Debian splits it off
        except ImportError:
            version = f"{sys.version_info[0]}.{sys.version_info[1]}"
            debian_packages({"ensurepip": f"python{version}-venv"}, "for virtual environments")
        step("1/5 virtual environment", [sys.executable, "-m", "venv", str(VENV)])
    if not (VENV / "bin" / "uv").exists():
        pinned = re.search(r"^uv==.*$", LOCK.read_text(), re.MULTILINE)
        pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        step("2/5 installer", [*pip, pinned.group() if pinned else "uv"])
    install = [str(VENV / "bin" / "uv"), "pip", "install", "--python", str(PYTHON), "--compile-bytecode"]
    step("3/5 packages, 5 GB with torch: a few minutes", [*install, "-r", str(LOCK)])
    # Without isolation, so that hatchling and Node come from the locked environment.
    step("4/5 this package and its front end", [*install, "--no-deps", "--no-build-isolation", "--reinstall", "-e", str(ROOT)])
    step("5/5 kernels, compiled for this processor", [str(PYTHON), "-m", "imagine_kernels.measures.morphometry_objects"])
    STAMP.write_text(fingerprint())


def get_viewer() -> None:
    """Fetch noVNC as its lock says, where it is not here in that version."""
    place = VENV / "share" / "novnc"
    here = place / "package-lock.json"
    if here.is_file() and here.read_bytes() == (VIEWER / here.name).read_bytes() and (place / "node_modules").is_dir():
        return
    place.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", here.name):
        shutil.copyfile(VIEWER / name, place / name)
    npm = [str(VENV / "bin" / "npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    step("viewer of the desktop", [*npm, "--prefix", str(place)])


def step(what: str, command: list[str]) -> None:
    """Run one command in sight of the user; a failure becomes one sentence."""
    print(f"[{what}]", flush=True)
    started = time.monotonic()
    environment = {**os.environ, "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}", "VIRTUAL_ENV": str(VENV)}
    if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode != 0:
        # Once more, to read what it says: the first run had the terminal, for its progress bar.
        again = subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)
        if again.returncode != 0:
            raise InstallError(reason(what, again.stderr + again.stdout))
    print(f"  done in {time.monotonic() - started:.0f} s", flush=True)


def reason(what: str, said: str) -> str:
    """One sentence for a step that failed and said so much."""
    if "No space left" in said or shutil.disk_usage(ROOT).free < 2e8:
        return f"The disk is full: free {NEEDED_GB:.0f} GB below {ROOT} and run it again."
    if NETWORK.search(said):
        return "The package index cannot be reached: check the network (or the proxy in HTTPS_PROXY) and run it again."
    last = next((line for line in reversed(said.splitlines()) if line.strip()), "no message")
    return f"The step “{what}” failed ({last.strip()[:300]}): run `make clean` and try again."


def missing_libraries() -> dict[str, str]:
    """Those of `LIBRARIES` that the loader does not find, with their packages."""
    missing = {}
    for name, package in LIBRARIES.items():
        try:
            ctypes.CDLL(name)
        except OSError:
            missing[name] = package
    return missing


def debian_packages(packages: dict[str, str], purpose: str) -> None:
    """Install Debian packages as root, or print the command for whoever may."""
    if not packages:
        return
    names = sorted(set(packages.values()))
    command = f"apt-get install -y --no-install-recommends {' '.join(names)}"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise InstallError(f"{', '.join(packages)} is needed {purpose}: run `sudo {command}` and try again.")
    print(f"[Debian packages {purpose}: {', '.join(names)}]", flush=True)
    quiet = {"stdout": subprocess.DEVNULL, "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}}
    subprocess.run(["apt-get", "update", "-qq"], check=False, **quiet)  # type: ignore[call-overload]
    if subprocess.run(command.split(), check=False, **quiet).returncode != 0:  # type: ignore[call-overload]
        raise InstallError(f"`{command}` failed: run it by hand to see why.")


if __name__ == "__main__":
    sys.exit(main())
