"""Cancel while the identify app still opens a sample."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imagine_kernels.apps.identify import IdentifyApp
from imagine_kernels.samples.zooscan_scan import make_scan
from imagine_kernels.workflow import use_case


def test_a_scan_that_is_being_opened_can_be_cancelled(
    starter_model: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starter_model("zooscan")
    scan = make_scan(tmp_path / "project", 7, width=1400, height=1300, n=6)
    monkeypatch.setenv("IMAGINE_DATA", str(tmp_path))
    app = IdentifyApp(use_case("zooscan"))
    told: list[tuple[str, Any]] = []

    def tell(event: str, value: Any = None, buffers: Any = ()) -> None:
        told.append((event, value))
        if event == "progress" and "rows" in value["stage"]:
            app.cancel({}, [])

    monkeypatch.setattr(app.part, "tell", tell)
    app.open({"path": str(scan), "settings": {}}, [])
    assert app._job is not None
    app._job.join(timeout=120)
    assert told[-1][0] == "cancelled"
    stages = [value["stage"] for event, value in told if event == "progress"]
    assert stages[0] == "Opening project"
    assert stages[-1] == "Opening project: rows prepared"
    # Nothing is left open, and the same sample can be opened after all.
    assert app.session is None
    monkeypatch.setattr(app.part, "tell", lambda event, value=None, buffers=(): told.append((event, value)))
    app.open({"path": str(scan), "settings": {}}, [])
    app._job.join(timeout=240)
    try:
        assert "ready" in [event for event, _ in told], told[-1]
    finally:
        app.close()
