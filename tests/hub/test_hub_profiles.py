"""Sizes of servers: who may choose which, and what becomes of whatever is posted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imagine_hub.profiles import ProfileError, choose, offered, options_from_form, size_words
from imagine_hub.settings import Profile, Settings
from imagine_hub.spawn_form import SizesForm, configure_profiles, read_form
from traitlets.config import Config

SIZES = Settings().profiles
NOTHING = [None, {}, {"profile": None}]
HOSTILE: list[Any] = [
    {"profile": "gpu"},
    {"profile": "GPU"},
    {"profile": "small "},
    {"profile": "../small"},
    {"profile": "small\x00"},
    {"profile": ""},
    {"profile": 0},
    {"profile": True},
    {"profile": ["large"]},
    {"profile": {"name": "large", "groups": []}},
    {"profile": {"$ne": ""}},
    {"profile": b"large"},
    {"profile": "x" * 1_000_000},
    {"profile": "<script>alert(1)</script>"},
    {"profile": "large; DROP TABLE users"},
    "large",
    ["profile", "large"],
    7,
    "y" * 1_000_000,
]
INJECTED = {
    "image": "evil:1",
    "cmd": ["/bin/sh"],
    "volumes": {"/": "/host"},
    "cpus": 999,
    "memory_gb": 999,
    "gpus": 8,
    "groups": [],
    "environment": {"LD_PRELOAD": "/x"},
    "__class__": "Profile",
}


def test_a_size_with_groups_is_offered_to_their_members_only() -> None:
    assert [size.name for size in offered(SIZES, ())] == ["small", "large"]
    assert [size.name for size in offered(SIZES, ("video", "gpu"))] == ["small", "large", "gpu"]


@pytest.mark.parametrize("nothing", NOTHING)
def test_who_chooses_nothing_gets_the_first_one_offered(nothing: object) -> None:
    assert choose(SIZES, nothing, ()).name == "small"
    assert choose(SIZES[::-1], nothing, ()).name == "large"


@pytest.mark.parametrize("posted", HOSTILE)
def test_whatever_cannot_be_had_is_refused_in_one_short_sentence(posted: object) -> None:
    with pytest.raises(ProfileError, match=r"^There is no size .* for you: choose one of small, large\.$") as error:
        choose(SIZES, posted, ("plankton",))
    assert len(str(error.value)) < 140


def test_keys_that_are_no_size_change_nothing() -> None:
    found = choose(SIZES, {"profile": "large", **INJECTED}, ())
    assert found is SIZES[1]
    assert choose(SIZES, INJECTED, ()) is SIZES[0]


def test_nobody_is_told_that_a_size_is_for_others() -> None:
    messages = []
    for name in ("gpu", "gpv"):
        with pytest.raises(ProfileError, match=f"There is no size '{name}' for you") as error:
            choose(SIZES, {"profile": name}, ())
        messages.append(str(error.value).replace(name, "…"))
    assert messages[0] == messages[1]


def test_who_is_in_no_group_of_any_size_is_told_whom_to_ask() -> None:
    with pytest.raises(ProfileError, match="No size of server is offered to you: ask whoever runs this hub"):
        choose(SIZES[2:], {"profile": "gpu"}, ("video",))


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda each: st.lists(each) | st.dictionaries(st.text() | st.sampled_from(["profile", "image"]), each),
    max_leaves=10,
)


@given(posted=JSON, groups=st.sets(st.sampled_from(["gpu", "plankton"])))
@settings(deadline=None)
def test_nothing_that_can_be_posted_gives_what_is_not_offered(posted: object, groups: set[str]) -> None:
    try:
        found = choose(SIZES, posted, groups)
    except ProfileError:
        return
    assert found in offered(SIZES, groups)


@pytest.mark.parametrize(
    ("form", "kept"),
    [
        ({"profile": ["large"], "_xsrf": ["2|abc"], "image": ["evil:1"]}, {"profile": "large"}),
        ({"profile": ["large", "gpu"]}, {}),
        ({"profile": []}, {}),
        ({"profile": "large"}, {}),
        ({"profile_file": [{"filename": "x", "body": b"y"}]}, {}),
        ({}, {}),
    ],
)
def test_only_the_name_of_a_size_is_kept_of_the_form(form: dict[str, Any], kept: dict[str, str]) -> None:
    assert options_from_form(form) == kept


def test_a_size_in_words() -> None:
    assert size_words(Profile(name="a", title="A", cpus=4, memory_gb=16, gpus=1)) == "4 processors · 16 GB · 1 GPU"
    assert size_words(Profile(name="a", title="A", cpus=1, memory_gb=0.5)) == "1 processor · 0.5 GB"
    assert size_words(Profile(name="a", title="A", cpus=0.5, memory_gb=2, gpus=2)) == "0.5 processors · 2 GB · 2 GPUs"


def test_processes_are_offered_no_size_and_containers_are() -> None:
    c = Config()
    configure_profiles(c, Settings())
    assert c == Config()
    for _ in range(2):
        configure_profiles(c, Settings().replace("servers", spawner="docker"))
        assert isinstance(c.Spawner.options_form, SizesForm)
        assert c.Spawner.options_from_form is read_form
    one = Config()
    configure_profiles(one, Settings(profiles=SIZES[:1]).replace("servers", spawner="docker"))
    assert "options_form" not in one.Spawner
    assert "apply_user_options" in one.Spawner
