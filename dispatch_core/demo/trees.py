"""The files below an asset, generated from its record on demand.

A hundred thousand assets have millions of keys, so keys are generated only for the page
that lists them. They depend only on the record's name, level and modalities, so
repeated listings are identical.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

from dispatch_core.sources.protocols import time_text
from dispatch_core.types import Record

Files = list[tuple[str, int]]
"""(key below the asset, size in bytes), ascending by key."""

_LABEL = re.compile(r"_([a-z][a-z-]*)_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d$")
_STAMP = re.compile(r"(\d{4}-\d\d-\d\d)_(\d\d-\d\d-\d\d)")
_PROBES = ("ProbeA", "ProbeB")


def files_of(record: Record) -> Files:
    """Every file below the asset of `record` as (relative key, size), sorted by key."""
    return with_sizes(keys_of(record))


def keys_of(record: Record) -> list[str]:
    """The key of every file below the asset of `record`, unsorted."""
    return [*_sidecars(record), *_data_keys(record)]


def with_sizes(keys: Iterable[str]) -> Files:
    """`keys`, sorted and without duplicates, each with a size that depends only on the key."""
    return [(key, size_of(key)) for key in sorted(set(keys))]


def written_at(record: Record) -> Callable[[str], str]:
    """A function from a key to its time of change, up to three hours after the asset's time."""
    day, time = (_STAMP.findall(record["name"]) or [("2025-01-01", "00-00-00")])[-1]
    begin = datetime.fromisoformat(f"{day}T{time.replace('-', ':')}+00:00")
    return lambda key: time_text(begin + timedelta(seconds=zlib.crc32(key.encode()) % 10_800))


def zarr(path: str, arrays: Mapping[str, int]) -> list[str]:
    """The keys of a Zarr store at `path`: array name -> number of chunks."""
    keys = [f"{path}/.zgroup", f"{path}/.zattrs"]
    for array, chunks in arrays.items():
        keys.append(f"{path}/{array}/.zarray")
        keys.extend(f"{path}/{array}/{chunk}" for chunk in range(chunks))
    return keys


def nwb_store(path: str) -> list[str]:
    """The 20 keys of an NWB file as a Zarr directory store."""
    return zarr(path, {"units/spike_times": 6, "acquisition/licks/data": 4, "intervals/trials": 5})


def sidecars(schema: int) -> list[str]:
    """The metadata files that every asset of a schema has."""
    recording = ("session", "rig") if schema == 1 else ("acquisition", "instrument")
    cores = ("data_description", "subject", "procedures", "processing", "metadata.nd", *recording)
    return [f"{core}.json" for core in cores]


def _sidecars(record: Record) -> list[str]:
    return sidecars(1 if "session" in record else 2)


def _data_keys(record: Record) -> list[str]:
    name = record["name"]
    label = _LABEL.search(name)
    if label and record["data_description"]["data_level"] == "derived":
        source = name[: label.start()]
        return _DERIVED[label.group(1)](source, _hash(name), _modalities(record))
    return _raw_keys(record)


def _hash(name: str) -> int:
    return zlib.crc32(name.encode())


def size_of(key: str) -> int:
    """The size in bytes of a file, which depends only on its key."""
    large = key.endswith((".nwb", ".mp4", ".h5", ".dat", ".bin"))
    return zlib.crc32(key.encode()) % (2_000_000_000 if large else 200_000) + 128


def _modalities(record: Record) -> tuple[str, ...]:
    description = record["data_description"]
    found = description.get("modality") or description.get("modalities") or []
    entries = found if isinstance(found, list) else [found]
    return tuple(one if isinstance(one, str) else one["abbreviation"] for one in entries)


def _raw_keys(record: Record) -> list[str]:
    keys: list[str] = []
    for modality in _modalities(record):
        keys += _RAW[modality](record["name"])
    return keys


def _raw_behavior(name: str) -> list[str]:
    logs = [f"behavior/Logs/{each}.json" for each in ("Output", "Messages")]
    return [f"behavior/{name}.json", "behavior/Behavior.harp/Behavior_32.bin", *logs]


def _raw_videos(name: str) -> list[str]:
    cameras = ("bottom_camera", "side_camera_left", "side_camera_right")
    return [f"behavior-videos/{each}.{kind}" for each in cameras for kind in ("mp4", "csv")]


def _raw_photometry(name: str) -> list[str]:
    run = f"fib/fip_{name[-19:].replace('_', 'T')}"
    return [f"{run}/{each}.{kind}" for each in ("green", "red", "iso") for kind in ("bin", "csv")]


def _raw_ephys(name: str) -> list[str]:
    keys = ["ecephys/ecephys_clipped/settings.xml"]
    for probe in _PROBES:
        store = f"ecephys/ecephys_compressed/{_stream(probe)}.zarr"
        keys += zarr(store, {"traces_seg0": 6 + _hash(name) % 6, "times_seg0": 2})
    return keys


def _raw_planes(name: str) -> list[str]:
    return [f"pophys/VISp_{plane}/{part}" for plane in range(4) for part in ("roi.h5", "ref.tiff")]


def _raw_lightsheet(name: str) -> list[str]:
    if name.startswith("exaSPIM"):
        return [key for x in range(2) for key in zarr(f"SPIM.ome.zarr/{_tile(x)}.zarr", {"0": 9})]
    plane = "SPIM/Ex_488_Em_525/421180/421180_248350"
    return [f"{plane}/{z:06}.png" for z in range(0, 240, 8)]


def _raw_sequencing(name: str) -> list[str]:
    return [f"BARseq/cycle_{cycle:02}/tile_{tile}.tif" for cycle in range(6) for tile in range(4)]


def _raw_slap(name: str) -> list[str]:
    run = "slap2/dynamic_data/acquisition"
    return [f"{run}_DMD{side}-TRIAL{n:06}.dat" for side in (1, 2) for n in range(1, 6)]


def _sorted_ephys(source: str, dice: int, modalities: tuple[str, ...]) -> list[str]:
    recording = f"{source}_experiment1_recording1"
    keys = _nwb_either_way(f"nwb/{recording}.nwb", dice)
    for probe in _PROBES:
        stream = f"{_stream(probe)}_recording1"
        keys += [f"spikesorted/{stream}/spikes.npy", f"quality_control/{probe} drift.png"]
        keys += zarr(f"postprocessed/{stream}.zarr", {"sorting/spikes": 3, "extensions": 2})
    return [*keys, "visualization_output.json"]


def _nwb_packaged(source: str, dice: int, modalities: tuple[str, ...]) -> list[str]:
    if dice % 5 < 2:
        return [f"{source}.nwb", "notes.txt"]
    return nwb_store(f"{source}.nwb.zarr")


def _processed(source: str, dice: int, modalities: tuple[str, ...]) -> list[str]:
    if "pophys" in modalities:
        return _processed_planes(source, dice)
    keys = _nwb_either_way(f"nwb/{source}.nwb", dice)
    if "fib" in modalities:
        keys += (
            nwb_store("fib.nwb.zarr") if dice % 7 == 0 else ["qc/dff_green.png", "qc/dff_red.png"]
        )
    return keys


def _processed_planes(source: str, dice: int) -> list[str]:
    steps = ("motion_correction/transform.csv", "extraction/rois.h5", "dff/dff.h5")
    planes = [f"VISp_{plane}/{step}" for plane in range(4) for step in steps]
    return [*planes, *nwb_store("pophys.nwb.zarr"), *_nwb_either_way(f"{source}.nwb", dice)]


def _tracked_video(source: str, dice: int, modalities: tuple[str, ...]) -> list[str]:
    return [f"{dice}_Eye_{source[-19:]}.h5", f"{dice}_Eye_{source[-19:]}.csv"]


def _stitched(source: str, dice: int, modalities: tuple[str, ...]) -> list[str]:
    keys = ["neuroglancer_config.json", "image_cell_segmentation/Ex_561_Em_593/cells.csv"]
    for channel in ("Ex_488_Em_525", "Ex_561_Em_600"):
        keys += zarr(f"image_tile_fusing/OMEZarr/{channel}.zarr", {"0": 8, "1": 4, "2": 1})
    return keys


def _fused(source: str, dice: int, modalities: tuple[str, ...]) -> list[str]:
    alignment = ["image_tile_alignment/bigstitcher.xml", "interestpoints.n5/attributes.json"]
    return [*alignment, *zarr("fused.zarr/fused.zarr", {"0": 16, "1": 4}), "fused.zarr/.zgroup"]


def _nwb_either_way(path: str, dice: int) -> list[str]:
    """The keys of a ``.nwb``: for one asset in three a directory store, else a single file."""
    return nwb_store(path) if dice % 3 == 0 else [path]


def _stream(probe: str) -> str:
    return f"experiment1_Record Node 104#Neuropix-PXI-100.{probe}-AP"


def _tile(x: int) -> str:
    return f"Tile_X_{x:04}_Y_0000_Z_0000_ch_488"


_RAW = {
    "ecephys": _raw_ephys,
    "behavior": _raw_behavior,
    "behavior-videos": _raw_videos,
    "fib": _raw_photometry,
    "pophys": _raw_planes,
    "SPIM": _raw_lightsheet,
    "BARseq": _raw_sequencing,
    "slap": _raw_slap,
}

_DERIVED = {
    "sorted": _sorted_ephys,
    "nwb": _nwb_packaged,
    "processed": _processed,
    "dlc-eye": _tracked_video,
    "stitched": _stitched,
    "fused": _fused,
}
