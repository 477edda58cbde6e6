"""Metadata records in both schemas, built from one description of an asset.

A `Session` has the documents that its raw asset and all derived assets share; an `Asset`
is one of these; `record_of` builds its v1 or v2 record. Equal documents are the same
object in every record, so that a hundred thousand records fit in memory: treat every
record as immutable.
"""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from dispatch_core.demo.vocabulary import GENOTYPES, MODALITIES, PEOPLE, Derivation, Project
from dispatch_core.types import Record

Schema = Literal[1, 2]

LAYOUTS = (
    ("T", "seconds", "Z"),
    ("T", "microseconds", "Z"),
    ("T", "milliseconds", "Z"),
    ("T", "seconds", "-07:00"),
    ("T", "microseconds", "-07:00"),
    (" ", "seconds", "+00:00"),
    (" ", "microseconds", "-07:00"),
    ("T", "seconds", ""),
    ("", "date", ""),
)
"""(separator, precision, zone) of each layout of a time; the last is a date only."""

DATE_ONLY = len(LAYOUTS) - 1
DATE_WITH_SPACE = 5
_TO_UTC = timedelta(hours=7)
_NOTHING: list[Any] = []
_ETHICS = ["0000"]


@functools.lru_cache(maxsize=64)
def stamp(local: datetime, layout: int) -> str:
    """`local` (seven hours behind UTC) as text in one of the `LAYOUTS`.

    A record has most times twice, such as the end of a process and the start of the next one.
    """
    separator, precision, zone = LAYOUTS[layout]
    if not separator:
        return local.date().isoformat()
    moment = local + _TO_UTC if zone in ("Z", "+00:00") else local
    return moment.isoformat(separator, precision) + zone


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject and its documents, in one schema."""

    subject_id: str
    subject: Record
    procedures: Record


@dataclass(frozen=True, slots=True)
class Session:
    """One recording, with the documents that all its assets share.

    ``project_name`` may be a variant of the project's name. ``layout`` is the layout of
    the session's times, an index into `LAYOUTS`.
    """

    project: Project
    project_name: str
    subject: Subject
    schema: Schema
    started: datetime
    layout: int
    name: str
    sources: list[str]
    recording: Record
    rig: Record
    quality_control: Record | None


@dataclass(frozen=True, slots=True)
class Asset:
    """One data asset of a session; ``derivation`` is None for the raw asset."""

    session: Session
    record_id: str
    name: str
    location: str
    code_ocean_ids: tuple[str, ...]
    made: datetime
    derivation: Derivation | None = None
    version: int = 1


def session_of(
    project: Project,
    subject: Subject,
    started: datetime,
    schema: Schema,
    *,
    spelling: int = 0,
    layout: int = 0,
    kind: int = 0,
    verdict: str = "Pass",
) -> Session:
    """A session of `project`; `verdict` is its quality control status, "" for none.

    `spelling` and `kind` select from the project's spellings and session types, modulo
    their number.
    """
    prefix = f"{project.prefix}_" if project.prefix else ""
    session_type = project.session_types[kind % len(project.session_types)]
    name = f"{prefix}{subject.subject_id}_{name_time(started)}"
    quality_control = None
    if verdict:
        month = started.date().isoformat()[:7]
        quality_control = _quality_control(schema, project.modalities, verdict, month)
    return Session(
        project=project,
        project_name=project.spellings[spelling % len(project.spellings)],
        subject=subject,
        schema=schema,
        started=started,
        layout=layout,
        name=name,
        sources=[name],
        recording=_recording(schema, project, subject.subject_id, started, layout, session_type),
        rig=_rig(schema, project, started.day % 3 + 1),
        quality_control=quality_control,
    )


def name_time(moment: datetime) -> str:
    """`moment` in the format of asset names: ``2025-03-01_10-00-00``."""
    return f"{moment.date().isoformat()}_{moment.strftime('%H-%M-%S')}"


def record_of(asset: Asset) -> Record:
    """The record of `asset`, in the schema of its session."""
    return _record_v1(asset) if asset.session.schema == 1 else _record_v2(asset)


def envelope_of(asset: Asset) -> Record:
    """A v1 envelope (``external_links``, ``session``, ``rig``) around v2 cores.

    `asset` must belong to a v2 session. ``session`` and ``rig`` are null and the cores
    are at their v2 paths, as in partly upgraded records.
    """
    cores = _record_v2(asset)
    envelope = _record_v1(asset)
    shared = ("subject", "data_description", "procedures", "processing", "quality_control")
    for key in (*shared, "acquisition", "instrument"):
        envelope[key] = cores[key]
    return envelope | {"session": None, "rig": None, "schema_version": "1.2.1"}


def _record_v1(asset: Asset) -> Record:
    session = asset.session
    made = asset.made
    return {
        "_id": asset.record_id,
        "describedBy": _schema_url("metadata"),
        "schema_version": "1.1.1",
        "name": asset.name,
        "created": made.isoformat() if session.layout % 2 else stamp(made, 0),
        "last_modified": stamp(made + timedelta(hours=9), 2),
        "location": asset.location,
        "metadata_status": "Valid" if session.layout % 3 else "Unknown",
        "external_links": {"Code Ocean": list(asset.code_ocean_ids)},
        "subject": session.subject.subject,
        "data_description": _description_v1(asset),
        "procedures": session.subject.procedures,
        "session": session.recording,
        "rig": session.rig,
        "acquisition": None,
        "instrument": None,
        "processing": _processing_v1(asset),
        "quality_control": session.quality_control,
    }


def _record_v2(asset: Asset) -> Record:
    session = asset.session
    return {
        "_id": asset.record_id,
        "object_type": "Metadata",
        "describedBy": _schema_url("metadata"),
        "schema_version": "2.2.1",
        "name": asset.name,
        "location": asset.location,
        "other_identifiers": {"Code Ocean": list(asset.code_ocean_ids)},
        "subject": session.subject.subject,
        "data_description": _description_v2(asset),
        "procedures": session.subject.procedures,
        "acquisition": session.recording,
        "instrument": session.rig,
        "processing": _processing_v2(asset),
        "quality_control": session.quality_control,
        "model": None,
        "_created": stamp(asset.made, 2),
        "_last_modified": stamp(asset.made + timedelta(hours=9), 2),
    }


def _description_v1(asset: Asset) -> Record:
    session = asset.session
    description: Record = {
        "describedBy": _schema_url("data_description"),
        "schema_version": "1.0.3",
        "name": asset.name,
        "data_level": "derived" if asset.derivation else "raw",
        "project_name": session.project_name,
        "subject_id": session.subject.subject_id,
        "creation_time": stamp(asset.made, session.layout),
        "modality": modality_list(session.project.modalities),
        "platform": _platform(session.project.prefix or "behavior"),
        "institution": _institution(1),
        "investigators": _investigators(1, len(session.project.name) % len(PEOPLE)),
        "funding_source": _funding(1),
        "license": "CC-BY-4.0",
    }
    if asset.derivation:
        description["process_name"] = asset.derivation.label
        description["input_data_name"] = session.name
    return description


def _description_v2(asset: Asset) -> Record:
    session = asset.session
    return {
        "object_type": "Data description",
        "describedBy": _schema_url("data_description"),
        "schema_version": "2.1.0",
        "name": asset.name,
        "data_level": "derived" if asset.derivation else "raw",
        "project_name": session.project_name,
        "subject_id": session.subject.subject_id,
        "creation_time": stamp(asset.made, session.layout),
        "modalities": modality_list(session.project.modalities),
        "institution": _institution(2),
        "investigators": _investigators(2, len(session.project.name) % len(PEOPLE)),
        "funding_source": _funding(2),
        "license": "CC-BY-4.0",
        "source_data": session.sources if asset.derivation else None,
        "tags": None,
    }


# The vocabulary limits every cache here to a few hundred small documents in total.
@functools.cache
def _schema_url(core: str) -> str:
    return f"https://example.org/aind-data-schema/core/{core}.py"


@functools.cache
def _pipeline_url(pipeline: str) -> str:
    return f"https://example.org/{pipeline}"


@functools.cache
def _release(version: int) -> str:
    return f"{version}.0"


@functools.cache
def modality_list(abbreviations: tuple[str, ...]) -> list[Record]:
    """A list with name and abbreviation of each modality, as in both schemas."""
    return [{"name": MODALITIES[each], "abbreviation": each} for each in abbreviations]


@functools.cache
def _platform(abbreviation: str) -> Record:
    return {"abbreviation": abbreviation, "name": f"{abbreviation} platform"}


@functools.cache
def _institution(schema: Schema) -> Record:
    registry: Any = "Example registry of organizations"
    if schema == 1:
        registry = {"abbreviation": "ERO", "name": registry}
    return {"abbreviation": "EIND", "name": "Example Institute", "registry": registry}


@functools.cache
def _investigators(schema: Schema, first: int) -> list[Record]:
    people = [PEOPLE[first], PEOPLE[(first + 2) % len(PEOPLE)]]
    if schema == 1:
        return [{"name": name, "abbreviation": None, "registry": None} for name in people]
    return [{"object_type": "Person", "name": name, "registry": None} for name in people]


@functools.cache
def _experimenters(number: int) -> list[str]:
    return [PEOPLE[number % len(PEOPLE)]]


@functools.cache
def _pipelines(pipeline: str, version: int) -> list[Record]:
    return [_code(pipeline, "", version)]


@functools.cache
def _funding(schema: Schema) -> list[Record]:
    fundee: Any = "Ada Example, Cleo Specimen"
    if schema == 2:
        fundee = _investigators(2, 0)
    return [{"funder": "Example Foundation", "grant_number": "EX-0042", "fundee": fundee}]


def _processing_v1(asset: Asset) -> Record | None:
    if asset.derivation is None:
        return None
    return {
        "describedBy": _schema_url("processing"),
        "schema_version": "1.1.4",
        "processing_pipeline": {
            "data_processes": [
                {
                    "name": name,
                    "software_version": _release(asset.version),
                    "start_date_time": started,
                    "end_date_time": ended,
                    "input_location": asset.session.name,
                    "output_location": asset.location,
                    "code_url": _pipeline_url(asset.derivation.pipeline),
                    "parameters": _parameters(name, asset.version),
                    "notes": None,
                }
                for name, started, ended in _process_times(asset)
            ],
            "processor_full_name": PEOPLE[asset.version % len(PEOPLE)],
            "pipeline_version": _release(asset.version),
            "pipeline_url": _pipeline_url(asset.derivation.pipeline),
        },
        "analyses": _NOTHING,
    }


def _processing_v2(asset: Asset) -> Record | None:
    if asset.derivation is None:
        return None
    return {
        "object_type": "Processing",
        "describedBy": _schema_url("processing"),
        "schema_version": "2.1.4",
        "data_processes": [
            {
                "object_type": "Data process",
                "process_type": name,
                "name": name,
                "stage": "Processing",
                "code": _code(asset.derivation.pipeline, name, asset.version),
                "experimenters": _experimenters(asset.version),
                "pipeline_name": asset.derivation.pipeline,
                "start_date_time": started,
                "end_date_time": ended,
                "notes": None,
            }
            for name, started, ended in _process_times(asset)
        ],
        "pipelines": _pipelines(asset.derivation.pipeline, asset.version),
    }


def _process_times(asset: Asset) -> list[tuple[str, str, str]]:
    assert asset.derivation is not None
    hour = timedelta(hours=1)
    layout = asset.session.layout
    steps = len(asset.derivation.processes)
    starts = [asset.made - hour * (steps - index) for index in range(steps)]
    return [
        (name, stamp(start, layout), stamp(start + hour, layout))
        for name, start in zip(asset.derivation.processes, starts, strict=True)
    ]


@functools.cache
def _parameters(process: str, version: int) -> Record:
    return {"method": f"{process.split()[0].lower()}-v{version}", "threshold": 0.25 * version}


@functools.cache
def _code(pipeline: str, process: str, version: int) -> Record:
    return {
        "object_type": "Code",
        "url": _pipeline_url(pipeline),
        "name": process or pipeline,
        "version": _release(version),
        "parameters": _parameters(process, version) if process else None,
    }


def subject_of(subject_id: str, schema: Schema, number: int) -> Subject:
    """A subject with its documents; `number` determines genotype, sex and dates."""
    genotype = GENOTYPES[number % len(GENOTYPES)]
    born = f"202{number % 4 + 1}-{number % 12 + 1:02}-{number % 28 + 1:02}"
    traits = {
        "date_of_birth": born,
        "genotype": genotype,
        "sex": "Female" if number % 2 else "Male",
        "species": _species(),
        "breeding_info": None,
        "housing": {"cage_id": f"{7000 + number % 997}", "room_id": f"{200 + number % 7}"},
    }
    subject: Record = {
        "describedBy": _schema_url("subject"),
        "schema_version": "1.0.3" if schema == 1 else "2.0.13",
        "subject_id": subject_id,
    }
    if schema == 1:
        subject |= traits
    else:
        subject["subject_details"] = {"object_type": "Mouse subject", **traits}
    return Subject(subject_id, subject, _procedures(subject_id, schema, number))


@functools.cache
def _species() -> Record:
    return {"name": "Mus musculus", "registry_identifier": "NCBI:txid10090"}


def _procedures(subject_id: str, schema: Schema, number: int) -> Record:
    return {
        "describedBy": _schema_url("procedures"),
        "schema_version": "1.2.1" if schema == 1 else "2.0.34",
        "subject_id": subject_id,
        "subject_procedures": [_surgery(schema, number % 24)],
        "specimen_procedures": _NOTHING,
    }


@functools.cache
def _surgery(schema: Schema, number: int) -> Record:
    injection = {
        "targeted_structure": ("VISp", "MOp", "TH", "ACB")[number % 4],
        "injection_volume": ["300.0"] if schema == 1 else [300.0],
        "injection_materials": [{"material_type": "Virus", "name": f"VT-demo-{number:02}"}],
    }
    if schema == 1:
        return {
            "procedure_type": "Surgery",
            "start_date": f"2024-{number % 12 + 1:02}-11",
            "experimenter_full_name": PEOPLE[number % len(PEOPLE)],
            "iacuc_protocol": "0000",
            "procedures": [{"procedure_type": "Nanoject injection", **injection}],
        }
    return {
        "object_type": "Surgery",
        "start_date": f"2024-{number % 12 + 1:02}-11",
        "experimenters": [PEOPLE[number % len(PEOPLE)]],
        "ethics_review_id": "0000",
        "procedures": [{"object_type": "Brain injection", **injection}],
    }


def _recording(
    schema: Schema, project: Project, subject_id: str, started: datetime, layout: int, kind: str
) -> Record:
    """The ``session`` (v1) or ``acquisition`` (v2) document of one recording."""
    minutes = 45 + started.minute
    begin, end = stamp(started, layout), stamp(started + timedelta(minutes=minutes), layout)
    people = _experimenters(started.day)
    rig_id = _rig_id(project, started.day % 3 + 1)
    if schema == 1:
        return {
            "describedBy": _schema_url("session"),
            "schema_version": "1.0.3",
            "subject_id": subject_id,
            "session_type": kind,
            "session_start_time": begin,
            "session_end_time": end,
            "experimenter_full_name": people,
            "rig_id": rig_id,
            "iacuc_protocol": "0000",
            "data_streams": [_stream(schema, project.modalities, begin, end)],
            "stimulus_epochs": _epochs(schema, kind),
            "reward_consumed_total": sys.intern(f"0.{minutes}"),
            "notes": None,
        }
    return {
        "object_type": "Acquisition",
        "describedBy": _schema_url("acquisition"),
        "schema_version": "2.2.0",
        "subject_id": subject_id,
        "acquisition_type": kind,
        "acquisition_start_time": begin,
        "acquisition_end_time": end,
        "experimenters": people,
        "instrument_id": rig_id,
        "ethics_review_id": _ETHICS,
        "data_streams": [_stream(schema, project.modalities, begin, end)],
        "stimulus_epochs": _epochs(schema, kind),
        "notes": None,
    }


def _stream(schema: Schema, modalities: tuple[str, ...], begin: str, end: str) -> Record:
    key = "stream_modalities" if schema == 1 else "modalities"
    return {
        "stream_start_time": begin,
        "stream_end_time": end,
        key: modality_list(modalities),
    }


@functools.cache
def _epochs(schema: Schema, kind: str) -> list[Record]:
    software = {"name": "demo-task", "version": "1.4.0", "url": "https://example.org/demo-task"}
    epoch: Record = {"stimulus_name": kind, "stimulus_modalities": ["Auditory", "Visual"]}
    if schema == 1:
        return [epoch | {"software": [software], "trials_total": 420, "trials_rewarded": 260}]
    metrics = {"object_type": "Performance metrics", "trials_total": 420, "trials_rewarded": 260}
    return [epoch | {"code": software, "performance_metrics": metrics}]


@functools.cache
def _rig_id(project: Project, number: int) -> str:
    return f"{project.prefix or 'vr'}-rig-{number}"


@functools.cache
def _rig(schema: Schema, project: Project, number: int) -> Record:
    """The ``rig`` (v1) or ``instrument`` (v2) document, shared by many sessions."""
    rig_id = _rig_id(project, number)
    device = {"name": "Face Camera", "model": "DC-100", "serial_number": f"00{number}17"}
    if schema == 1:
        return {
            "describedBy": _schema_url("rig"),
            "schema_version": "1.0.3",
            "rig_id": rig_id,
            "modification_date": f"2024-0{number}-02",
            "modalities": modality_list(project.modalities),
            "cameras": [
                {"name": "Face Camera", "camera_target": "Face side right", "camera": device}
            ],
            "daqs": [],
        }
    return {
        "object_type": "Instrument",
        "describedBy": _schema_url("instrument"),
        "schema_version": "2.1.0",
        "instrument_id": rig_id,
        "modification_date": f"2025-0{number}-02",
        "modalities": modality_list(project.modalities),
        "components": [{"object_type": "Camera", **device}],
        "connections": [],
    }


@functools.cache
def _quality_control(
    schema: Schema, modalities: tuple[str, ...], verdict: str, month: str
) -> Record:
    """Quality control with `verdict` for the first modality and "Pass" for the others."""
    verdicts = dict.fromkeys(modalities, "Pass") | {modalities[0]: verdict}
    time = f"{month}-15T04:08:05.256403Z"
    if schema == 1:
        return {
            "describedBy": _schema_url("quality_control"),
            "schema_version": "1.2.2",
            "evaluations": [_evaluation(each, verdicts[each], time) for each in modalities],
            "notes": None,
        }
    return {
        "object_type": "Quality control",
        "describedBy": _schema_url("quality_control"),
        "schema_version": "2.0.7",
        "metrics": [_metric(each, verdicts[each], time) for each in modalities],
        "default_grouping": list(modalities),
        "status": verdicts | {"Raw data": verdict},
    }


def _evaluation(modality: str, verdict: str, time: str) -> Record:
    history = [{"evaluator": "Automated", "status": verdict, "timestamp": time}]
    return {
        "name": f"{modality} check",
        "modality": {"name": MODALITIES[modality], "abbreviation": modality},
        "stage": "Raw data",
        "metrics": [{"name": "dropped frames", "value": 0, "status_history": history}],
        "latest_status": verdict,
        "created": time,
    }


def _metric(modality: str, verdict: str, time: str) -> Record:
    return {
        "object_type": "QC metric",
        "name": f"{modality} check",
        "modality": {"name": MODALITIES[modality], "abbreviation": modality},
        "stage": "Raw data",
        "value": 0,
        "status_history": [{"evaluator": "Automated", "status": verdict, "timestamp": time}],
        "tags": [modality],
    }
