"""From what photos say of themselves, and settings, to where their cameras hung."""

from __future__ import annotations

import pytest
from PIL import Image

from imagine_kernels.errors import DataError, DataNotFound, SettingError
from imagine_kernels.files import Files
from imagine_kernels.media.drone_photos import (
    FOCAL_ERROR,
    HEIGHT_ERROR_M,
    HORIZONTAL_ERROR_M,
    checked_settings,
    photo_geometry,
    read_drone_photos,
    sensors,
)
from imagine_kernels.media.photo_metadata import PhotoMetadata
from imagine_kernels.records.photo_geometry import PhotoGeometry


def metadata(**more) -> PhotoMetadata:
    plain = {
        "name": "a.jpg", "width": 5472, "height": 3648, "make": "DJI", "model": "FC6310", "lon": 2.75, "lat": 39.36, "relative_altitude_m": 10.0,
        "yaw_deg": 30.0, "pitch_deg": -90.0, "roll_deg": 0.0, "focal_mm": 8.8,
    }  # fmt: skip
    return PhotoMetadata(**{**plain, **more})


def told(problems) -> str:
    return " | ".join(str(each) for each in problems)


def test_the_sensor_is_known_by_the_model():
    geometry, problems = photo_geometry(metadata(), {})
    assert problems == []
    # 8.8 mm before 13.2 mm on which 5472 px lie.
    assert geometry.focal_px == pytest.approx(8.8 / 13.2 * 5472)
    assert (geometry.centre_x_px, geometry.centre_y_px) == (2736, 1824)
    assert geometry.focal_error == FOCAL_ERROR["sensor"]
    assert geometry.horizontal_error_m == HORIZONTAL_ERROR_M
    assert geometry.height_error_m == pytest.approx((HEIGHT_ERROR_M**2 + 0.25) ** 0.5)


def test_other_ways_to_the_focal_length():
    by_film, _ = photo_geometry(metadata(model="unheard of", focal_mm=None, focal_35mm_mm=24), {})
    # The diagonal of the photo over that of 24 mm by 36 mm.
    assert by_film.focal_px == pytest.approx(24 * (5472**2 + 3648**2) ** 0.5 / 43.2666, rel=1e-5)
    by_plane, _ = photo_geometry(metadata(model="", focal_plane_px_per_mm=400.0), {})
    assert by_plane.focal_px == pytest.approx(3520)
    calibrated, _ = photo_geometry(metadata(focal_px=3666.0, centre_px=(2700.0, 1850.0)), {})
    assert (calibrated.focal_px, calibrated.centre_x_px, calibrated.centre_y_px) == (3666, 2700, 1850)
    given, _ = photo_geometry(metadata(focal_px=3666.0), {"focal_length_mm": 10.0, "sensor_width_mm": 13.2})
    assert given.focal_px == pytest.approx(10 / 13.2 * 5472)


def test_a_smaller_copy_keeps_its_angle_of_view():
    whole, _ = photo_geometry(metadata(focal_px=3666.0, centre_px=(2700.0, 1850.0), taken_width=5472, taken_height=3648), {})
    small, _ = photo_geometry(
        metadata(width=1368, height=912, focal_px=3666.0, centre_px=(2700.0, 1850.0), taken_width=5472, taken_height=3648), {}
    )
    assert small.focal_px == pytest.approx(whole.focal_px / 4)
    assert (small.centre_x_px, small.centre_y_px) == (675, 462.5)


def test_a_crop_keeps_its_scale_and_is_told():
    cropped, problems = photo_geometry(metadata(width=1000, height=1000, taken_width=5472, taken_height=3648), {})
    assert cropped.focal_px == pytest.approx(8.8 / 13.2 * 5472)
    assert "was taken as a crop" in told(problems)


def test_real_time_kinematic_errors_are_taken():
    fixed, _ = photo_geometry(
        metadata(rtk_flag=50, std_lon_m=0.012, std_lat_m=0.031, std_height_m=0.05), {"terrain_error_m": 0.0}
    )
    assert (fixed.horizontal_error_m, fixed.height_error_m) == (0.031, 0.05)
    single, _ = photo_geometry(metadata(rtk_flag=16, std_lon_m=2.7, std_lat_m=1.5, std_height_m=3.7), {"terrain_error_m": 0.0})
    assert (single.horizontal_error_m, single.height_error_m) == (2.7, HEIGHT_ERROR_M)
    none, _ = photo_geometry(metadata(rtk_flag=0, std_lon_m=0.0, std_lat_m=0.0), {})
    assert none.horizontal_error_m == HORIZONTAL_ERROR_M


@pytest.mark.parametrize(
    ("more", "settings", "clause"),
    [
        ({"lat": None}, {}, "says no position of the camera"),
        ({"relative_altitude_m": None}, {}, "says no height; set altitude_m"),
        ({"relative_altitude_m": 0.0}, {}, "a height of 0 m above the place of take-off; set altitude_m"),
        ({"model": "", "focal_mm": None}, {}, "set focal_length_mm and sensor_width_mm"),
        ({"model": "Kodak"}, {}, "'Kodak' is not known; set sensor_width_mm"),
    ],
)
def test_what_is_missing_is_told_with_the_remedy(more, settings, clause):
    geometry, problems = photo_geometry(metadata(**more), settings)
    assert geometry is None
    assert clause in told(problems)
    assert [each.severity for each in problems] == ["error"]


@pytest.mark.parametrize(
    ("more", "clause"),
    [
        ({"relative_altitude_m": None, "absolute_altitude_m": 61.0}, "only its altitude above the sea or the ellipsoid, 61 m"),
        ({"pitch_deg": None}, "straight down was taken"),
        ({"yaw_deg": None}, "north was taken"),
        ({"pitch_deg": 0.0}, "0° below the horizon"),
        ({"wrong": ("its gimbal pitch is '-900'",)}, "its gimbal pitch is '-900'"),
        ({"focal_px": 8.8}, "was not believed"),
    ],
)
def test_what_is_doubtful_is_a_warning(more, clause):
    geometry, problems = photo_geometry(metadata(**more), {})
    assert geometry is not None
    assert clause in told(problems)
    assert {each.severity for each in problems} == {"warning"}


def test_settings_go_before():
    settings = {
        "altitude_m": 12.5,
        "yaw_deg": 5.0,
        "pitch_deg": -60.0,
        "horizontal_error_m": 0.1,
        "height_error_m": 0.2,
        "tilt_error_deg": 0.3,
        "yaw_error_deg": 0.4,
    }
    geometry, problems = photo_geometry(metadata(), settings)
    assert problems == []
    assert (geometry.height_m, geometry.yaw_deg, geometry.pitch_deg) == (12.5, 5, -60)
    assert (geometry.horizontal_error_m, geometry.height_error_m, geometry.tilt_error_deg, geometry.yaw_error_deg) == (
        0.1,
        0.2,
        0.3,
        0.4,
    )
    above, _ = photo_geometry(metadata(), {"takeoff_above_beach_m": 4.0})
    assert above.height_m == 14.0


@pytest.mark.parametrize("value", ["high", -1, float("nan"), 1e9])
def test_impossible_settings(value):
    with pytest.raises(SettingError, match="The setting altitude_m is"):
        checked_settings({"altitude_m": value})
    assert checked_settings({"altitude_m": None, "other": "text"}) == {}


def test_a_geometry_that_cannot_be():
    good = {
        "name": "a.jpg", "width": 10, "height": 10, "lon": 2.0, "lat": 39.0, "height_m": 10.0, "yaw_deg": 0.0, "pitch_deg": -90.0, "focal_px": 10.0,
        "centre_x_px": 5.0, "centre_y_px": 5.0, "horizontal_error_m": 1.0, "height_error_m": 1.0, "tilt_error_deg": 1.0, "yaw_error_deg": 1.0,
    }  # fmt: skip
    for name, value in (("lat", 91.0), ("height_m", 0.0), ("focal_px", float("nan")), ("tilt_error_deg", -1.0), ("width", 0)):
        with pytest.raises(DataError, match=rf"a\.jpg has the {name} .*, which cannot be"):
            PhotoGeometry(**{**good, name: value})
    with pytest.raises(DataError, match="2 numbers of distortion"):
        PhotoGeometry(**good, distortion=(0.1, 0.2))


def test_a_folder_is_read_whatever_lies_in_it(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "plain.jpg")
    (tmp_path / "broken.JPG").write_bytes(b"\xff\xd8\xff")
    with Files(tmp_path) as files:
        photos, problems = read_drone_photos(files, {})
    assert [photo.name for photo in photos] == ["plain.jpg"]
    assert photos[0].geometry is None
    assert {each.item for each in problems} == {"plain.jpg", "broken.JPG"}
    (tmp_path / "empty").mkdir()
    with Files(tmp_path / "empty") as files, pytest.raises(DataNotFound, match="holds nothing to work on"):
        read_drone_photos(files, {})


def test_sensors_have_the_shape_of_their_photos():
    table = sensors()
    assert len(table) >= 15
    for width, height in table.values():
        assert 1.3 < width / height < 1.6
        assert 4 < width < 36.1


def test_photos_from_the_ground_are_told_to_have_no_place(shared_data):
    with Files(shared_data("litter/aquatrash") / "Images") as files:
        photos, problems = read_drone_photos(files, {}, names=files.names(".jpg")[:20])
    assert len(photos) == 20
    assert all(photo.geometry is None for photo in photos)
    assert {each.item for each in problems} == {photo.name for photo in photos}
    assert any("says no position of the camera" in each.what for each in problems)
