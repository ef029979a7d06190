"""Write the kernel specs of an image, and say which of them a server shows: ``python kernels.py cpu|gpu|desktop``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

PREFIX = Path(sys.prefix)
ARGUMENTS = ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
# Name, what people read, and what the kernel is told. Notebooks name "python3", which takes a GPU where there is one.
Kernel = tuple[str, str, dict[str, str]]
CPU: Kernel = ("imagine-cpu", "iMagine (CPU)", {"CUDA_VISIBLE_DEVICES": ""})
GPU: Kernel = ("imagine-gpu", "iMagine (GPU)", {})
DEFAULT: Kernel = ("python3", "iMagine", {})

# Read by every Jupyter program in the image.
CONFIGURATION = '''"""Which kernels are shown: the one for GPUs only where a GPU is."""

from pathlib import Path

shown = {"python3", "imagine-cpu"}
if any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/dxg").exists():
    shown.add("imagine-gpu")
c = get_config()
c.KernelSpecManager.allowed_kernelspecs = shown
'''


def main(variant: str) -> None:
    """Write them into the environment that runs this."""
    for name, title, environment in (DEFAULT, CPU, *([GPU] if variant == "gpu" else [])):
        folder = PREFIX / "share" / "jupyter" / "kernels" / name
        folder.mkdir(parents=True, exist_ok=True)
        spec = {
            "argv": [str(PREFIX / "bin" / "python"), *ARGUMENTS[1:]],
            "display_name": title,
            "language": "python",
            "env": environment,
            "metadata": {"debugger": True},
        }
        (folder / "kernel.json").write_text(json.dumps(spec, indent=1) + "\n", encoding="utf-8")
    configuration = PREFIX / "etc" / "jupyter" / "jupyter_config.py"
    configuration.parent.mkdir(parents=True, exist_ok=True)
    configuration.write_text(CONFIGURATION, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
