"""The exchange formats of annotations: which there are, which one a file is, and from any to any."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from imagine_kernels.errors import DataError, FormatError, UnknownName
from imagine_kernels.files import Files
from imagine_kernels.formats import (
    annotation_table,
    biigle,
    box_csv,
    coco,
    cvat,
    darwin_core,
    ecotaxa_annotations,
    ifdo,
    ifdo_writing,
    label_studio,
    raven,
    squidle,
    viame,
    vignette_list,
    voc,
    yolo,
)
from imagine_kernels.formats.holds import Holds
from imagine_kernels.formats.pictures import PICTURES
from imagine_kernels.formats.streams import start_of
from imagine_kernels.formats.vignettes import read_vignettes
from imagine_kernels.records import Annotation, AnnotationSet, Problem

Writer = Callable[[AnnotationSet, Path], list[Problem]]


@dataclass(frozen=True, kw_only=True)
class Format:
    """An exchange format of annotations.

    Attributes
    ----------
    name : str
        As the commands take it.
    title : str
        For people.
    target : str
        What it is written to, e.g. ``"file.json"``.
    holds : Holds
    write : callable
        Writes a set to a path, and gives what the format cannot hold.
    """

    name: str
    title: str
    target: str
    holds: Holds
    write: Writer


FORMATS: dict[str, Format] = {
    each.name: each
    for each in (
        Format(name="coco", title="COCO", target="FILE.json", holds=coco.HOLDS, write=coco.write_coco),
        Format(name="voc", title="Pascal VOC", target="FOLDER or FILE.zip", holds=voc.HOLDS, write=voc.write_voc),
        Format(name="yolo", title="YOLO detection", target="FOLDER or FILE.zip", holds=yolo.HOLDS_DETECT, write=yolo.write_yolo),
        Format(
            name="yolo-segment",
            title="YOLO segmentation",
            target="FOLDER or FILE.zip",
            holds=yolo.HOLDS_SEGMENT,
            write=yolo.write_yolo_segment,
        ),
        Format(
            name="yolo-oriented",
            title="YOLO oriented boxes",
            target="FOLDER or FILE.zip",
            holds=yolo.HOLDS_ORIENTED,
            write=yolo.write_yolo_oriented,
        ),
        Format(name="cvat", title="CVAT for images 1.1", target="FILE.xml", holds=cvat.HOLDS_IMAGES, write=cvat.write_cvat),
        Format(
            name="cvat-video",
            title="CVAT for video 1.1",
            target="FILE.xml, FOLDER or FILE.zip",
            holds=cvat.HOLDS_VIDEO,
            write=cvat.write_cvat_video,
        ),
        Format(
            name="biigle", title="BIIGLE image report", target="FILE.csv", holds=biigle.HOLDS_IMAGES, write=biigle.write_biigle
        ),
        Format(
            name="biigle-video",
            title="BIIGLE video report",
            target="FILE.csv",
            holds=biigle.HOLDS_VIDEOS,
            write=biigle.write_biigle_videos,
        ),
        Format(
            name="viame", title="VIAME CSV", target="FILE.csv, FOLDER or FILE.zip", holds=viame.HOLDS, write=viame.write_viame
        ),
        Format(name="squidle", title="SQUIDLE+ CSV", target="FILE.csv", holds=squidle.HOLDS, write=squidle.write_squidle),
        Format(name="raven", title="Raven selection table", target="FILE.txt", holds=raven.HOLDS, write=raven.write_raven),
        Format(
            name="label-studio",
            title="Label Studio, pictures",
            target="FILE.json",
            holds=label_studio.HOLDS_PICTURES,
            write=label_studio.write_label_studio,
        ),
        Format(
            name="label-studio-audio",
            title="Label Studio, recordings",
            target="FILE.json",
            holds=label_studio.HOLDS_AUDIO,
            write=label_studio.write_label_studio_audio,
        ),
        Format(name="ifdo", title="iFDO 2.1", target="FILE.json or FILE.yaml", holds=ifdo.HOLDS, write=ifdo_writing.write_ifdo),
        Format(
            name="darwin-core",
            title="Darwin Core archive",
            target="FILE.zip",
            holds=darwin_core.HOLDS,
            write=darwin_core.write_darwin_core,
        ),
        Format(name="box-csv", title="CSV of boxes", target="FILE.csv", holds=box_csv.HOLDS, write=box_csv.write_box_csv),
        Format(
            name="ecotaxa-tsv",
            title="EcoTaxa TSV, without pictures",
            target="FILE.tsv",
            holds=ecotaxa_annotations.HOLDS,
            write=ecotaxa_annotations.write_ecotaxa_tsv,
        ),
        Format(
            name="annotations-csv",
            title="CSV of annotations",
            target="FILE.csv",
            holds=annotation_table.HOLDS,
            write=annotation_table.write_annotation_table,
        ),
    )
}


def open_annotations(path: Path, *, pictures: Path | None = None) -> AnnotationSet:
    """Open annotations in whatever format they are: it is told from what the files say, not from their names.

    Parameters
    ----------
    path : Path
        A file, a folder or a zip.
    pictures : Path, optional
        A folder or zip with the pictures, for formats whose coordinates are parts of their size (YOLO, SQUIDLE+).

    Returns
    -------
    AnnotationSet
        Of a million annotations as flat as of ten: they are read anew, one by one, at each call of its `stream`.

    Raises
    ------
    DataNotFound
        There is nothing at `path`.
    FormatError
        It is in none of the known formats, or is not whole.
    """
    path = Path(path).expanduser()
    with Files(path) as files:
        found = _recognised(files, path, pictures)
        vignettes = found is None and bool(files.names(*PICTURES, ".pid"))
    if vignettes:
        return ecotaxa_annotations.annotations_of(read_vignettes(path, {}))
    if found is None:
        known = ", ".join(dict.fromkeys(each.title.split(",")[0] for each in FORMATS.values()))
        raise FormatError(f"{path} is in no format that is known here ({known}): export it in one of these.")
    return found()


def _recognised(files: Files, path: Path, pictures: Path | None) -> Callable[[], AnnotationSet] | None:
    """What reads it; the cheap signs first."""
    if darwin_core.find_darwin_core(files):
        return lambda: darwin_core.read_darwin_core(path)
    if cvat.find_cvat(files):
        return lambda: cvat.read_cvat(path)
    if voc.find_voc(files):
        return lambda: voc.read_voc(path)
    ifdos = ifdo.find_ifdo(files)
    if ifdos:
        return lambda: ifdo.read_ifdo(path, name=ifdos[0] if len(ifdos) == 1 else None)
    for name in files.names(".json"):
        if name.lower().endswith(".json") and start_of(files, name, 200).lstrip()[:1] in ("{", "["):
            if label_studio.find_label_studio(files, name):
                return lambda name=name: label_studio.read_label_studio(path, name=name)  # type: ignore[misc]
            if coco.find_coco(files, name):
                return lambda name=name: coco.read_coco(path, name=name)  # type: ignore[misc]
    if biigle.find_biigle(files):
        return lambda: biigle.read_biigle(path)
    if annotation_table.find_annotation_table(files):
        return lambda: annotation_table.read_annotation_table(path)
    if squidle.find_squidle(files):
        return lambda: squidle.read_squidle(path, pictures=pictures)
    if ecotaxa_annotations.find_ecotaxa(files):
        return lambda: ecotaxa_annotations.read_ecotaxa_annotations(path)
    if raven.find_raven(files):
        return lambda: raven.read_raven(path)
    if vignette_list.find_vignette_list(files):
        return lambda: vignette_list.read_vignette_list(path)
    if box_csv.find_box_csv(files):
        return lambda: box_csv.read_box_csv(path)
    if yolo.find_yolo(files):
        return lambda: yolo.read_yolo(path, pictures=pictures)
    if viame.find_viame(files):
        return lambda: viame.read_viame(path)
    return None


@dataclass(frozen=True, kw_only=True)
class Written:
    """What became of a set that was written.

    Attributes
    ----------
    n : int
        How many annotations were read.
    unread : list of Problem
        Rows of the source that could not be used.
    lost : list of Problem
        What the format cannot hold, one entry for each kind of loss.
    """

    n: int
    unread: list[Problem]
    lost: list[Problem]


def write_annotations(source: AnnotationSet, target: Path, *, to: str) -> Written:
    """Write a set in the format of that name.

    Raises
    ------
    UnknownName
        There is no such format.
    DataError
        The target cannot take it.
    NotEnoughSpace
        The disk is full, or the target may not be written.
    """
    if to not in FORMATS:
        raise UnknownName.among("format", to, FORMATS)
    target = Path(target).expanduser()
    if "FOLDER" not in FORMATS[to].target and target.is_dir():
        raise DataError(f"{target} is a folder: name a file, {FORMATS[to].target}.")
    unread: list[Problem] = []
    n = 0

    def counted(_: list[Problem]) -> Iterator[Annotation]:
        nonlocal n
        n = 0  # some writers read twice
        unread.clear()
        for annotation in source.stream(unread):
            n += 1
            yield annotation

    lost = FORMATS[to].write(replace(source, stream=counted), target)
    return Written(n=n, unread=unread, lost=lost)
