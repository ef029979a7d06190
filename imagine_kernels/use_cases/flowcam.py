"""FlowCam runs to cells per litre, biovolume, carbon and alerts per taxon."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from imagine_kernels.formats.ecotaxa import write_zip_noting
from imagine_kernels.formats.flowcam import LAYOUTS, read_flowcam
from imagine_kernels.formats.flowcam_checks import check_runs
from imagine_kernels.formats.taxa import FLOWCAM_TAXA, read_taxa, read_watch_list
from imagine_kernels.measures.particle_checks import DUPLICATE_OF, PROPOSED, RULES, proposed_removals
from imagine_kernels.measures.phytoplankton import measure_phytoplankton
from imagine_kernels.media.collages import check_collages
from imagine_kernels.media.objects import as_files, check_pictures
from imagine_kernels.records import Confusion, Measurements, Predictions, Problem, Progress, Sample
from imagine_kernels.samples.flowcam import make_sample
from imagine_kernels.tasks import Classification
from imagine_kernels.use_case import Setting, UseCase

_LIMITS = ("min_esd_um", "max_esd_um", "min_edge_gradient")


def read_with_proposals(path: Path, settings: Mapping[str, Any], progress: Progress | None = None) -> Sample:
    """Open a sample, and note of each particle which rule proposes to remove it."""
    sample = read_flowcam(path, settings, progress)
    if PROPOSED in sample.objects or "object_esd_um" not in sample.objects:
        return sample
    rule, duplicate_of = proposed_removals(sample.objects, **{name: settings.get(name) for name in _LIMITS})
    return replace(sample, objects=sample.objects.assign(**{PROPOSED: rule, DUPLICATE_OF: duplicate_of}))


def check(sample: Sample, progress: Progress | None = None) -> list[Problem]:
    """Look into every collage and into the files of every run, or into every vignette."""
    if sample.cut_from:
        return [*check_runs(sample), *check_collages(sample, progress)]
    return check_pictures(sample, progress)


def measure(sample: Sample, predictions: Predictions, confusion: Confusion | None, settings: Mapping[str, Any]) -> Measurements:
    """See `imagine_kernels.measures.phytoplankton.measure_phytoplankton`; the tables of taxa are those of the settings or the shipped ones."""
    taxa, watch_list = read_taxa(settings.get("taxa")), read_watch_list(settings.get("watch_list"))
    return measure_phytoplankton(sample, predictions, confusion, settings, taxa=taxa, watch_list=watch_list)


USE_CASE = UseCase(
    name="flowcam",
    title="Phytoplankton from the FlowCam",
    sentence="Identify the particles of FlowCam runs, correct them, and take home cells per litre, biovolume, carbon and alerts for harmful algae.",
    unit_noun="particle",
    read=read_with_proposals,
    reads=LAYOUTS,
    check=check,
    # Most particles of a run are junk: classes weigh the same, so that the rare ones are found.
    task=Classification(white_background=True, earlier_stages=False, class_weight_exponent=1.0),
    measure=measure,
    make_sample=make_sample,
    exports={"ecotaxa": partial(write_zip_noting, pictures=as_files)},
    splits_by=("sample_id",),
    sorts={
        "ESD [µm]": "object_esd_um", "length [µm]": "object_length_um", "edge gradient": "object_edge_gradient", "run": "sample_id",
        "proposed for removal": PROPOSED,
    },
    removal_rules=RULES,
    label_sets={"FlowCam library of VLIZ": FLOWCAM_TAXA},
    settings=(
        Setting(
            name="remove", default="", kind=str,
            help=f"Rules whose proposals to remove particles are followed, divided by commas ({', '.join(RULES)}, or all); empty follows none.",
        ),
        Setting(
            name="volume_imaged_ml", default=None, kind=float, unit="mL", minimum=1e-9, maximum=1e6,
            help="Volume that the camera saw, where the run does not say it.",
        ),
        Setting(
            name="efficiency", default=None, kind=float, minimum=1e-6, maximum=1,
            help="Share of the processed volume that the camera saw, where only the processed volume is known.",
        ),
        Setting(
            name="dilution_factor", default=None, kind=float, minimum=1e-6, maximum=1e9,
            help="How many times the sample was diluted, where the run does not say it: 10 for 1 mL in 10 mL.",
        ),
        Setting(
            name="concentration_factor", default=1.0, kind=float, minimum=1e-6, maximum=1e9,
            help="How many times the sample was concentrated, as by a net or a sieve: 100 for 10 L in 100 mL.",
        ),
        Setting(
            name="um_per_px", default=None, kind=float, unit="µm", minimum=1e-3, maximum=1000,
            help="Side of a pixel, where the data do not say it.",
        ),
        Setting(
            name="min_esd_um", default=None, kind=float, unit="µm", minimum=0, maximum=1e6,
            help="Smaller particles are proposed for removal; by default the limit of the run.",
        ),
        Setting(
            name="max_esd_um", default=None, kind=float, unit="µm", minimum=0, maximum=1e6,
            help="Larger particles are proposed for removal; by default the limit of the run.",
        ),
        Setting(
            name="min_edge_gradient", default=None, kind=float, minimum=0, maximum=1e6,
            help="Particles with a lower edge gradient are proposed for removal as out of focus; by default a share of the median of the run.",
        ),
        Setting(
            name="taxa", default="", kind=str, names_file=True,
            help="CSV with name, aphia_id, group, shape and living of taxa that the shipped table does not name, or names otherwise.",
        ),
        Setting(
            name="watch_list", default="", kind=str, names_file=True,
            help="CSV with taxon, aphia_id, threshold_cells_l, advice and source of harmful algae, in place of the shipped example.",
        ),
        Setting(
            name="scale_bar_px", default=0, kind=int, unit="px", minimum=0, maximum=500,
            help="Height of a strip with a scale bar under vignettes of other programs; 0 keeps everything.",
        ),
        Setting(
            name="n_draws", default=1000, kind=int, minimum=100, maximum=100_000,
            help="Number of draws behind an interval.",
        ),
    ),
)  # fmt: skip
