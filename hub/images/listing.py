"""Write the use cases with their pictures and style into a folder, for an image without the library: ``python listing.py FOLDER``."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path


def main(folder: Path) -> None:
    """Ask the library in the environment that runs this, and copy the files that it names."""
    command = [str(Path(sys.executable).parent / "imagine"), "list", "--json"]
    listing = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    folder.mkdir(parents=True, exist_ok=True)
    for use_case in listing["use_cases"]:
        if use_case.get("picture"):
            use_case["picture"] = _copied(use_case["picture"], folder)
    if listing.get("style"):
        listing["style"] = _copied(listing["style"], folder)
    (folder / "listing.json").write_text(json.dumps(listing, indent=1) + "\n", encoding="utf-8")


def _copied(file: str, folder: Path) -> str:
    return str(shutil.copyfile(file, folder / Path(file).name))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
