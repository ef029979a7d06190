"""Names: marks, species in file names, and the genus in place of an uncertain species."""

import numpy as np
import pytest

from imagine_kernels.measures.diatom_taxa import (
    UNIDENTIFIED,
    Taxon,
    by_name_and_code,
    species_in,
    split_label,
    taxon_of,
    with_fallback,
)
from imagine_kernels.records import Predictions

CLASSES = ("Navicula cari", "Navicula cincta", "Nitzschia palea", "Nitzschia (girdle view)", "air bubble")


@pytest.mark.parametrize(
    ("label", "parts"),
    [
        ("Navicula cari", ("Navicula cari", "")),
        ("Navicula (girdle view)", ("Navicula", "girdle view")),
        (" Navicula cari (Fragment) ", ("Navicula cari", "fragment")),
        ("Navicula (Hustedt) cari", ("Navicula (Hustedt) cari", "")),
        ("", ("", "")),
    ],
)
def test_a_mark_stands_behind_the_taxon(label, parts):
    assert split_label(label) == parts


@pytest.mark.parametrize(
    ("file", "species"),
    [
        ("train/Navicula/Navicula cari -25.1(10μm).jpg", "Navicula cari"),
        ("4Diploneis finnica -25.1(10μm).jpg", "Diploneis finnica"),
        ("Cymbella affinis -25.4(10μm).jpg", "Cymbella affinis"),
        ("Licmophora cf. ehrenbergii_2.png", "Licmophora ehrenbergii"),
        ("Cocconeis-cascadensis-LM03.jpg", "Cocconeis cascadensis"),
        ("Eunotia  rhomboidea -Eunotia_rhomboidea_114808a_7_1.jpg", "Eunotia rhomboidea"),
        ("BRG_AAMB_10002.png", ""),
        ("EuFormica-1.jpg", ""),
        ("img 001.jpg", ""),
    ],
)
def test_the_species_in_a_file_name(file, species):
    assert species_in(file) == species


def test_a_taxon_is_found_by_name_and_by_code_or_read_from_the_name():
    cari = Taxon(name="Navicula cari", code="NCAR", rank="species", genus="Navicula")
    taxa = by_name_and_code([cari])
    assert taxon_of("NCAR", taxa) == taxon_of("Navicula cari (fragment)", taxa) == cari
    assert taxon_of("Nitzschia palea", taxa) == Taxon(name="Nitzschia palea", rank="species", genus="Nitzschia")
    assert taxon_of("Nitzschia sp.", taxa) == Taxon(name="Nitzschia sp.", rank="genus", genus="Nitzschia")
    assert taxon_of("Nitzschia (girdle view)", taxa) == Taxon(name="Nitzschia", rank="genus", genus="Nitzschia")
    assert taxon_of(UNIDENTIFIED, taxa) == Taxon(name=UNIDENTIFIED)
    assert taxon_of("air bubble", taxa).genus == ""


def test_an_uncertain_species_becomes_its_genus_and_an_uncertain_genus_nothing():
    probabilities = np.array(
        [
            [0.80, 0.05, 0.05, 0.05, 0.05],  # certain
            [0.45, 0.40, 0.05, 0.05, 0.05],  # two of one genus: 0.85 together
            [0.40, 0.00, 0.30, 0.30, 0.00],  # the most probable class is of the less probable genus
            [0.30, 0.10, 0.25, 0.15, 0.20],  # neither genus reaches a half
            [0.20, 0.15, 0.10, 0.10, 0.45],  # what has no genus
            [0.45, 0.40, 0.05, 0.05, 0.05],  # the same as the second, seen by a person
            [0.45, 0.40, 0.05, 0.05, 0.05],  # named by a person as something else
        ]
    )
    predictions = Predictions.of([f"o{i}" for i in range(7)], CLASSES, probabilities)
    predictions = predictions.corrected(["o5"]).corrected(["o6"], label="Amphora")
    labels = with_fallback(predictions, {}, least=0.5)
    assert labels.tolist() == [
        "Navicula cari", "Navicula", "Nitzschia", UNIDENTIFIED, UNIDENTIFIED, "Navicula cari", "Amphora",
    ]  # fmt: skip
    assert with_fallback(predictions, {}, least=0.0).tolist() == predictions.label.tolist()
    assert predictions.label[1] == "Navicula cari"


def test_the_genus_of_a_code_is_that_of_the_table():
    taxa = by_name_and_code(
        [Taxon(name="Navicula cari", code="NCAR", genus="Navicula"), Taxon(name="Navicula cincta", code="NCIN", genus="Navicula")]
    )
    predictions = Predictions.of(["a"], ("NCAR", "NCIN", "NPAL"), np.array([[0.45, 0.4, 0.15]]))
    assert with_fallback(predictions, taxa, least=0.5).tolist() == ["Navicula"]
    assert with_fallback(predictions, {}, least=0.5).tolist() == [UNIDENTIFIED]


def test_nothing_is_no_trouble():
    assert len(with_fallback(Predictions.empty(CLASSES), {}, least=0.5)) == 0
    assert len(with_fallback(Predictions.empty(), {}, least=0.5)) == 0
