"""Build the images of the project: ``python hub/images/build.py [cpu] [gpu] [desktop] [hub] [options]``; all if none is named.

Standard library only. The engine is the one that DOCKER_HOST names. Certificates and package indexes of your site reach the build as
secrets and no layer: ``--ca FILE``, ``--pip FILE`` (pip.conf), ``--uv FILE`` (uv.toml), ``--npm FILE`` (.npmrc).
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ("cpu", "gpu", "desktop", "hub")
SECRETS = ("ca", "pip", "uv", "npm")


def main(arguments: Sequence[str] | None = None) -> int:
    """Build one after the other; what they share is built once."""
    given = _parser().parse_args(arguments)
    engine = shutil.which(given.engine)
    if engine is None:
        print(
            f"There is no {given.engine}: install Docker with BuildKit or Podman, or name the command with --engine.",
            file=sys.stderr,
        )
        return 1
    for image in dict.fromkeys(given.images or IMAGES):
        name = f"{given.prefix}imagine-{image}:{version()}"
        print(f"[{name}]", flush=True)
        code = subprocess.run([engine, *command(image, name, given)], env={**os.environ, "DOCKER_BUILDKIT": "1"}).returncode
        if code:
            print(f"{name} was not built: the lines above say why.", file=sys.stderr)
            return code
    return 0


def command(image: str, name: str, given: argparse.Namespace) -> list[str]:
    """The arguments of the engine for one image."""
    target, variant = ("hub", []) if image == "hub" else ("server", [f"VARIANT={image}"])
    build_args = [*variant, f"VERSION={version()}", f"REVISION={revision()}"]
    if given.base:
        build_args.append(f"BASE_IMAGE={given.base}")
    if given.torch_index:
        build_args.append(f"TORCH_INDEX={given.torch_index}")
    words = ["build", "--file", str(ROOT / "hub" / "images" / "Dockerfile"), "--target", target, "--tag", name]
    for argument in build_args:
        words += ["--build-arg", argument]
    for secret in SECRETS:
        if file := getattr(given, secret):
            words += ["--secret", f"id={secret},src={Path(file).resolve()}"]
    if given.network:
        words += ["--network", given.network]
    return [*words, *given.more, str(ROOT)]


def version() -> str:
    """Version of the library, which is the tag of the images; read and not imported."""
    text = (ROOT / "imagine_kernels" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if found is None:
        raise SystemExit('imagine_kernels/__init__.py has no line __version__ = "…": put it back.')
    return found[1]


def revision() -> str:
    """What the image is built from: the commit, and whether anything was changed since."""
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=40"], capture_output=True, text=True
        )
    except FileNotFoundError:
        return "unknown"
    return done.stdout.strip() or "unknown"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hub/images/build.py", description="Build the images of the project.")
    # The empty list is what argparse checks where none is named.
    parser.add_argument("images", nargs="*", choices=[*IMAGES, []], metavar="|".join(IMAGES), help="which; all if none is named")
    parser.add_argument("--prefix", default="", help="in front of the names: registry.example.org/imagine/")
    parser.add_argument("--base", help="image to build on, by exact tag or digest (default: in the Dockerfile)")
    parser.add_argument(
        "--torch-index", help="index with a torch that has no CUDA, for cpu: https://download.pytorch.org/whl/cpu"
    )
    parser.add_argument("--engine", default="docker", help="command of the container engine (default: %(default)s)")
    parser.add_argument("--network", help="network of the build steps, for example host")
    for secret, words in zip(SECRETS, ("certificates to trust, PEM", "pip.conf", "uv.toml", ".npmrc"), strict=True):
        parser.add_argument(f"--{secret}", metavar="FILE", help=f"{words}, for the build only")
    parser.add_argument("--more", action="append", default=[], metavar="ARGUMENT", help="further argument for the engine's build")
    return parser


if __name__ == "__main__":
    sys.exit(main())
