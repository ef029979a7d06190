"""The listing of use cases, as the hub reads it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import hub_running as running
import pytest
from imagine_hub.errors import ListingError
from imagine_hub.listing import ListingFile, parse, refresh


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "listing.json"


def good(tmp_path: Path) -> dict[str, object]:
    picture = tmp_path / "plankton.svg"
    picture.write_text(running.PICTURE, encoding="utf-8")
    return running.small_listing(picture)


def test_a_card_has_what_the_home_page_shows(tmp_path: Path) -> None:
    (card,) = parse(good(tmp_path)).cards
    assert card.model is not None
    assert card.model.figures == "0.87 (95 % interval 0.81–0.92, n = 64)"
    assert [(button.words, button.path) for button in card.buttons] == [
        ("Identify", "voila/render/zooscan/identify.ipynb"),
        ("Notebook", "lab/tree/zooscan/explore-and-train.ipynb"),
        ("Report", "voila/render/zooscan/report.ipynb"),
    ]


@pytest.mark.parametrize(
    ("metrics", "held_out", "figures"),
    [
        ({}, 64, ""),
        ({"balanced_accuracy": {"value": 0.5}}, None, "0.50"),
        ({"balanced_accuracy": {"value": 0.5}}, 12, "0.50 (n = 12)"),
        ({"balanced_accuracy": {"value": 0.5, "low": 0.4, "high": 0.6}}, None, "0.50 (95 % interval 0.40–0.60)"),
    ],
)
def test_figures_say_no_more_than_is_known(tmp_path: Path, metrics: object, held_out: object, figures: str) -> None:
    value = json.loads(json.dumps(good(tmp_path)))
    value["use_cases"][0]["model"] |= {"metrics": metrics, "n_held_out": held_out}
    (card,) = parse(value).cards
    assert card.model is not None
    assert card.model.figures == figures


def test_the_figure_is_the_one_that_the_listing_names(tmp_path: Path) -> None:
    value = json.loads(json.dumps(good(tmp_path)))
    (before,) = parse(value).cards
    value["use_cases"][0]["model"] |= {
        "headline": {"metric": "mean_iou", "title": "mean IoU", "on": "tiles"},
        "metrics": {"accuracy": {"value": 0.9}, "mean_iou": {"value": 0.81, "low": 0.76, "high": 0.85}},
    }
    (card,) = parse(value).cards
    assert before.model is not None
    assert before.model.measured == "Balanced accuracy on objects it has not seen"
    assert card.model is not None
    assert (card.model.measured, card.model.figures) == (
        "Mean IoU on tiles it has not seen",
        "0.81 (95 % interval 0.76–0.85, n = 64)",
    )


def test_a_use_case_without_a_model_or_a_picture_is_shown(tmp_path: Path) -> None:
    value = json.loads(json.dumps(good(tmp_path)))
    value["use_cases"][0] |= {"model": None, "picture": None}
    (card,) = parse(value).cards
    assert card.model is None
    assert card.picture is None


@pytest.mark.parametrize("value", [[], {"use_cases": [{"name": "zooscan"}]}, {}, {"use_cases": 3}, None])
def test_an_unexpected_listing_is_refused(value: object) -> None:
    with pytest.raises(ListingError, match="unexpected content: "):
        parse(value)


def test_no_listing_yet_is_said(path: Path) -> None:
    assert ListingFile(path).read().problem == "The list of use cases is being made: reload this page in a moment."


def test_a_changed_listing_is_read_again(tmp_path: Path, path: Path) -> None:
    listing = ListingFile(path)
    path.write_text(json.dumps({"use_cases": [], "style": None}), encoding="utf-8")
    assert listing.read().cards == ()
    path.write_text(json.dumps(good(tmp_path)), encoding="utf-8")
    assert [card.name for card in listing.read().cards] == ["zooscan"]
    assert listing.picture("zooscan") == tmp_path / "plankton.svg"
    assert listing.picture("other") is None


def test_a_broken_listing_is_said_in_our_own_style(tmp_path: Path, path: Path) -> None:
    listing = ListingFile(path)
    path.write_text(json.dumps(good(tmp_path)), encoding="utf-8")
    style = listing.read().style
    path.write_text("{", encoding="utf-8")
    broken = listing.read()
    assert broken.problem.startswith("The list of use cases cannot be read (")
    assert broken.style == style
    path.write_text(json.dumps(good(tmp_path)), encoding="utf-8")
    assert listing.read().problem == ""


def command(tmp_path: Path, code: str) -> tuple[str, str]:
    script = tmp_path / "command.py"
    script.write_text(code, encoding="utf-8")
    return sys.executable, str(script)


def test_what_the_command_says_is_kept(tmp_path: Path, path: Path) -> None:
    line = command(tmp_path, f"print({json.dumps(good(tmp_path))!r})")
    assert [card.name for card in refresh(path, line, os.environ).cards] == ["zooscan"]
    before = path.stat().st_mtime_ns
    refresh(path, line, os.environ)
    assert path.stat().st_mtime_ns == before


def test_a_command_that_fails_leaves_a_sentence(tmp_path: Path, path: Path) -> None:
    listing = refresh(path, command(tmp_path, "import sys; sys.exit('the library is not installed')"), os.environ)
    assert listing.problem.startswith("The list of use cases could not be made: ")
    assert listing.problem.endswith("said: the library is not installed")
    assert ListingFile(path).read().problem == listing.problem


def test_a_command_that_fails_does_not_take_a_good_listing_away(tmp_path: Path, path: Path) -> None:
    path.write_text(json.dumps(good(tmp_path)), encoding="utf-8")
    assert refresh(path, ("no-such-command-anywhere",), os.environ).problem != ""
    assert [card.name for card in ListingFile(path).read().cards] == ["zooscan"]
