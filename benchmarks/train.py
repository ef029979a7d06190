"""How long `imagine train --epochs 0` takes on 320 vignettes: the whole command, from the start of the process to the written bundle."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.report import SHARED_DATA, write_table

DATA = SHARED_DATA / "zooscan" / "ecotaxa_ml_template_400"
LIMIT_S = 60.0


def main() -> None:
    if not DATA.is_dir():
        print("train: left out, shared/data/zooscan is absent.")
        return
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "model"
        start = time.perf_counter()
        command = [sys.executable, "-m", "imagine_kernels.cli", "train", "zooscan", str(DATA), "--out", str(out), "--epochs", "0"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
        held = json.loads((out / "bundle.json").read_text(encoding="utf-8"))
    figure = held["metrics"]["balanced_accuracy"]
    write_table(
        "train",
        "Training a head on frozen features",
        text=[
            f"`imagine train zooscan DATA --epochs 0` on {held['data']['n']} real vignettes; at most {LIMIT_S:.0f} s are allowed."
        ],
        head=["what", "figure"],
        rows=[
            ["whole command", f"{seconds:.1f} s" + ("" if seconds <= LIMIT_S else ", too slow")],
            [
                "balanced accuracy, held out by cross-validation",
                f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]",
            ],
        ],
    )


if __name__ == "__main__":
    main()
