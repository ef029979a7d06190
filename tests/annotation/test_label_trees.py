"""Label trees: found while typing, frozen once used, read from what people have."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from reef import ANNA, marked, named

from imagine_kernels.annotation import LabelTree, Projects
from imagine_kernels.annotation.label_files import read_labels
from imagine_kernels.annotation.verifying import verify
from imagine_kernels.errors import DataError, FormatError, LabelError, UnknownName
from imagine_kernels.records import Label, LabelGiven, Medium

BIOTA = (
    Label(name="Biota"),
    Label(name="Sponge", parent=("Biota",), synonyms=("Porifera",)),
    Label(name="Calanus finmarchicus", parent=("Biota",), aphia_id=104464, rank="Species"),
    Label(name="Calanus", parent=("Biota",), aphia_id=104152),
    Label(name="Paracalanus", parent=("Biota",)),
    Label(name="Éponge-soufrée", parent=("Biota",)),
    Label(name="Ørret", parent=("Biota",), synonyms=("Salmo trutta", "sea trout")),
    Label(name="dead Calanus", parent=("Biota",)),
)
TREE = LabelTree(name="t", labels=BIOTA)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("calanus", ["Calanus", "Calanus finmarchicus", "dead Calanus"]),
        ("CAL", ["Calanus", "Calanus finmarchicus", "dead Calanus"]),
        ("cal fin", ["Calanus finmarchicus"]),
        ("fin cal", ["Calanus finmarchicus"]),
        ("finm", ["Calanus finmarchicus"]),
        ("eponge", ["Éponge-soufrée"]),
        ("soufree", ["Éponge-soufrée"]),
        ("orret", ["Ørret"]),
        ("trutta", ["Ørret"]),
        ("sea tr", ["Ørret"]),
        ("pori", ["Sponge"]),
        ("104464", ["Calanus finmarchicus"]),
        ("104", ["Calanus", "Calanus finmarchicus"]),
        ("xyz", []),
        ("alanus", []),
    ],
)
def test_labels_are_found_while_typing(typed: str, found: list[str]) -> None:
    assert [label.name for label in TREE.search(typed)] == found


def test_ten_thousand_labels_are_searched_within_ten_milliseconds() -> None:
    chance = random.Random(1)
    syllables = ["ca", "la", "nus", "fin", "mar", "chi", "co", "pe", "po", "da", "ru", "bra", "é", "thra", "lis"]

    def word() -> str:
        return "".join(chance.choices(syllables, k=4)).capitalize()

    labels = [Label(name=f"{word()} {word().lower()} {n}", synonyms=(word(),)) for n in range(10_000)]
    tree = LabelTree(name="t", labels=tuple(labels))
    tree.search("warm")
    taken = []
    for typed in ("c", "ca", "cala", "calanus", "ca la", "fin mar", "12", "zzz", "é"):
        begin = time.process_time()
        found = tree.search(typed)
        taken.append(time.process_time() - begin)
        assert len(found) <= 20
    assert max(taken) < 0.010 * 3, taken  # three times what is promised: other work on the machine
    assert sorted(taken)[len(taken) // 2] < 0.010, taken


def test_a_version_that_is_used_never_changes(store: Projects) -> None:
    tree = store.trees.save("marine", BIOTA[:2], author="anna")
    project = store.create("Wall", by=ANNA, tree=tree)
    project.add_media([Medium(name="dive/0001.jpg")])
    changed = store.trees.save("marine", BIOTA[:3], author="anna")
    assert (tree.version, changed.version, changed.frozen) == (1, 1, False)  # nothing uses it yet
    assert store.trees.save("marine", BIOTA[:3], author="anna") == changed
    project.add(marked("a"))
    assert store.trees.get("marine").frozen
    told = [event.content for event in project.changes_since(0) if event.kind == "tree"]
    assert told[-1] == {"tree": tree.uid, "version": 1, "sha256": changed.sha256}
    new = (Label(name="Life"), Label(name="Sponge", parent=("Life",)), Label(name="Coral", parent=("Life",)))
    second = store.trees.save("marine", new, author="anna")
    assert (second.version, store.trees.get("marine", 1).labels, store.trees.get("marine").labels) == (2, BIOTA[:3], new)
    # The project stays with the version that it has until it moves.
    with pytest.raises(LabelError, match="The label Biota > Coral is not in the label tree of the project: choose another"):
        project.add(marked("b", "Coral"))
    project.add(marked("b", "Calanus finmarchicus"))
    with pytest.raises(LabelError, match="is in use and not in the new tree: say what it is called there"):
        project.move_to_tree(second, renamed={("Biota", "Sponge"): ("Life", "Sponge")})
    assert project.get("a").annotation.labels[0].path == ("Biota", "Sponge")
    renamed = {("Biota", "Sponge"): ("Life", "Sponge"), ("Biota", "Calanus finmarchicus"): ("Life", "Coral")}
    assert project.move_to_tree(second, renamed=renamed) == 2
    assert [project.get(name).annotation.labels[0].path for name in "ab"] == [("Life", "Sponge"), ("Life", "Coral")]
    project.change("a", base=project.get("a").version, labels=(LabelGiven(path=("Life", "Coral")),))
    with pytest.raises(LabelError, match="Biota > Sponge is not in the label tree"):
        project.change("a", base=project.get("a").version, labels=(named("Sponge"),))
    assert store.trees.get("marine", 2).frozen
    assert verify(project).problem == ""


def test_what_is_no_tree_is_said(store: Projects) -> None:
    with pytest.raises(DataError, match="The label Biota is there twice: leave one out"):
        store.trees.save("t", [Label(name="Biota"), Label(name="Biota")], author="anna")
    with pytest.raises(DataError, match="The label Sponge is below Biota, which is not in the tree: add it"):
        store.trees.save("t", [Label(name="Sponge", parent=("Biota",))], author="anna")
    assert store.trees.names() == ()
    store.trees.save("marine", BIOTA, author="anna")
    with pytest.raises(UnknownName, match=r"Unknown label tree 'marin'; known: marine\. Did you mean 'marine'"):
        store.trees.get("marin")
    with pytest.raises(UnknownName, match="Unknown label tree 'marine, version 7'"):
        store.trees.get("marine", 7)


def read(tmp_path: Path, text: str, **more: object) -> tuple[tuple[Label, ...], list[str]]:
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding="utf-8")
    labels, problems = read_labels(path, **more)  # type: ignore[arg-type]
    return labels, [str(problem) for problem in problems]


def test_labels_are_read_from_a_csv(tmp_path: Path) -> None:
    labels, problems = read(
        tmp_path,
        "\ufeffname,parent,aphia_id,rank,color,key,synonyms,source_id\n"
        "Sponge,Biota > Animals,558,Phylum,#ff0000,s,Porifera| Schwamm,12\n"
        "Coral,Biota > Animals,many,,,,,\n"
        "\x07,,,,,,,\n",
    )
    assert labels == (
        Label(name="Biota"),
        Label(name="Animals", parent=("Biota",)),
        Label(
            name="Sponge",
            parent=("Biota", "Animals"),
            aphia_id=558,
            rank="Phylum",
            color="#ff0000",
            key="s",
            synonyms=("Porifera", "Schwamm"),
            source_id="12",
        ),
        Label(name="Coral", parent=("Biota", "Animals")),
    )
    assert problems[0] == "Coral, line 3: the AphiaID 'many' is no number."
    assert "cannot be kept" in problems[1]
    assert read(tmp_path, "path;rank\nBiota > Sponge;Phylum\n")[0][1] == Label(name="Sponge", parent=("Biota",), rank="Phylum")
    with pytest.raises(FormatError, match=r"labels\.csv holds no labels: it needs a column name or path"):
        read(tmp_path, "a,b\n1,2\n")


def test_labels_are_read_from_tables_of_ecotaxa(tmp_path: Path) -> None:
    exported = (
        "object_id\tobject_annotation_category\tobject_annotation_hierarchy\tobject_annotation_category_id\n"
        "o1\tCalanidae<Calanoida\tliving>Crustacea>Calanidae\t45074\n"
        "o2\tCalanidae<Calanoida\tliving>Crustacea>Calanidae\t45074\n"
        "o3\tdetritus\tnot-living>detritus\t84963\n"
    )
    labels, problems = read(tmp_path, exported)
    assert [(label.path, label.source_id) for label in labels] == [
        (("living",), ""),
        (("living", "Crustacea"), ""),
        (("living", "Crustacea", "Calanidae"), "45074"),
        (("not-living",), ""),
        (("not-living", "detritus"), "84963"),
    ]
    assert problems == []
    imported = "object_id\tobject_annotation_category\n[t]\t[t]\no1\tCopepoda\n"
    assert read(tmp_path, imported)[0] == (Label(name="Copepoda"),)


def test_labels_are_read_from_the_taxon_match_of_worms(tmp_path: Path) -> None:
    text = (
        "ScientificName;AphiaID;Match type;AphiaID_accepted;ScientificName_accepted;Kingdom;Phylum;Genus;Rank\n"
        "Calanus finmarchicus;104464;exact;104464;Calanus finmarchicus;Animalia;Arthropoda;Calanus;Species\n"
        "Madrepora prolifera;135160;exact;135161;Lophelia pertusa;Animalia;Cnidaria;Lophelia;Species\n"
        "Lophelia;135100;exact;135100;Lophelia;Animalia;Cnidaria;Lophelia;Genus\n"
        "Nonsensia;;none;;;;;;\n"
    )
    labels, problems = read(tmp_path, text)
    by_name = {label.name: label for label in labels}
    assert by_name["Lophelia pertusa"] == Label(
        name="Lophelia pertusa",
        parent=("Animalia", "Cnidaria", "Lophelia"),
        aphia_id=135161,
        rank="Species",
        synonyms=("Madrepora prolifera",),
        source_id="135160",
    )
    assert by_name["Lophelia"].path == ("Animalia", "Cnidaria", "Lophelia")
    assert by_name["Lophelia"].aphia_id == 135100
    assert problems == [
        "Madrepora prolifera, line 3: the accepted name is Lophelia pertusa (AphiaID 135161); it is kept as a synonym.",
        "Nonsensia, line 5: WoRMS knows no such name; check the spelling.",
    ]
    # Matched again years later: the accepted name of a label that people use has changed.
    later = (
        "ScientificName;AphiaID;AphiaID_accepted;ScientificName_accepted;Rank\n"
        "Lophelia pertusa;135161;1245747;Desmophyllum pertusum;Species\n"
    )
    _, problems = read(tmp_path, later, known=labels)
    assert problems[1] == (
        "Lophelia pertusa, line 2: its accepted name has changed to Desmophyllum pertusum (AphiaID 1245747); say that it is renamed when a"
        " project moves to the new version."
    )
