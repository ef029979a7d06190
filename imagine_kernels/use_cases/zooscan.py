"""ZooScan vignettes to abundance and biovolume per taxon."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from imagine_kernels.formats.ecotaxa import write_zip_noting
from imagine_kernels.formats.vignettes import LAYOUTS, read_vignettes
from imagine_kernels.measures.plankton import measure_plankton
from imagine_kernels.media.vignettes import check_pictures, pixel_size_from_scale_bar
from imagine_kernels.records import Sample
from imagine_kernels.samples.zooscan import make_sample
from imagine_kernels.tasks import Classification
from imagine_kernels.use_case import Setting, UseCase

PIXEL_SIZE = "process_particle_pixel_size_mm"


def read_with_pixel_size(path: Path, settings: Mapping[str, Any]) -> Sample:
    """Open vignettes; where neither the data nor a setting says the pixel size, the scale bars under the vignettes do."""
    sample = read_vignettes(path, settings)
    if PIXEL_SIZE in sample.objects and sample.objects[PIXEL_SIZE].notna().any():
        return sample
    found = pixel_size_from_scale_bar(sample)
    if found is None:
        return sample
    pixel_size_mm, note = found
    return replace(sample, objects=sample.objects.assign(**{PIXEL_SIZE: pixel_size_mm})).with_problems([note])


USE_CASE = UseCase(
    name="zooscan",
    title="Zooplankton from the ZooScan",
    sentence="Identify ZooScan vignettes, correct them, and take home abundances, biovolumes and an EcoTaxa file.",
    unit_noun="vignette",
    read=read_with_pixel_size,
    reads=LAYOUTS,
    check=check_pictures,
    task=Classification(),
    measure=measure_plankton,
    make_sample=make_sample,
    exports={"ecotaxa": write_zip_noting},
    splits_by=("sample_id",),
    sorts={"area [px]": "object_area", "major axis [px]": "object_major", "sample": "sample_id"},
    settings=(
        Setting(
            name="scale_bar_px", default=31, kind=int, unit="px", minimum=0, maximum=500,
            help="Height of the strip with the scale bar under a vignette; it is cropped where it is recognised, 0 keeps everything.",
        ),
        Setting(
            name="pixel_size_mm", default=None, kind=float, unit="mm", minimum=1e-5, maximum=1,
            help="Side of a pixel, where the data do not say it.",
        ),
        Setting(
            name="dpi", default=None, kind=float, unit="dots per inch", minimum=25, maximum=100_000,
            help="Resolution of the scan, as another way to give the pixel size: 25.4 / dpi mm.",
        ),
        Setting(
            name="tot_vol", default=None, kind=float, unit="m³", minimum=1e-9, maximum=1e9,
            help="Volume of water that the net filtered, where the data do not say it.",
        ),
        Setting(
            name="sub_part", default=None, kind=float, minimum=1, maximum=1e6,
            help="Splitting of the sample, where the data do not say it: 4 means that a quarter was scanned.",
        ),
        Setting(
            name="n_draws", default=1000, kind=int, minimum=100, maximum=100_000,
            help="Number of draws behind an interval.",
        ),
    ),
)  # fmt: skip
