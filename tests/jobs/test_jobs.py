"""The queue with its real worker: jobs outlive whoever asked, can be stopped, and come back after a crash."""

from __future__ import annotations

import itertools
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import imagine_kernels as ik
from imagine_kernels.errors import ImagineError, UnknownName
from imagine_kernels.jobs import Job, Jobs
from imagine_kernels.jobs.worker import ensure_worker


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(tmp_path / "jobs")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ik.use_case("zooscan").bundled_sample(tmp_path_factory.mktemp("data") / "sample", seed=2)


def until(jobs: Jobs, name: str, state: str, *, timeout_s: float = 60) -> Job:
    deadline = time.monotonic() + timeout_s
    while (job := jobs.get(name)).state != state:
        assert time.monotonic() < deadline, (job, jobs.log(name))
        time.sleep(0.1)
    return job


def process_of(jobs: Jobs, name: str) -> psutil.Process:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with sqlite3.connect(jobs.place / "jobs.sqlite") as database:
            pid = database.execute("select pid from jobs where id = ?", (name,)).fetchone()[0]
        if pid:
            return psutil.Process(pid)
        time.sleep(0.1)
    raise AssertionError("the job has no process")


def test_a_job_is_done_and_its_result_is_that_of_the_command(jobs: Jobs, sample: Path) -> None:
    job = jobs.submit(["check", "zooscan", str(sample)])
    assert job.state in ("queued", "running")
    done = jobs.wait(job.id, timeout_s=60)
    assert done.state == "done"
    assert done.result["n"] == len(ik.use_case("zooscan").open(sample))
    assert done.result["problems"] == []
    assert done.progress[0] == done.progress[1] > 0
    assert done.submitted <= done.started <= done.finished  # type: ignore[operator]


def test_jobs_are_done_in_the_order_they_came_and_one_at_a_time(jobs: Jobs, sample: Path) -> None:
    names = [jobs.submit(["check", "zooscan", str(sample)]).id for _ in range(3)]
    done = [jobs.wait(name, timeout_s=90) for name in names]
    assert [job.state for job in done] == ["done"] * 3
    for earlier, later in itertools.pairwise(done):
        assert earlier.finished <= later.started  # type: ignore[operator]


def test_a_failed_job_says_its_one_sentence_and_the_next_one_is_done(jobs: Jobs, sample: Path) -> None:
    bad = jobs.submit(["check", "zooscan", "no/such/place"])
    good = jobs.submit(["check", "zooscan", str(sample)])
    failed = jobs.wait(bad.id, timeout_s=60)
    assert failed.state == "failed"
    assert failed.message.startswith("There is nothing at no/such/place: check the spelling")
    assert jobs.wait(good.id, timeout_s=60).state == "done"
    assert "There is nothing" in jobs.log(bad.id)


def test_paths_begin_in_the_folder_of_the_job(jobs: Jobs, sample: Path) -> None:
    job = jobs.submit(["check", "zooscan", sample.name], folder=sample.parent)
    assert jobs.wait(job.id, timeout_s=60).state == "done"


def test_one_that_waits_is_stopped_at_once_and_one_that_runs_soon(jobs: Jobs, sample: Path, tmp_path: Path) -> None:
    running = jobs.submit(["train", "zooscan", str(sample), "--out", str(tmp_path / "model"), "--epochs", "3"])
    waiting = jobs.submit(["check", "zooscan", str(sample)])
    until(jobs, running.id, "running")
    process = process_of(jobs, running.id)
    assert jobs.cancel(waiting.id).state == "cancelled"
    jobs.cancel(running.id)
    stopped = jobs.wait(running.id, timeout_s=60)
    assert (stopped.state, stopped.message) == ("cancelled", "Stopped on request.")
    assert not process.is_running()
    assert not (tmp_path / "model").exists()
    assert jobs.get(waiting.id).started is None


def test_after_the_worker_was_killed_the_job_is_done_all_the_same(jobs: Jobs, sample: Path, tmp_path: Path) -> None:
    job = jobs.submit(["train", "zooscan", str(sample), "--out", str(tmp_path / "model"), "--epochs", "0"])
    until(jobs, job.id, "running")
    process = process_of(jobs, job.id)
    worker = process.parent()
    assert worker is not None
    worker.send_signal(signal.SIGKILL)
    worker.wait(10)
    ensure_worker(jobs)
    done = jobs.wait(job.id, timeout_s=180)
    assert (done.state, done.attempts) == ("done", 2), jobs.log(job.id)
    # What the first attempt left running was ended: two would have written the same model.
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    assert (tmp_path / "model" / "bundle.json").is_file()


def test_one_whose_process_is_killed_says_so(jobs: Jobs, sample: Path, tmp_path: Path) -> None:
    job = jobs.submit(["train", "zooscan", str(sample), "--out", str(tmp_path / "model"), "--epochs", "1"])
    until(jobs, job.id, "running")
    process_of(jobs, job.id).send_signal(signal.SIGKILL)
    failed = jobs.wait(job.id, timeout_s=30)
    assert failed.state == "failed"
    assert failed.message == "Its process was ended by the system (SIGKILL): most often there is not enough memory."
    again = jobs.retry(job.id)
    assert again.state in ("queued", "running")
    jobs.cancel(job.id)
    assert jobs.wait(job.id, timeout_s=60).state == "cancelled"


def test_one_that_kills_every_process_is_given_up(jobs: Jobs, tmp_path: Path) -> None:
    name = jobs.new_id()
    with jobs.database() as database:
        database.execute(
            "insert into jobs (id, place, command, folder, state, submitted, attempts, pid, pid_started)"
            " values (?, 1, '[\"list\"]', ?, 'running', '2026-01-01T00:00:00+00:00', 3, 1, 0)",
            (name, str(tmp_path)),
        )
    ensure_worker(jobs)
    given_up = until(jobs, name, "failed")
    assert given_up.message.startswith("It was begun 3 times and its process was ended each time")
    # Number 1 was started at another time: it is not the job's process and lives on.
    assert psutil.pid_exists(1)


def test_submitted_from_many_sides_at_once_each_is_done_once(jobs: Jobs, tmp_path: Path) -> None:
    code = (
        "import sys\nfrom imagine_kernels.jobs import Jobs\n"
        "jobs = Jobs(sys.argv[1])\nfor _ in range(3):\n    jobs.submit(['list'])\n"
    )
    asking = [subprocess.Popen([sys.executable, "-c", code, str(jobs.place)], cwd=tmp_path) for _ in range(4)]
    assert [process.wait(60) for process in asking] == [0] * 4
    done = [jobs.wait(job.id, timeout_s=120) for job in jobs.list()]
    assert len(done) == 12
    assert {(job.state, job.attempts) for job in done} == {("done", 1)}


def test_the_worker_ends_when_nothing_is_left(jobs: Jobs, tmp_path: Path) -> None:
    job = jobs.submit(["list"], folder=tmp_path)
    until(jobs, job.id, "running")
    worker = process_of(jobs, job.id).parent()
    assert worker is not None
    assert "imagine_kernels.jobs.worker" in worker.cmdline()
    assert worker.pid != os.getpid()
    jobs.wait(job.id, timeout_s=60)
    _, alive = psutil.wait_procs([worker], timeout=10)
    assert alive == [] or alive[0].status() == psutil.STATUS_ZOMBIE


def test_wrong_names_and_moments(jobs: Jobs, sample: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="There is no job 'abc'; `imagine jobs list` shows them all"):
        jobs.get("abc")
    with pytest.raises(UnknownName, match="There is no job ''"):
        jobs.get("")
    job = jobs.wait(jobs.submit(["list"], folder=tmp_path).id, timeout_s=60)
    with pytest.raises(ImagineError, match="is done: only one that failed or was stopped can be tried again"):
        jobs.retry(job.id)
    assert jobs.cancel(job.id).state == "done"
    jobs.remove(job.id[:6])
    assert not jobs.folder_of(job.id).exists()
    gone = tmp_path / "gone"
    gone.mkdir()
    held = jobs.submit(["train", "zooscan", str(sample), "--out", str(tmp_path / "m"), "--epochs", "9"])
    until(jobs, held.id, "running")
    with pytest.raises(ImagineError, match="is running: stop it first"):
        jobs.remove(held.id)
    lost = jobs.submit(["list"], folder=gone)
    gone.rmdir()
    jobs.cancel(held.id)
    assert "is gone: submit it again" in jobs.wait(lost.id, timeout_s=60).message


def test_a_damaged_queue_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite").write_bytes(b"this is no database" * 100)
    with pytest.raises(ImagineError, match=r"The queue of jobs in .* is damaged .*: move jobs.sqlite away"):
        Jobs(tmp_path)
