"""What a user's server is started with, as a process or in a container: ``python -m imagine_hub.server``."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

from imagine_hub import notebooks

HERE = Path(__file__).parent
CONFIG = HERE / "jupyter_server_config.py"
# Names the folder of installed notebooks; set in images.
NOTEBOOKS_VARIABLE = "IMAGINE_NOTEBOOKS"


def library_folder() -> Path | None:
    """Where the library is installed; it is looked for and not imported."""
    found = importlib.util.find_spec("imagine_kernels")
    places = found.submodule_search_locations if found is not None else None
    return Path(next(iter(places))) if places else None


def prepare(environ: dict[str, str]) -> None:
    """Complete the environment: the templates of apps and reports, and this Python before others."""
    library = library_folder()
    # The templates of the apps lie in the library, that of reports here.
    folders = [HERE, *([library / "apps"] if library else [])]
    environ["JUPYTER_PATH"] = os.pathsep.join([*map(str, folders), *filter(None, [environ.get("JUPYTER_PATH")])])
    environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), environ.get("PATH", os.defpath)))


def bring_notebooks(source: Path, home: Path) -> None:
    """Bring the notebooks of the image into the home; a home that is full still gets its server, so that it can be emptied."""
    try:
        for line in notebooks.update(source, home):
            print(f"Notebooks: {line}", flush=True)  # noqa: T201 - the container's log
    except OSError as error:
        print(f"The notebooks could not be brought into {home} ({error.strerror or error}): make room there.", flush=True)  # noqa: T201


def main(arguments: list[str]) -> None:
    """Prepare, then become the server."""
    os.umask(0o077)
    prepare(os.environ)  # type: ignore[arg-type]
    if source := os.environ.get(NOTEBOOKS_VARIABLE):
        bring_notebooks(Path(source), Path.home())
    # Whoever starts the hub as root has decided so; in a container nobody is root.
    root = ["--allow-root"] if os.geteuid() == 0 else []
    command = [sys.executable, "-m", "jupyterhub.singleuser", f"--config={CONFIG}", *root, *arguments]
    os.execv(sys.executable, command)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
