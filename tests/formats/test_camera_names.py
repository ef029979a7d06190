"""Names of Argus, CoastSnap and SIRENA: the epoch is UTC and is believed, the text beside it is local and is checked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagine_kernels.errors import FormatError
from imagine_kernels.formats.camera_names import CameraName, format_name, name_table, parse_name

DUCK = datetime(2015, 10, 8, 14, 30, 1, tzinfo=UTC)


def test_argus_is_read_long_and_short() -> None:
    long = parse_name("collection/c1/1444314601.Thu.Oct.08_14_30_01.GMT.2015.argus02b.c1.timex.jpg")
    assert (long.network, long.site, long.camera, long.product, long.time_utc) == ("Argus", "argus02b", "c1", "timex", DUCK)
    assert long.notes == ()
    short = parse_name("1444314601_c2_timex.jpg")
    assert (short.network, short.site, short.camera, short.product, short.time_utc) == ("Argus", "", "c2", "timex", DUCK)
    assert parse_name("1444314601.Thu.Oct.08_14_30_01.GMT.2015.argus02b.cx.plan.png").product == "plan view"
    assert parse_name(r"c:\argus\1444314601_c2_bright.png").product == "brightest"


def test_the_text_of_coastsnap_is_local_and_its_epoch_utc() -> None:
    # 11 o'clock in Sydney is one o'clock in UTC.
    said = parse_name("1529715600.Sat.Jun.23_11_00_00.AEST.2018.manly.snap.contributor.jpg")
    assert (said.network, said.site, said.product, said.contributor, said.zone) == (
        "CoastSnap",
        "manly",
        "snapshot",
        "contributor",
        "AEST",
    )
    assert said.time_utc == datetime(2018, 6, 23, 1, tzinfo=UTC)
    assert said.notes == ()
    assert parse_name("1529715600.Sat.Jun.23_11_00_00.AEST.2018.manly.plan.jpg").contributor == ""
    assert parse_name("1529715600.Sat.Jun.23_06_45_00.+0545.2018.beach.snap.a.b.jpg").contributor == "a.b"


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("1529715600.Sat.Jun.23_11_00_00.GMT.2018.manly.snap.x.jpg", "the text says 2018-06-23 11:00:00 GMT"),
        ("1529715600.Sun.Jun.23_11_00_00.AEST.2018.manly.snap.x.jpg", "2018-06-23 was no Sun"),
        ("1529715600.Sat.Jun.23_11_07_00.XYZ.2018.manly.snap.x.jpg", "in no zone of the earth"),
        ("1529715600.Sat.Jun.31_11_07_00.XYZ.2018.manly.snap.x.jpg", "the text in the name is no time"),
        ("1529715600.Sat.Foo.23_11_07_00.XYZ.2018.manly.snap.x.jpg", "there is no month 'Foo'"),
    ],
)
def test_text_that_contradicts_the_epoch_is_noted(name: str, note: str) -> None:
    said = parse_name(name)
    assert note in said.notes[0]
    assert said.time_utc == datetime(2018, 6, 23, 1, tzinfo=UTC)


def test_sirena_is_utc_unless_another_zone_is_given() -> None:
    said = parse_name("clm_s_01_2011-11-27-12-00.png")
    assert (said.network, said.site, said.camera, said.product) == ("SIRENA", "clm", "01", "snapshot")
    assert said.time_utc == datetime(2011, 11, 27, 12, tzinfo=UTC)
    local = parse_name("clm_s_01_2011-11-27-12-00.png", zone=timezone(timedelta(hours=1)))
    assert local.time_utc == datetime(2011, 11, 27, 11, tzinfo=UTC)
    assert parse_name("snb_t_02_2011-11-27-09-00-30.png").product == "timex"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "IMG_0001.jpg",
        "1444314601.jpg",
        "clm_s_01_2011-13-27-12-00.png",
        "clm_s_01_2011-11-27.png",
        "99999999999_c1_timex.jpg.exe",
    ],
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(FormatError, match=r"rename it|is no name of a fixed camera"):
        parse_name(name)


TIMES = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)).map(lambda time: time.replace(microsecond=0, tzinfo=UTC))
WORDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=8)


@given(TIMES, WORDS, st.integers(1, 12), st.sampled_from(["snapshot", "timex", "variance", "brightest", "darkest"]))
def test_what_is_written_is_read_again(time: datetime, site: str, camera: int, product: str) -> None:
    for network, number in (("Argus", f"c{camera}"), ("CoastSnap", ""), ("SIRENA", f"{camera:02d}")):
        if network == "SIRENA" and product in ("brightest", "darkest"):
            continue
        said = CameraName(
            network=network,  # type: ignore[arg-type]
            site=site,
            camera=number,
            product=product,
            time_utc=time,
            contributor="who" if network == "CoastSnap" else "",
            zone="" if network == "SIRENA" else "GMT",
        )
        assert parse_name(format_name(said)) == said


@given(st.text(max_size=60))
def test_any_text_is_a_name_or_one_clear_error(name: str) -> None:
    said: CameraName | str
    try:
        said = parse_name(name)
    except FormatError as error:
        said = str(error)
    assert "\n" not in said if isinstance(said, str) else said.time_utc.tzinfo is UTC


def test_what_a_name_cannot_hold_is_refused() -> None:
    with pytest.raises(FormatError, match="No name of CoastSnap can hold"):
        format_name(
            CameraName(network="CoastSnap", site="my beach.2", camera="", product="snapshot", time_utc=DUCK, contributor="x")
        )


def test_a_folder_of_names_is_a_table_and_problems() -> None:
    names = ["b/clm_s_01_2011-11-27-12-00.png", "holiday.jpg", "1529715600.Sat.Jun.23_11_00_00.GMT.2018.manly.snap.x.jpg"]
    table, problems = name_table(names)
    assert table["file"].tolist() == [names[0], names[2]]
    assert str(table["time_utc"].dt.tz) == "UTC"
    assert [(each.item, each.severity) for each in problems] == [("holiday.jpg", "error"), (names[2], "warning")]


def test_real_names_are_understood(shared_data) -> None:
    files = sorted((shared_data("beach/argus-duck-timex")).rglob("*.jpg"))
    assert {parse_name(file.name).camera for file in files} >= {"c2", "c3"}
    assert {parse_name(file.name).time_utc.date().isoformat() for file in files} == {"2015-10-08"}
    for file in shared_data("beach/socib-beach-wracks").rglob("*.png"):
        assert parse_name(file.name).network == "SIRENA"
