"""A machine with GPUs for tests: the program of the driver, which prints what the real one prints."""

from __future__ import annotations

import sys
from pathlib import Path

H100 = "GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77"
A100 = "GPU-8dd6cf79-5d0a-4f4c-9f0e-1c2f3a4b5c6d"
PARTS = ("MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f", "MIG-cba663e8-9bed-5b25-b243-5985ef7c9beb")

# What nvidia-smi prints, by what it is asked and in which state the machine is; read from a folder, so that a test can change it.
_PROGRAM = """#!{python}
import pathlib, sys
folder = pathlib.Path({folder!r})
asked = " ".join(sys.argv[1:])
name = "list" if "-L" in asked else "use" if "utilization.gpu" in asked else "query"
error = folder / "error"
if error.exists():
    code, _, words = error.read_text().partition(" ")
    print(words)
    sys.exit(int(code))
print((folder / name).read_text(), end="")
"""


class Machine:
    """A folder with ``nvidia-smi`` in it.

    Parameters
    ----------
    folder : Path
        Goes in front of PATH.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = folder / "nvidia-smi"
        folder.mkdir(parents=True, exist_ok=True)
        self.program.write_text(_PROGRAM.format(python=sys.executable, folder=str(folder)), encoding="utf-8")
        self.program.chmod(0o755)
        self.have((H100, "NVIDIA H100 80GB HBM3", 81559))

    def have(self, *gpus: tuple[str, str, int]) -> None:
        """Be a machine with these: UUID, name and memory [MiB]."""
        self._write("query", "".join(f"{uuid}, {name}, {memory}\n" for uuid, name, memory in gpus))
        self._write("list", "".join(f"GPU {n}: {name} (UUID: {uuid})\n" for n, (uuid, name, _) in enumerate(gpus)))
        self.compute({uuid: "0" for uuid, _, _ in gpus})

    def cut(self) -> None:
        """Be a machine with one A100 that is cut into two parts, and one that is whole."""
        self.have((A100, "NVIDIA A100-SXM4-40GB", 40960), (H100, "NVIDIA H100 80GB HBM3", 81559))
        self._write(
            "list",
            f"GPU 0: NVIDIA A100-SXM4-40GB (UUID: {A100})\n"
            f"  MIG 3g.20gb     Device  0: (UUID: {PARTS[0]})\n"
            f"  MIG 1g.5gb      Device  1: (UUID: {PARTS[1]})\n"
            f"GPU 1: NVIDIA H100 80GB HBM3 (UUID: {H100})\n",
        )

    def compute(self, percent: dict[str, str]) -> None:
        """Be as busy as this, in percent by UUID, or "[N/A]"."""
        self._write("use", "".join(f"{uuid}, {value}, 512\n" for uuid, value in percent.items()))

    def fail(self, words: str = "Failed to initialize NVML: Unknown Error", code: int = 255) -> None:
        """Answer everything with this."""
        self._write("error", f"{code} {words}")

    def recover(self) -> None:
        """Answer again."""
        (self.folder / "error").unlink(missing_ok=True)

    def _write(self, name: str, text: str) -> None:
        part = self.folder / f".{name}"
        part.write_text(text, encoding="utf-8")
        part.replace(self.folder / name)
