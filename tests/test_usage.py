"""Usage figures against a month of known truth, and what must not stop the work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imagine_kernels import usage
from imagine_kernels.errors import Cancelled, SettingError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IMAGINE_HOME", str(tmp_path))
    monkeypatch.delenv("IMAGINE_USAGE", raising=False)
    return tmp_path


def line(at: str, verb: str, n: int, *, wall: float = 3600, cpu: float = 1800, gpu: float = 0, outcome: str = "done") -> str:
    row = {"at": at, "verb": verb, "use_case": "zooscan", "n": n, "wall_s": wall, "cpu_s": cpu, "gpu_s": gpu}
    return json.dumps({**row, "outcome": outcome, "origin": "terminal"})


def test_the_figures_of_known_months_are_exact(home: Path) -> None:
    (home / "usage").mkdir()
    october = [
        line("2026-10-31T23:59:59+00:00", "identify", 10),
        line("2026-10-01T00:00:00+00:00", "identify", 5, outcome="failed"),
    ]
    november = [
        line("2026-11-01T00:00:00+00:00", "train", 320, wall=7200, cpu=14400, gpu=7200),
        "{damaged",
        line("2026-11-02T10:00:00+00:00", "identify", 1, outcome="cancelled"),
        '{"at": "2026-11-02T10:00:00+00:00"}',
    ]
    (home / "usage" / "2026-10.jsonl").write_text("\n".join(october))
    (home / "usage" / "2026-11.jsonl").write_text("\n".join(november))
    table = usage.summary(usage.events())
    assert table.to_dict(orient="records") == [
        {"month": "2026-10", "use_case": "zooscan", "verb": "identify", "calls": 2, "failed": 1, "cancelled": 0, "objects": 15,
         "wall_h": 2.0, "cpu_h": 1.0, "gpu_h": 0.0},
        {"month": "2026-11", "use_case": "zooscan", "verb": "identify", "calls": 1, "failed": 0, "cancelled": 1, "objects": 1,
         "wall_h": 1.0, "cpu_h": 0.5, "gpu_h": 0.0},
        {"month": "2026-11", "use_case": "zooscan", "verb": "train", "calls": 1, "failed": 0, "cancelled": 0, "objects": 320,
         "wall_h": 2.0, "cpu_h": 4.0, "gpu_h": 2.0},
    ]  # fmt: skip
    assert len(usage.events(since="2026-11")) == 2
    assert len(usage.events(until="2026-10")) == 2
    assert len(usage.events(since="2026-12")) == 0


def test_each_end_is_recorded_as_what_it_was(home: Path) -> None:
    with usage.recorded("identify", "zooscan") as note:
        note.n = 3
    with pytest.raises(ZeroDivisionError, match="division"), usage.recorded("train", "zooscan"):
        _ = 1 / 0
    with pytest.raises(Cancelled, match="stop"), usage.recorded("train", "zooscan"):
        raise Cancelled("stop")
    found = usage.events()
    assert found["outcome"].tolist() == ["done", "failed", "cancelled"]
    assert found["n"].tolist() == [3, 0, 0]
    assert (found["wall_s"] < 5).all()


def test_no_name_no_path_and_no_data_are_recorded(home: Path) -> None:
    with usage.recorded("identify", "zooscan"):
        pass
    (file,) = (home / "usage").iterdir()
    assert set(json.loads(file.read_text())) == set(usage.COLUMNS)


def test_it_can_be_turned_off_and_never_stops_the_work(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGINE_USAGE", "off")
    with usage.recorded("identify", "zooscan"):
        pass
    assert not (home / "usage").exists()
    monkeypatch.delenv("IMAGINE_USAGE")
    (home / "usage").write_text("in the way")
    with usage.recorded("identify", "zooscan"):
        pass
    assert usage.summary(usage.events()).empty


@pytest.mark.parametrize("month", ["2026", "2026-13", "11-2026", "2026-1", "x"])
def test_a_wrong_month_is_said(home: Path, month: str) -> None:
    with pytest.raises(SettingError, match="A month is written as 2026-11"):
        usage.events(since=month)
