"""``python -m imagine_kernels.reports.kernel FOLDER``: execute the notebook of ``FOLDER/job.json`` and write the page."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from imagine_kernels.settings import writing


def main(folder: Path) -> int:
    """Run the job in `folder`; what goes wrong is left in ``failure.json``."""
    # A checker of internationalised addresses, which no notebook needs and whose grammar takes over a second to build, stays unloaded.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    import nbformat
    from papermill.exceptions import PapermillExecutionError
    from papermill.execute import execute_notebook

    from imagine_kernels.reports.page import write_page

    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    executed = folder / "executed.ipynb"
    work = folder / "work"
    work.mkdir()
    try:
        with writing(executed):
            execute_notebook(
                job["notebook"],
                str(executed),
                parameters=job["parameters"],
                kernel_name="python3",
                language="python",
                cwd=str(work),
                progress_bar=False,
                execution_timeout=int(job["timeout_s"]),
                start_timeout=120,
            )
            write_page(nbformat.read(executed, as_version=4), Path(job["page"]))  # type: ignore[no-untyped-call]
    except PapermillExecutionError as error:
        return _failed(folder, error.ename, error.evalue)
    except Exception as error:  # whatever it is, the caller gets its name and its sentence
        return _failed(folder, type(error).__name__, str(error))
    return 0


def _failed(folder: Path, name: str, message: str) -> int:
    (folder / "failure.json").write_text(json.dumps({"name": name, "message": message}), encoding="utf-8")
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
