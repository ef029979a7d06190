"""The figures of use: exact on a scripted month, silent about single people, unmoved by what users write into their files."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imagine_hub.settings import REPOSITORY, Settings
from imagine_hub.usage.book import Book, Office, as_csv
from imagine_hub.usage.events import MonthlyFile, configure_usage, read_events
from imagine_hub.usage.figures import ALL, SUMS, Tally, tally
from imagine_hub.usage.ledger import Ledger
from imagine_hub.usage.lines import MOST_BYTES, read_lines
from imagine_hub.usage.months import MonthError, between, bounds, check_month, month_of
from imagine_hub.usage.persons import Pseudonyms
from imagine_hub.usage.places import Accounting
from imagine_hub.usage.privacy import Table, publish
from imagine_hub.usage.records import Held, Mark, Records, Session, Used, Verb
from imagine_hub.usage.sessions import sessions_of
from jupyter_events import EventLogger
from traitlets.config import Config

SCHEMA = "https://schema.jupyter.org/jupyterhub/events/server-action"


def at(text: str) -> float:
    """Seconds since 1970 of a time in UTC: ``at("11-03 10:00")`` in 2026."""
    return datetime.strptime(f"2026-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=UTC).timestamp()


def line(text: str, verb: str, use_case: str, n: int, wall_s: float, outcome: str = "done", origin: str = "python") -> str:
    moment = datetime.fromtimestamp(at(text), UTC).isoformat(timespec="seconds")
    row = {"at": moment, "verb": verb, "use_case": use_case, "n": n, "wall_s": wall_s, "cpu_s": 1.0, "gpu_s": 0.0}
    return json.dumps({**row, "outcome": outcome, "origin": origin}) + "\n"


def event(text: str, action: str, user: str) -> str:
    # With the zone written twice, as JupyterHub's logger does.
    moment = f"{datetime.fromtimestamp(at(text) + 5, UTC).isoformat()}Z"
    return (
        json.dumps({"__timestamp__": moment, "__schema__": SCHEMA, "action": action, "username": user, "servername": ""}) + "\n"
    )


@pytest.fixture
def accounting(tmp_path: Path) -> Accounting:
    (tmp_path / "listing.json").write_text('{"use_cases": [{"name": "zooscan"}, {"name": "litter"}]}', encoding="utf-8")
    (tmp_path / "homes").mkdir()
    return Accounting(state=str(tmp_path), left_out=("olga",), smallest_group=1)


def home_lines(state: Path, user: str, month: str, text: str) -> Path:
    folder = state / "homes" / user / "imagine" / "usage"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{month}.jsonl").write_text(text, encoding="utf-8")
    return folder


def scripted(state: Path, office: Office) -> None:
    """Autumn 2026, by hand. The truth stands in the tests as numbers, worked out on paper."""
    ledger = office.ledger
    # Anna: two hours with two processors; ten minutes of zooscan and thirty of litter, so a quarter and three quarters.
    ledger.started("anna", profile="small", cpus=2, country="DE", at=at("11-03 10:00"))
    ledger.sample("anna", "", at("11-03 10:00"), at("11-03 11:00"), cpu_s=3600)
    ledger.sample("anna", "", at("11-03 10:00"), at("11-03 12:00"), cpu_s=5400)
    ledger.stopped("anna", at=at("11-03 12:00"))
    text = line("11-03 10:30", "identify", "zooscan", 100, 600.0) + line(
        "11-03 11:30", "train", "litter", 50, 1800.0, origin="job"
    )
    home_lines(state, "anna", "2026-11", text + line("11-03 11:40", "report", "zooscan", 100, 0.0, "cancelled"))
    # JupyterHub has seen the same start and stop, five seconds later.
    (state / "events-2026-11.jsonl").write_text(event("11-03 10:00", "start", "anna") + event("11-03 12:00", "stop", "anna"))
    # Bruno: across the end of October, without a limit: 2 h and 3 h, ten hours of processor in them.
    ledger.started("bruno", country="FR", at=at("10-31 22:00"))
    ledger.sample("bruno", "", at("10-31 22:00"), at("11-01 03:00"), cpu_s=36_000)
    ledger.stopped("bruno", at=at("11-01 03:00"))
    # Carla: a crash, last seen after an hour and a half; the next day a quarter of an hour. With a GPU.
    ledger.started("carla", profile="gpu", cpus=4, gpus=1, country="DE", at=at("11-10 08:00"))
    ledger.sample("carla", "", at("11-10 08:00"), at("11-10 09:30"), cpu_s=900, gpu_s=1800)
    ledger.started("carla", profile="gpu", cpus=4, gpus=1, country="DE", at=at("11-11 08:00"))
    ledger.stopped("carla", at=at("11-11 08:15"))
    # In a container her lines lie elsewhere.
    (state / "usage" / "carla").mkdir(parents=True)
    (state / "usage" / "carla" / "2026-11.jsonl").write_text(line("11-10 09:00", "identify", "zooscan", 7, 60.0, "failed"))
    # Dmitri: across the end of November, with a use case that the hub does not know.
    ledger.started("dmitri", profile="small", cpus=1, at=at("11-30 23:30"))
    ledger.stopped("dmitri", at=at("12-01 01:30"))
    home_lines(state, "dmitri", "2026-11", line("11-30 23:45", "identify", "my_own", 10, 5.0))
    # Emil's server did not come up; Olga is staff.
    ledger.started("emil", cpus=2, at=at("11-20 08:00"))
    ledger.stopped("emil", reason="failed", at=at("11-20 08:02"))
    ledger.started("olga", cpus=8, gpus=1, at=at("11-01 08:00"))
    ledger.sample("olga", "", at("11-01 08:00"), at("11-01 18:00"), cpu_s=99_999, gpu_s=9_999)
    ledger.stopped("olga", at=at("11-01 18:00"))
    home_lines(state, "olga", "2026-11", line("11-01 09:00", "identify", "zooscan", 1_000_000, 60.0))
    ledger.measured_homes({"anna": 2_000_000_000, "bruno": 1_000_000_000, "olga": 9_000_000_000}, at("11-02 00:00"))
    ledger.measured_homes({"anna": 3_000_000_000}, at("11-29 00:00"))


TRUTH = {
    # users, new, returning, sessions, session_h, cpu allocated, cpu used, gpu allocated, gpu used, calls, failed, jobs, objects, GB
    "all": (4, 3, 1, 4, 7.25, 17.5, 7.75, 1.75, 0.5, 5, 1, 1, 160, 4.0),
    "zooscan": (2, 2, 0, 1, 2.0, 7.0, 0.625, 1.5, 0.5, 3, 1, 0, 100, None),
    "litter": (1, 1, 0, 1, 1.5, 3.0, 1.125, 0, 0, 1, 0, 1, 50, None),
    "none": (2, 1, 1, 1, 3.25, 7.0, 6.0, 0.25, 0, 0, 0, 0, 0, None),
    "unlisted": (1, 1, 0, 1, 0.5, 0.5, 0, 0, 0, 1, 0, 0, 10, None),
}


def row(table: Table, use_case: str) -> tuple[float | None, ...]:
    found = table.row(use_case)
    assert found is not None
    return tuple(found.values.values())


def test_a_scripted_month_is_exact(tmp_path: Path, accounting: Accounting) -> None:
    office = Office(accounting)
    scripted(tmp_path, office)
    tables = {table.month: table for table in office.book(now=at("12-05 00:00")).tables}
    assert list(tables) == ["2026-10", "2026-11", "2026-12"]
    november = tables["2026-11"]
    assert {each.use_case: row(november, each.use_case) for each in november.rows} == {
        name: pytest.approx(values, abs=5e-4) for name, values in TRUTH.items()
    }
    assert november.countries == {"DE": 2, "FR": 1, "unknown": 1}
    # October has its two hours of Bruno, and the session, which began there; December has Dmitri's hour and a half.
    assert row(tables["2026-10"], "all") == pytest.approx((1, 1, 0, 1, 2.0, 4.0, 4.0, 0, 0, 0, 0, 0, 0, None), abs=5e-4)
    assert row(tables["2026-12"], "all")[:6] == (1, 0, 1, 0, 1.5, 1.5)
    # Nothing measured processors in December.
    assert row(tables["2026-12"], "all")[6] is None


def test_a_month_is_closed_once_and_never_changes(tmp_path: Path, accounting: Accounting) -> None:
    office = Office(accounting)
    scripted(tmp_path, office)
    assert office.close_months(now=at("12-01 12:00")) == ["2026-10"]
    assert office.close_months(now=at("12-05 00:00")) == ["2026-11"]
    before = office.book(now=at("12-05 00:00"))
    assert [table.final for table in before.tables] == [True, True, False]
    assert [table.month for table in before.visible(running=False)] == ["2026-10", "2026-11"]
    assert row(before.tables[1], "all") == pytest.approx(TRUTH["all"], abs=5e-4)
    # A user rewrites what happened; the operator takes another smallest group.
    home_lines(tmp_path, "anna", "2026-11", line("11-03 10:30", "identify", "zooscan", 99_999, 600.0) * 100)
    assert Office(accounting).book(now=at("12-05 00:00")).tables[:2] == before.tables[:2]
    # Three years later the single records are gone and the figures are there.
    old = Office(Accounting(state=accounting.state, keep_months=1, smallest_group=1, left_out=("olga",)))
    old.close_months(now=at("12-05 00:00"))
    assert {month_of(mark.at) for mark in old.ledger.marks()} == {"2026-11", "2026-12"}
    later = datetime(2027, 6, 1, tzinfo=UTC).timestamp()
    old.close_months(now=later)
    assert not old.ledger.marks()
    assert not old.ledger.used()
    assert not list(tmp_path.glob("events-*.jsonl"))
    assert [table.month for table in old.book(now=later).tables][:2] == ["2026-10", "2026-11"]
    assert old.book(now=later).tables[1] == before.tables[1]


def test_who_was_here_before_is_not_new_after_a_month_is_closed(tmp_path: Path, accounting: Accounting) -> None:
    office = Office(accounting)
    scripted(tmp_path, office)
    office.close_months(now=at("12-05 00:00"))
    office.ledger.started("anna", cpus=1, at=at("12-02 08:00"))
    office.ledger.stopped("anna", at=at("12-02 09:00"))
    december = office.book(now=at("12-05 00:00")).tables[-1]
    assert row(december, "all")[:3] == (2, 0, 2)


def test_the_csv_can_be_read(tmp_path: Path, accounting: Accounting) -> None:
    import io

    office = Office(accounting)
    scripted(tmp_path, office)
    table = pd.read_csv(io.StringIO(as_csv(office.book(now=at("12-05 00:00")).tables)))
    november = table[table["month"] == "2026-11"].set_index("use_case")
    assert november.loc["all", "session_h"] == 7.25
    assert november.loc["all", "countries"] == "DE:2;FR:1;unknown:1"
    parts = november.drop(index="all")
    for column in SUMS[:-1]:
        assert parts[column].sum() == pytest.approx(november.loc["all", column], abs=5e-3), column
    assert set(table["final"]) == {"no"}


def test_leases_say_when_gpus_were_set_aside() -> None:
    session = Session("p", "", at("11-05 10:00"), at("11-05 12:00"), "gpu", 4, 1)
    # Ten minutes before the server was up, and given back half an hour before it stopped; one that began in October.
    held = (Held("p", "", at("11-05 09:50"), at("11-05 11:30")), Held("q", "", at("10-31 23:00"), at("11-01 00:15")))
    verb = Verb("p", at("11-05 11:00"), "train", "zooscan", 5, 60.0, "done", "job")
    counted = tally(Records((session,), held=held, verbs=(verb,)), "2026-11")
    # The ten minutes belong to the server that was coming up; nobody saw one of the other.
    assert counted.parts["zooscan"]["gpu_allocated_h"]["p"] == pytest.approx(1 + 40 / 60)
    assert counted.parts["none"]["gpu_allocated_h"] == {"q": 0.25}
    assert counted.people == {ALL: {"p", "q"}, "zooscan": {"p"}, "none": {"q"}}


def test_two_servers_of_one_person_add_up_and_sessions_within_an_hour_share_it() -> None:
    sessions = (
        Session("p", "a", at("11-05 10:00"), at("11-05 11:00"), cpus=1),
        Session("p", "b", at("11-05 10:30"), at("11-05 11:30"), cpus=2),
        Session("p", "a", at("11-05 11:00"), at("11-05 11:15"), cpus=8),
    )
    used = (Used(int(at("11-05 10:00") // 3600), "p", "b", 900.0, 0.0, at("11-05 11:00")),)
    counted = tally(Records(sessions, used), "2026-11")
    assert counted.parts["none"]["session_h"]["p"] == 2.25
    assert counted.parts["none"]["cpu_allocated_h"]["p"] == 5.0
    assert counted.parts["none"]["cpu_used_h"]["p"] == 0.25
    assert counted.people[ALL] == {"p"}


def test_what_a_server_used_before_it_was_up_is_its_own() -> None:
    session = Session("p", "", at("11-05 11:00"), at("11-05 12:00"), cpus=1)
    used = (
        Used(int(at("11-05 10:00") // 3600), "p", "", 36.0, 0.0, at("11-05 10:59")),
        Used(int(at("11-09 10:00") // 3600), "p", "", 72.0, 0.0, at("11-09 10:59")),
    )
    verb = Verb("p", at("11-05 11:30"), "train", "zooscan", 5, 60.0, "done", "job")
    counted = tally(Records((session,), used, verbs=(verb,)), "2026-11")
    assert {name: dict(columns["cpu_used_h"]) for name, columns in counted.parts.items()} == {
        "zooscan": {"p": 0.01},
        "none": {"p": 0.02},
    }


def test_months_are_calendar_months_in_utc() -> None:
    assert bounds("2026-12") == (at("12-01 00:00"), datetime(2027, 1, 1, tzinfo=UTC).timestamp())
    assert between("2026-11", "2027-02") == ["2026-11", "2026-12", "2027-01", "2027-02"]
    for wrong in ("2026-13", "2026-1", "november", "2026-11-01"):
        with pytest.raises(MonthError, match="A month is written as 2026-11"):
            check_month(wrong)


# Sessions


def marks(*texts: str) -> list[Mark]:
    """``"spawner start 11-05 10:00"`` for one person."""
    found = []
    for text in texts:
        origin, action, day, clock, *reason = text.split()
        found.append(Mark(at(f"{day} {clock}"), "p", "", action, origin, reason="".join(reason)))
    return found


def lengths(found: tuple[Session, ...]) -> list[tuple[str, str]]:
    return [tuple(datetime.fromtimestamp(t, UTC).strftime("%d %H:%M") for t in (each.since, each.until)) for each in found]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        # Both witnesses, one session.
        (
            ("spawner start 11-05 10:00", "hub start 11-05 10:01", "spawner stop 11-05 11:00", "hub stop 11-05 11:01"),
            [("05 10:00", "05 11:00")],
        ),
        # The hub alone, as before there was a ledger.
        (("hub start 11-05 10:01", "hub stop 11-05 11:01"), [("05 10:01", "05 11:01")]),
        # A crash before the hub could say that it had started, then a start that both saw.
        (
            ("spawner start 11-05 10:00", "spawner start 11-05 12:00", "hub start 11-05 12:01", "hub stop 11-05 13:00"),
            [("05 10:00", "05 10:40"), ("05 12:00", "05 13:00")],
        ),
        # A crash in between: nobody saw the first one stop, and its last reading was at 10:40.
        (
            ("hub start 11-05 10:01", "hub start 11-05 12:00", "hub stop 11-05 13:00"),
            [("05 10:01", "05 10:40"), ("05 12:00", "05 13:00")],
        ),
        # It never came up.
        (("spawner start 11-05 10:00", "spawner stop 11-05 10:01 failed"), []),
        # A stop without a start.
        (("hub stop 11-05 10:00",), []),
        # Still running, or gone long ago: now is the 6th, and the last reading was on the 5th.
        (("spawner start 11-05 10:00",), [("05 10:00", "05 10:40")]),
        (("spawner start 11-05 23:55",), [("05 23:55", "06 00:00")]),
    ],
)
def test_starts_and_stops_become_sessions(given: tuple[str, ...], expected: list[tuple[str, str]]) -> None:
    used = [Used(int(at("11-05 10:00") // 3600), "p", "", 1.0, 0.0, at("11-05 10:40"))]
    assert lengths(sessions_of(marks(*given), used, (), at("11-06 00:00"))) == expected


def test_where_nothing_was_measured_the_last_verb_is_the_last_sign_of_life() -> None:
    verb = Verb("p", at("11-05 10:30"), "identify", "zooscan", 1, 1.0, "done", "python")
    assert lengths(sessions_of(marks("spawner start 11-05 10:00"), (), [verb], at("11-06 00:00"))) == [("05 10:00", "05 10:30")]


# The ledger and the events


def test_readings_are_counted_once_and_a_counter_that_goes_back_takes_nothing_away(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "usage.sqlite", Pseudonyms("salt"))
    begin = at("11-05 10:30")
    for minute, cpu_s in ((0, 0.0), (10, 60.0), (20, 50.0), (50, 110.0)):
        ledger.sample("anna", "", begin, begin + minute * 60, cpu_s=cpu_s, memory_bytes=minute)
    # Another start: the counter begins again.
    ledger.sample("anna", "", begin + 7200, begin + 7260, cpu_s=5.0)
    by_hour = {hour.hour - int(begin // 3600): hour.cpu_s for hour in ledger.used()}
    # From 10:50 to 11:20 sixty seconds: a third before eleven.
    assert by_hour == pytest.approx({0: 60 + 20, 1: 40, 2: 5})
    # Where nothing measures, it is not zero but unknown.
    ledger.sample("bruno", "", begin, begin + 60)
    assert [hour.cpu_s for hour in ledger.used() if hour.person == Pseudonyms("salt").of("bruno")] == [None]


def test_the_ledger_is_private_and_names_nobody(tmp_path: Path) -> None:
    ledger = Ledger.of(Settings().replace("state", folder=str(tmp_path)))
    ledger.started("anna-with-a-name", cpus=1)
    ledger.sample("anna-with-a-name", "", 1.0, 2.0, cpu_s=1.0)
    ledger.measured_homes({"anna-with-a-name": 1}, 1.0)
    ledger.close()
    for name in ("usage.sqlite", "usage_salt"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert b"anna" not in (tmp_path / "usage.sqlite").read_bytes()


def test_a_ledger_that_cannot_be_written_keeps_nobody_from_working(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    Ledger(tmp_path / "file" / "usage.sqlite", Pseudonyms("salt")).started("anna")
    (tmp_path / "usage.sqlite").write_bytes(b"no database at all" * 100)
    Ledger(tmp_path / "usage.sqlite", Pseudonyms("salt")).stopped("anna")
    assert caplog.text.count("A start or stop could not be written to the ledger") == 2


WRITER = """
import sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from imagine_hub.usage.ledger import Ledger
from imagine_hub.usage.persons import Pseudonyms
ledger = Ledger(Path(sys.argv[2]), Pseudonyms("salt"))
print("ready", flush=True)
for number in range(int(sys.argv[4])):
    ledger.started(sys.argv[3], at=float(number))
    ledger.sample(sys.argv[3], "", 0.0, float(number), cpu_s=float(number))
    time.sleep(0.002)
"""


def test_several_may_write_at_once_and_one_may_be_killed(tmp_path: Path) -> None:
    path = tmp_path / "usage.sqlite"

    def writer(user: str, count: int) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", WRITER, str(REPOSITORY / "hub"), str(path), user, str(count)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    first, second, killed = writer("anna", 40), writer("bruno", 40), writer("carla", 100_000)
    assert killed.stdout is not None
    killed.stdout.readline()
    assert first.wait(60) == second.wait(60) == 0
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    ledger = Ledger(path, Pseudonyms("salt"))
    persons = [mark.person for mark in ledger.marks()]
    assert [persons.count(Pseudonyms("salt").of(user)) for user in ("anna", "bruno")] == [40, 40]
    used = defaultdict(float)
    for hour in ledger.used():
        used[hour.person] += hour.cpu_s or 0
    assert used[Pseudonyms("salt").of("anna")] == 39.0
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_jupyterhub_writes_its_events_to_a_private_file_per_month(tmp_path: Path) -> None:
    c = Config()
    configure_usage(c, Settings().replace("state", folder=str(tmp_path)))
    schema = next((Path(sys.modules["jupyter_events"].__file__ or "").parents[1] / "jupyterhub").glob("event-schemas/*/v1.yaml"))
    logger = EventLogger(config=c)
    logger.register_event_schema(schema)
    logger.emit(schema_id=SCHEMA, data={"action": "start", "username": "anna", "servername": ""})
    file = tmp_path / "events.jsonl"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    # Written last in October: the next event opens a new file.
    os.utime(file, (at("10-20 00:00"),) * 2)
    logger.emit(schema_id=SCHEMA, data={"action": "stop", "username": "anna", "servername": ""})
    assert sorted(path.name for path in tmp_path.glob("events*")) == ["events-2026-10.jsonl", "events.jsonl"]
    with file.open("a", encoding="utf-8") as stream:
        stream.write('not json\n{"__schema__": "other"}\n[]\n')
    print(file.read_text())
    found = read_events(file, Pseudonyms("salt"))
    assert [(mark.action, mark.person, mark.origin) for mark in found] == [
        ("start", Pseudonyms("salt").of("anna"), "hub"),
        ("stop", Pseudonyms("salt").of("anna"), "hub"),
    ]
    assert MonthlyFile(file) == MonthlyFile(file)
    off = Config()
    configure_usage(off, Settings().replace("usage", enabled=False))
    assert off.EventLogger.handlers == []


# Pseudonyms and what may be shown


def test_pseudonyms_are_stable_and_need_the_salt(tmp_path: Path) -> None:
    first = Pseudonyms.in_file(tmp_path / "state" / "usage_salt")
    again = Pseudonyms.in_file(tmp_path / "state" / "usage_salt")
    assert first.of("anna") == again.of("anna") != first.of("bruno")
    # Trying every name without the salt finds nothing.
    guessed = {Pseudonyms(salt).of("anna") for salt in ("", "0", "salt", "anna")}
    assert first.of("anna") not in guessed
    assert len({first.of(f"user{number}") for number in range(2000)}) == 2000


def counted(people: dict[str, set[str]], sums: dict[str, dict[str, dict[str, float]]] | None = None) -> Tally:
    result = Tally("2026-11", measured=True)
    for use_case, persons in people.items():
        for person in persons:
            result.there(person, use_case)
            if sums is None:
                result.add(use_case, "session_h", person, 1.0)
    for use_case, columns in (sums or {}).items():
        for column, values in columns.items():
            for person, value in values.items():
                result.add(use_case, column, person, value)
    return result


def persons(*numbers: int) -> set[str]:
    return {f"p{number}" for number in numbers}


def test_small_groups_are_merged() -> None:
    table = publish(counted({"zooscan": persons(*range(8)), "litter": persons(8, 9), "beach": persons(9, 10, 11)}), {}, 5)
    # Litter and beach together are four people, so zooscan joins them, and that is everybody.
    assert [each.use_case for each in table.rows] == ["all"]
    table = publish(counted({"zooscan": persons(*range(8)), "litter": persons(8, 9), "beach": persons(9, 10, 11, 12)}), {}, 5)
    assert {each.use_case: each.values["users"] for each in table.rows} == {"all": 13, "zooscan": 8, "others": 5}
    assert {each.use_case: each.values["session_h"] for each in table.rows} == {"all": 14.0, "zooscan": 8.0, "others": 6.0}


def test_a_month_of_few_people_is_not_shown() -> None:
    assert publish(counted({"zooscan": persons(1, 2, 3, 4)}), {}, 5).rows == ()
    assert publish(counted({"zooscan": persons(1, 2, 3, 4, 5)}), {}, 5).rows != ()


def test_the_only_gpu_user_among_many_is_not_shown_in_any_row() -> None:
    sums = {
        "zooscan": {"gpu_used_h": {"p0": 40.0}, "session_h": {f"p{n}": 1.0 for n in range(10)}},
        "litter": {"gpu_used_h": {f"p{n}": 1.0 for n in range(10, 16)}, "session_h": {f"p{n}": 2.0 for n in range(10, 20)}},
        "noise": {"gpu_used_h": {f"p{n}": 1.0 for n in range(20, 30)}, "session_h": {f"p{n}": 3.0 for n in range(20, 30)}},
    }
    people = {"zooscan": persons(*range(10)), "litter": persons(*range(10, 20)), "noise": persons(*range(20, 30))}
    table = publish(counted(people, sums), {}, 5)
    cells = {each.use_case: each.values["gpu_used_h"] for each in table.rows}
    # Litter is left empty too: 56 − 10 − 6 would be the forty hours of one person.
    assert cells == {"all": 56.0, "zooscan": None, "litter": None, "noise": 10.0}
    assert {each.use_case: each.values["session_h"] for each in table.rows} == {
        "all": 60,
        "zooscan": 10,
        "litter": 20,
        "noise": 30,
    }


def test_new_and_returning_people_are_shown_together_or_not_at_all() -> None:
    everybody = persons(*range(12))
    seen = {(f"p{number}", name): "2026-09" for number in range(11) for name in (ALL, "zooscan")}
    values = publish(counted({"zooscan": everybody}), seen, 5).rows[0].values
    assert (values["users"], values["new_users"], values["returning_users"]) == (12, None, None)
    values = publish(counted({"zooscan": everybody}), dict.fromkeys(list(seen)[:12], "2026-09"), 5).rows[0].values
    assert (values["users"], values["new_users"], values["returning_users"]) == (12, 6, 6)


def test_small_countries_are_merged_so_that_the_rest_cannot_be_worked_out() -> None:
    made = counted({"zooscan": persons(*range(13))})
    made.countries = {f"p{n}": "DE" if n < 6 else "FR" if n < 12 else "NO" for n in range(13)}
    # Norway alone is one person; France, as large as Germany, joins it.
    assert publish(made, {}, 5).countries == {"DE": 6, "others": 7}


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "c", "d", "none"]),
        st.dictionaries(st.integers(0, 13), st.integers(0, 3), min_size=1),
        min_size=1,
    ),
    st.integers(2, 5),
)
def test_nothing_that_is_shown_or_can_be_worked_out_is_about_a_few(given_: dict[str, dict[int, int]], smallest: int) -> None:
    sums = {
        name: {"gpu_used_h": {f"p{n}": float(value) for n, value in values.items() if value}} for name, values in given_.items()
    }
    made = counted({name: persons(*values) for name, values in given_.items()}, sums)
    table = publish(made, {}, smallest)
    everybody = {person for values in given_.values() for person in persons(*values)}
    if len(everybody) < smallest:
        assert not table.rows
        return
    contributors = {name: set(columns["gpu_used_h"]) for name, columns in sums.items()}
    single = {each.use_case: each.values for each in table.rows if each.use_case not in (ALL, "others")}
    total = set().union(*contributors.values())
    shown = {name for name, values in single.items() if values["gpu_used_h"] is not None}
    for name in single:
        # Every row is about enough people, and so is every figure in it.
        assert len(made.people[name]) >= smallest
        if name in shown:
            assert not 0 < len(contributors[name]) < smallest
    whole = table.rows[0].values
    if whole["gpu_used_h"] is not None:
        assert not 0 < len(total) < smallest
    rest = [name for name in contributors if name not in shown]
    others = table.row("others")
    merged = set().union(*(contributors[name] for name in contributors if name not in single))
    if others is not None and others.values["gpu_used_h"] is not None:
        assert not 0 < len(merged) < smallest
        rest = [name for name in rest if name in single]
    if whole["gpu_used_h"] is not None:
        # Total minus what is shown.
        assert not 0 < len(set().union(*(contributors[name] for name in rest))) < smallest
    for name, values in {**single, ALL: whole}.items():
        without = len(everybody) - len(made.people[name])
        if values["users"] is not None:
            assert without == 0 or without >= smallest


# What users write


def test_hostile_lines_are_passed_over_and_counted(tmp_path: Path) -> None:
    accounting = Accounting(state=str(tmp_path))
    good = line("11-03 10:30", "identify", "zooscan", 100, 600.0)
    bad = [
        "not json",
        "[]",
        "null",
        "[" * 1500,
        '{"at": 5}',
        good.strip().replace("100", "-1"),
        good.strip().replace("100", "1e300"),
        good.strip().replace("100", "true"),
        good.strip().replace("100", "1.5"),
        good.strip().replace("600.0", "NaN"),
        good.strip().replace("600.0", "1e400"),
        good.strip().replace("100", "9" * 1200),
        good.strip().replace("identify", "<script>alert(1)</script>"),
        good.strip().replace("done", "excellent"),
        good.strip().replace("zooscan", "x" * 2000),
        # Another month, the future, no zone, nonsense.
        good.strip().replace("2026-11-03", "2026-10-03"),
        good.strip().replace("2026-11-03", "2026-11-29"),
        good.strip().replace("+00:00", ""),
        good.strip().replace("2026-11-03", "99999-01-01"),
        "\x00\x01\x02",
        "{" + '"a":' * 300 + "1",
    ]
    assert len(set(bad)) == len(bad)
    folder = home_lines(tmp_path, "anna", "2026-11", good + "\n".join(bad) + "\n" + good.replace("zooscan", "rude_words"))
    (folder / "2026-11.jsonl").open("ab").write(b"\xff\xfe\xff\n")
    secret = tmp_path / "secret.jsonl"
    secret.write_text(good * 5, encoding="utf-8")

    def other(user: str) -> Path:
        folder = tmp_path / "homes" / user / "imagine" / "usage"
        folder.mkdir(parents=True)
        return folder / "2026-11.jsonl"

    other("link").symlink_to(secret)
    os.mkfifo(other("pipe"))
    other("folder").mkdir()
    os.link(secret, other("hardlink"))
    (tmp_path / "homes" / "linked-folder").mkdir()
    (tmp_path / "homes" / "linked-folder" / "imagine").symlink_to(folder.parent)
    (tmp_path / "homes" / "linked-home").symlink_to(tmp_path / "homes" / "anna")
    (tmp_path / "homes" / "a-file").write_text("", encoding="utf-8")
    big = other("big")
    with big.open("wb") as stream:
        stream.write(good.encode())
        stream.truncate(50_000_000_000)
    found = read_lines(accounting.files, Pseudonyms("salt"), ["2026-11"], frozenset({"zooscan"}), at("11-20 00:00"))
    assert [(verb.use_case, verb.n) for verb in found.verbs if verb.person == Pseudonyms("salt").of("anna")] == [
        ("unlisted", 100),
        ("zooscan", 100),
    ]
    # Of the big file the first line, and none of the others.
    assert {verb.person for verb in found.verbs} == {Pseudonyms("salt").of(user) for user in ("anna", "big")}
    assert found.skipped == len(bad) + 1 + 4 + 1
    assert MOST_BYTES < 50_000_000_000


def test_no_figures_yet(tmp_path: Path) -> None:
    assert Office(Accounting(state=str(tmp_path / "new"))).book(now=at("11-05 00:00")) == Book(
        (Table("2026-11", (), {}, 5, final=False),), 0
    )
