"""Parts of a sample in whose pictures things are looked for."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from imagine_kernels.records import Sample


def sample_of(media: pd.DataFrame | None) -> Sample:
    objects = pd.DataFrame({"object_id": ["1", "2", "3"], "file": ["a", "c", "a"], "label": "oil", "status": ""})
    return Sample(name="s", source=Path("s"), layout="", objects=objects, media=media)


def test_the_part_on_some_pictures_has_them_and_what_is_on_them() -> None:
    whole = sample_of(pd.DataFrame({"file": ["a", "b", "c"], "width": [1, 2, 3]}))
    part = whole.on(["b", "a"])
    assert part.media["file"].tolist() == ["a", "b"]
    assert part.media.index.tolist() == [0, 1]
    assert part.objects["object_id"].tolist() == ["1", "3"]
    assert (len(whole), whole.n_media) == (3, 3)
    # A picture without anything on it is there, and one that is not there is none.
    assert (len(whole.on(["b"])), whole.on(["b"]).n_media) == (0, 1)
    assert (len(whole.on(["x"])), whole.on([]).n_media) == (0, 0)


def test_objects_with_pictures_of_their_own_are_chosen_by_file() -> None:
    assert sample_of(None).on(["c"]).objects["object_id"].tolist() == ["2"]
    assert sample_of(None).on(["c"]).media is None
