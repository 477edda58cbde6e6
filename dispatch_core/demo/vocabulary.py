"""The vocabulary of the demo catalogue: fictional projects, rigs and people.

Modality names and abbreviations are real. Everything else is fictional but in the style
of real records, so that filters for the demo look like filters for a real catalogue.
"""

from __future__ import annotations

from dataclasses import dataclass

MODALITIES = {
    "ecephys": "Extracellular electrophysiology",
    "behavior": "Behavior",
    "behavior-videos": "Behavior videos",
    "fib": "Fiber photometry",
    "pophys": "Planar optical physiology",
    "SPIM": "Selective plane illumination microscopy",
    "BARseq": "Barcoded anatomy resolved by sequencing",
    "slap": "Random access projection microscopy",
}

PEOPLE = ("Ada Example", "Ben Sample", "Cleo Specimen", "Dara Placeholder", "Eli Fixture")

GENOTYPES = (
    "wt/wt",
    "Vip-IRES-Cre/wt",
    "Sst-IRES-Cre/wt",
    "Slc17a7-IRES2-Cre/wt;Ai193(TICL-demo)/wt",
    "Dbh-Cre-KI/wt",
)

OPEN_BUCKET = "demo-open-data"
PRIVATE_BUCKET = "demo-private-data"
CODE_OCEAN_BUCKET = "demo-codeocean-assets"
DENIED_BUCKET = "demo-denied-data"
MISSING_BUCKET = "demo-retired-data"


@dataclass(frozen=True, slots=True)
class Derivation:
    """A pipeline that creates derived assets; `label` appears in their names."""

    label: str
    processes: tuple[str, ...]
    pipeline: str
    in_code_ocean: bool = False


@dataclass(frozen=True, slots=True)
class Project:
    """A project: the names, modalities and derived assets of its sessions.

    ``spellings`` has the name first, then its variants (one session in twenty-five).
    ``weight`` is the relative number of its sessions.
    """

    spellings: tuple[str, ...]
    prefix: str
    modalities: tuple[str, ...]
    session_types: tuple[str, ...]
    derivations: tuple[Derivation, ...]
    weight: int
    bucket: str = OPEN_BUCKET
    newer_share: float = 0.35

    @property
    def name(self) -> str:
        """The name that most of its assets use."""
        return self.spellings[0]


_SORTED = Derivation("sorted", ("Spike sorting", "Ephys curation"), "demo-ephys-pipeline", True)
_NWB = Derivation("nwb", ("File format conversion",), "demo-nwb-packaging")
_PROCESSED = Derivation("processed", ("dF/F estimation",), "demo-behavior-pipeline", True)
_PLANES = Derivation("processed", ("Video ROI segmentation",), "demo-ophys-pipeline", True)
_VIDEO = Derivation("dlc-eye", ("Pupil tracking",), "demo-video-pipeline", True)
_STITCHED = Derivation(
    "stitched", ("Image tile stitching", "Image atlas alignment"), "demo-lightsheet-pipeline"
)
_FUSED = Derivation("fused", ("Image tile alignment", "Image tile fusing"), "demo-fusion-pipeline")

PROJECTS = (
    Project(
        ("Thalamic Ephys Survey", "Thalamic ephys survey", "Thalamic-Ephys Survey"),
        "ecephys",
        ("ecephys", "behavior", "behavior-videos"),
        ("Optotagging", "Receptive field mapping", "Brainwide survey"),
        (_SORTED, _NWB),
        16,
    ),
    Project(
        ("Two Port Foraging", "Two-port foraging"),
        "behavior",
        ("behavior", "behavior-videos", "fib"),
        ("Coupled Baiting", "Uncoupled Baiting", "Uncoupled Without Baiting"),
        (_PROCESSED,),
        22,
        PRIVATE_BUCKET,
    ),
    Project(
        ("Patch Navigation", "Patch navigation in VR"),
        "",
        ("behavior", "behavior-videos"),
        ("VrForaging", "VrForaging v2"),
        (_PROCESSED,),
        12,
        newer_share=0.9,
    ),
    Project(
        ("Whisker Routing", "whisker routing"),
        "ecephys",
        ("ecephys", "behavior"),
        ("training session, stage 1", "training session, stage 2", "ecephys session"),
        (_SORTED,),
        10,
        PRIVATE_BUCKET,
    ),
    Project(
        ("Layered Learning Imaging", "Layered Learning imaging"),
        "multiplane-ophys",
        ("pophys", "behavior-videos"),
        ("OPHYS_1_images_A", "OPHYS_4_images_B", "TRAINING_3_images_A"),
        (_PLANES, _VIDEO),
        12,
    ),
    Project(
        ("Closed Loop Interface",),
        "single-plane-ophys",
        ("pophys", "behavior", "behavior-videos"),
        ("closed loop", "single neuron stimulation"),
        (_PLANES,),
        8,
        PRIVATE_BUCKET,
    ),
    Project(
        ("Brainwide Projection Map", "Brain-wide Projection Map"),
        "SmartSPIM",
        ("SPIM",),
        ("Imaging session",),
        (_STITCHED,),
        9,
    ),
    Project(
        ("Expansion Atlas - Subproject 2 Whole Brain Morphology", "Expansion Atlas"),
        "exaSPIM",
        ("SPIM",),
        ("Imaging session",),
        (_FUSED,),
        5,
        newer_share=0.6,
    ),
    Project(
        ("Neuromodulator Photometry", "Neuromodulator photometry - Subproject 3"),
        "behavior",
        ("behavior", "fib"),
        ("Pavlovian conditioning", "Photometry + Ephys"),
        (_PROCESSED, _NWB),
        8,
    ),
    Project(("Barcoded Cell Types",), "barseq", ("BARseq",), ("BarcodeSequencing",), (), 2),
    Project(
        ("Dendritic Access", "Dendritic access"), "SLAP2", ("slap", "behavior"), ("slap2",), (), 2
    ),
)

AWKWARD_PROJECT = Project(
    ("Edge Case Collection", "edge-case collection"),
    "behavior",
    ("behavior", "fib"),
    ("Uncoupled Baiting",),
    (_PROCESSED,),
    0,
)
