"""EXIF and XMP of drones: files as several makers write them, made here byte by byte."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.spatial.transform import Rotation

from imagine_kernels.errors import DataNotFound, ImageError
from imagine_kernels.files import Files
from imagine_kernels.media.photo_metadata import photo_metadata, read_photo_metadata

#: Of a Phantom 4 RTK.
LENS = "-0.268652,0.114663,0.0000152688,-0.0000460707,-0.0350261"
DJI = 'xmlns:drone-dji="http://www.dji.com/drone-dji/1.0/"'
PACKET = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" {attributes}>{elements}</rdf:Description></rdf:RDF></x:xmpmeta>'
)


def photo(
    attributes: str = "",
    elements: str = "",
    *,
    gps: dict | None = None,
    exif: dict | None = None,
    main: dict | None = None,
    kind="JPEG",
):
    """The bytes of a small picture with such metadata."""
    written = Image.Exif()
    for tag, value in (main or {}).items():
        written[tag] = value
    if gps:
        written.get_ifd(0x8825).update(gps)
    if exif:
        written.get_ifd(0x8769).update(exif)
    xmp = PACKET.format(attributes=attributes, elements=elements).encode() if attributes or elements else None
    data = io.BytesIO()
    if kind == "TIFF" and xmp:
        written[700], xmp = xmp, None
    Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(data, kind, exif=written, **({"xmp": xmp} if xmp else {}))
    return data.getvalue()


def test_a_photo_of_dji():
    said = (
        f'{DJI} drone-dji:GpsLatitude="+39.358123456" drone-dji:GpsLongtitude="+2.751234567" drone-dji:AbsoluteAltitude="+62.300"'
        ' drone-dji:RelativeAltitude="+12.00" drone-dji:GimbalYawDegree="-124.40" drone-dji:GimbalPitchDegree="-89.90"'
        ' drone-dji:GimbalRollDegree="+0.00" drone-dji:FlightYawDegree="-123.00" drone-dji:CalibratedFocalLength="3666.666504"'
        ' drone-dji:CalibratedOpticalCenterX="2432.0" drone-dji:CalibratedOpticalCenterY="1824.0" drone-dji:RtkFlag="50"'
        ' drone-dji:RtkStdLon="0.01216" drone-dji:RtkStdLat="0.01303" drone-dji:RtkStdHgt="0.02689"'
    )
    data = photo(
        said,
        gps={1: "N", 2: (39.0, 21.0, 29.2), 3: "E", 4: (2.0, 45.0, 4.4), 5: b"\0", 6: 62.3},
        exif={0x9003: "2025:05:13 10:30:00", 0x9011: "+02:00", 0x920A: 8.8, 0xA405: 24, 0xA002: 4864, 0xA003: 3648},
        main={0x10F: "DJI", 0x110: "FC6310R"},
    )
    found = photo_metadata(data, "a.jpg")
    assert (found.make, found.model, found.width, found.height) == ("DJI", "FC6310R", 40, 30)
    assert (found.lat, found.lon) == (39.358123456, 2.751234567)
    assert (found.relative_altitude_m, found.absolute_altitude_m) == (12.0, 62.3)
    assert (found.yaw_deg, found.pitch_deg, found.roll_deg, found.flight_yaw_deg) == (-124.4, -89.9, 0.0, -123.0)
    assert (found.focal_mm, found.focal_35mm_mm, found.focal_px, found.centre_px) == (8.8, 24.0, 3666.666504, (2432.0, 1824.0))
    assert (found.taken_width, found.taken_height) == (4864, 3648)
    assert (found.rtk_flag, found.std_lon_m, found.std_lat_m, found.std_height_m) == (50, 0.01216, 0.01303, 0.02689)
    assert found.taken_at == "2025-05-13T10:30:00+02:00"
    assert found.wrong == ()


def test_references_of_exif_south_west_and_below_the_sea():
    gps = {1: "S", 2: (33.0, 51.0, 31.5), 3: "W", 4: (151.0, 12.0, 40.0), 5: b"\1", 6: 3.5, 7: (8.0, 5.0, 6.0), 29: "2024:02:29"}
    found = photo_metadata(photo(gps=gps), "a.jpg")
    assert found.lat == pytest.approx(-(33 + 51 / 60 + 31.5 / 3600))
    assert found.lon == pytest.approx(-(151 + 12 / 60 + 40 / 3600))
    assert found.absolute_altitude_m == -3.5
    assert found.taken_at == "2024-02-29T08:05:06+00:00"


@pytest.mark.parametrize(
    ("attributes", "elements"),
    [
        (
            'xmlns:drone="http://www.autelrobotics.com/drone/1.0/" drone:GimbalYawDegree="10"'
            ' drone:GimbalPitchDegree="-80" drone:GimbalRollDegree="1"',
            "",
        ),
        (
            'xmlns:drone-parrot="http://www.parrot.com/drone-parrot/1.0/"',
            "<drone-parrot:CameraYawDegree>10</drone-parrot:CameraYawDegree><drone-parrot:CameraPitchDegree>-80</drone-parrot:CameraPitchDegree>"
            "<drone-parrot:CameraRollDegree>1</drone-parrot:CameraRollDegree>",
        ),
        (
            'xmlns:s="https://www.skydio.com/drone-skydio/1.0/"',
            "<s:CameraOrientationNED>1, -80, 10</s:CameraOrientationNED>",
        ),
        (f'{DJI.replace("drone-dji=", "q=")} q:GimbalYawDegree="10" q:GimbalPitchDegree="-80" q:GimbalRollDegree="1"', ""),
    ],
)  # fmt: skip
def test_the_angles_of_other_makers(attributes, elements):
    found = photo_metadata(photo(attributes, elements), "a.jpg")
    assert (found.yaw_deg, found.pitch_deg, found.roll_deg) == (10, -80, 1)


@settings(deadline=None, max_examples=60)
@given(st.floats(-179, 179), st.floats(-80, 80), st.floats(-60, 60))
def test_mapping_angles_are_the_same_rotation(yaw, pitch, roll):
    angles = f'Camera:Yaw="{yaw}" Camera:Pitch="{pitch}" Camera:Roll="{roll}"'
    said = f'xmlns:Camera="http://pix4d.com/camera/1.0/" {angles} Camera:AboveGroundAltitude="311/10"'
    found = photo_metadata(photo(said), "a.jpg")
    assert found.relative_altitude_m == 31.1
    aircraft = Rotation.from_euler("ZYX", [yaw, pitch, roll], degrees=True).as_matrix()
    camera = Rotation.from_euler("ZYX", [found.yaw_deg, found.pitch_deg, found.roll_deg], degrees=True).as_matrix()
    # The camera looks along the belly of the aircraft, the top of the photo to its nose, the right to its right wing.
    np.testing.assert_allclose(camera[:, 0], aircraft[:, 2], atol=1e-9)
    np.testing.assert_allclose(-camera[:, 2], aircraft[:, 0], atol=1e-9)
    np.testing.assert_allclose(camera[:, 1], aircraft[:, 1], atol=1e-9)


def test_level_mapping_angles_look_straight_down():
    found = photo_metadata(
        photo('xmlns:Camera="http://pix4d.com/camera/1.0/" Camera:Yaw="30" Camera:Pitch="0" Camera:Roll="0"'), "a.jpg"
    )
    assert (found.yaw_deg, found.pitch_deg) == (pytest.approx(30), pytest.approx(-90))


def test_dewarping_data_are_from_the_middle():
    said = f'{DJI} drone-dji:DewarpFlag="0" drone-dji:DewarpData="2018-09-04;3678.87,3671.84,10.1,27.29,{LENS}"'
    found = photo_metadata(photo(said, exif={0xA002: 5472, 0xA003: 4104}), "a.jpg")
    assert found.focal_px == 3678.87
    assert found.centre_px == (pytest.approx(5472 / 2 + 10.1), pytest.approx(4104 / 2 + 27.29))
    assert found.distortion == (-0.268652, 0.114663, 0.0000152688, -0.0000460707, -0.0350261)
    assert photo_metadata(photo(said.replace('Flag="0"', 'Flag="1"')), "a.jpg").distortion == ()


@pytest.mark.parametrize(
    ("said", "clause"),
    [
        ('drone-dji:GimbalPitchDegree="-900"', "its gimbal pitch is '-900'"),
        ('drone-dji:GimbalYawDegree="nan"', "its gimbal yaw is 'nan'"),
        ('drone-dji:GpsLatitude="95" drone-dji:GpsLongitude="2"', "its latitude is '95'"),
        ('drone-dji:RelativeAltitude="high"', "its relativealtitude is 'high'"),
    ],
)
def test_what_cannot_be_is_left_out_and_told(said, clause):
    found = photo_metadata(photo(f"{DJI} {said}"), "a.jpg")
    assert any(clause in each for each in found.wrong)
    assert (found.pitch_deg, found.lat, found.relative_altitude_m) == (None, None, None)


def test_null_island_is_no_place():
    found = photo_metadata(photo(gps={1: "N", 2: (0.0, 0.0, 0.0), 3: "E", 4: (0.0, 0.0, 0.0)}), "a.jpg")
    assert (found.lat, found.lon) == (None, None)
    assert "stands for none" in found.wrong[0]


def test_damaged_and_hostile_xmp():
    bomb = b'<!DOCTYPE a [<!ENTITY b "boom"><!ENTITY c "&b;&b;">]><a>&c;</a>'
    for xmp, clause in ((b"<x:xmpmeta", "damaged"), (bomb, "damaged"), (b"<a>" + b"x" * 2_000_000, "bytes")):
        data = io.BytesIO()
        options = {"tiffinfo": {700: xmp}} if len(xmp) > 60_000 else {"xmp": xmp}
        Image.new("RGB", (8, 8)).save(data, "TIFF" if len(xmp) > 60_000 else "JPEG", **options)
        found = photo_metadata(data.getvalue(), "a.jpg")
        assert clause in found.wrong[0]
        assert found.lat is None


@settings(deadline=None, max_examples=80)
@given(st.binary(max_size=300), st.integers(0, 600))
def test_any_damage_ends_in_a_sentence_or_in_values(damage, at):
    whole = photo(f'{DJI} drone-dji:RelativeAltitude="5"', gps={1: "N", 2: (39.0, 21.0, 29.2), 3: "E", 4: (2.0, 45.0, 4.4)})
    data = whole[:at] + damage + whole[at + len(damage) :]
    said = ""
    try:
        found = photo_metadata(data, "a.jpg")
    except ImageError as error:
        said = str(error)
    assert (
        said == "a.jpg is not a picture that can be read: check the file." if said else found.lat is None or abs(found.lat) <= 90
    )


def test_a_picture_without_metadata_and_no_picture(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "plain.png")
    (tmp_path / "text.jpg").write_text("no picture")
    with Files(tmp_path) as files:
        plain = read_photo_metadata(files, "plain.png")
        assert (plain.width, plain.lat, plain.yaw_deg, plain.taken_at) == (8, None, None, "")
        with pytest.raises(ImageError, match="is not a picture"):
            read_photo_metadata(files, "text.jpg")
        with pytest.raises(DataNotFound, match=r"holds no none\.jpg"):
            read_photo_metadata(files, "none.jpg")


def test_a_tiff_with_xmp():
    data = photo(f'{DJI} drone-dji:RelativeAltitude="+7.5"', kind="TIFF")
    assert photo_metadata(data, "a.tif").relative_altitude_m == 7.5
