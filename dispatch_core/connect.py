"""Where records and objects come from: settings in, sources out.

Without ``DOCDB_HOST`` everything is the embedded demo and the label says so; a platform has to
ask for it with ``DOCDB_HOST=demo``. With a host, records come from the gateway (or from MongoDB,
if the host is a MongoDB URI) and files from S3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from dispatch_core.environment.platform import platform_variable
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.listing.cluster import DaskCluster
from dispatch_core.options import option_of
from dispatch_core.sources.mongodb import SCHEMES, MongoSource
from dispatch_core.sources.protocols import MetadataSource, ObjectLister

if TYPE_CHECKING:
    from dispatch_core.demo.catalogue import DemoCatalogue

# Each client is imported where its source is opened: they take most of a command's start.

DEMO, S3 = "demo", "s3"
_HOST = option_of("docdb_host").variable
DEMO_ASSETS = 2_400
DEMO_LABEL = "embedded demo"
"""How the label of each source of the demo begins."""


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """Which document database and which object store; hashable, so a cache key.

    ``host`` "" is the embedded demo. ``buckets`` is "demo", "s3" or a folder with a
    sub-folder for each bucket; "" is "demo" with the demo host, else "s3".
    ``results_host`` "" is the host of the assets. Results are configured if both
    ``results_database`` and ``results_collection`` are given.
    ``inventory`` has the locations of S3 inventories, comma-separated, to read instead;
    ``request_payer`` "requester" accepts the charges of buckets for which the requester pays;
    ``dask_scheduler`` "" locates files with threads of this process.
    """

    host: str = field(default="", repr=False)  # a mongodb:// URI may hold a password
    version: str = option_of("docdb_version").default
    database: str = option_of("docdb_database").default
    collection: str = option_of("docdb_collection").default
    buckets: str = ""
    demo_assets: int = DEMO_ASSETS
    dask_scheduler: str = ""
    inventory: str = ""
    request_payer: str = ""
    results_host: str = field(default="", repr=False)
    results_database: str = ""
    results_collection: str = ""

    @property
    def has_results(self) -> bool:
        """Whether the collection of the results is configured."""
        return bool(self.results_database and self.results_collection)

    @property
    def can_check(self) -> bool:
        """Whether jobs can be looked for: in configured results, or in those of the demo."""
        return self.has_results or not (self.host or self.results_host)

    @property
    def is_demo(self) -> bool:
        """Whether records come from the embedded demo."""
        return not self.host


def settings_from(environment: Mapping[str, str]) -> SourceSettings:
    """The settings that environment variables give; a blank one counts as unset."""

    def get(argument: str) -> str:
        option = option_of(argument)
        text = environment.get(option.variable, "").strip() or option.default or ""
        if text and option.choices and text not in option.choices:
            what = f"{text[:40]!r} is not one of {', '.join(option.choices)}"
            raise InvalidInput(Issue(what, option.variable, "Write one of them, or unset it"))
        return text

    host = get("docdb_host")
    return SourceSettings(
        host="" if host.lower() == DEMO else host,
        version=get("docdb_version"),
        database=get("docdb_database"),
        collection=get("docdb_collection"),
        buckets=get("buckets"),
        inventory=get("s3_inventory"),
        results_host=get("results_host"),
        results_database=get("results_database"),
        results_collection=get("results_collection"),
        request_payer=get("request_payer"),
        dask_scheduler=get("dask_scheduler"),
        demo_assets=_demo_assets(environment.get("DISPATCH_DEMO_ASSETS", "").strip()),
    )


def require_chosen_demo(settings: SourceSettings, environment: Mapping[str, str]) -> None:
    """Raises `InvalidInput` if a platform would run on the demo that no one chose.

    Where ``DOCDB_HOST`` is missing by mistake, the jobs of the demo would be dispatched as if
    they were real.
    """
    variable = platform_variable(environment)
    if variable and is_demo_by_default(settings, environment):
        raise unwanted_demo(f"this is a platform ({variable} is set)")


def is_demo_by_default(settings: SourceSettings, environment: Mapping[str, str]) -> bool:
    """Whether records come from the demo only because no host is given."""
    return settings.is_demo and not environment.get(_HOST, "").strip()


def unwanted_demo(reason: str) -> InvalidInput:
    """The error that the embedded demo is refused, for a `reason`."""
    what = f"no database is configured, and the embedded demo is refused: {reason}"
    action = f"Set it to the host of the metadata gateway, or to {DEMO}"
    return InvalidInput(Issue(what, _HOST, action))


def _demo_assets(text: str) -> int:
    if not text:
        return DEMO_ASSETS
    if re.fullmatch("[0-9]{1,7}", text) and int(text):
        return int(text)
    action = "Write a whole number from 58, such as 2400"
    raise InvalidInput(
        Issue(f"{text[:40]!r} is not a number of assets", "DISPATCH_DEMO_ASSETS", action)
    )


def open_metadata_source(settings: SourceSettings) -> MetadataSource:
    """The source of records; no request is sent yet."""
    if settings.is_demo:
        return _demo_source(settings)
    if settings.host.startswith(SCHEMES):
        return MongoSource(
            settings.host, database=settings.database, collection=settings.collection
        )
    from dispatch_core.sources.gateway import GatewaySource

    return GatewaySource(
        settings.host,
        version=settings.version,
        database=settings.database,
        collection=settings.collection,
    )


def open_results(settings: SourceSettings, *, is_asked: bool = False) -> MetadataSource | None:
    """The records of processed jobs; None if they are not configured.

    The demo has results of its own, which are used if they are configured or asked for. A
    gateway is read in v1, where wrappers write.
    """
    if not settings.can_check or not (is_asked or settings.has_results):
        return None
    host = settings.results_host or settings.host
    if not host:
        return _demo_results(settings)
    return open_metadata_source(
        replace(
            settings,
            host=host,
            version="v1",
            database=settings.results_database,
            collection=settings.results_collection,
        )
    )


def open_object_lister(settings: SourceSettings, soon: bool = False) -> ObjectLister:
    """The object store; no request is sent yet, except for the manifest of an inventory.

    If it is used `soon`, boto3 is prepared in the background, which takes a third of a second.
    """
    pays = bool(settings.request_payer)
    if settings.inventory:
        from dispatch_core.sources.inventory import InventoryLister

        places = (place.strip() for place in settings.inventory.split(","))
        return InventoryLister([place for place in places if place], pays=pays)
    buckets = settings.buckets or (DEMO if settings.is_demo else S3)
    if buckets == DEMO:
        from dispatch_core.demo.buckets import DemoLister

        return DemoLister(_catalogue(settings.demo_assets))
    if buckets == S3:
        from dispatch_core.sources.s3 import S3Lister

        lister = S3Lister(pays=pays)
        if soon and not settings.dask_scheduler:
            lister.prepare()
        return lister
    root = Path(buckets)
    if not root.is_dir():
        action = "Write demo, s3, or a folder with a sub-folder for each bucket"
        raise InvalidInput(Issue(f"{buckets!r} is not a folder", "buckets", action))
    from dispatch_core.sources.folder import FolderLister

    return FolderLister(root)


def local_inputs(settings: SourceSettings) -> tuple[Path, ...]:
    """The files and folders of this machine that these sources read."""
    named = [place.strip() for place in settings.inventory.split(",")]
    if settings.buckets not in (DEMO, S3):
        named.append(settings.buckets)
    return tuple(Path(name) for name in named if name and "://" not in name)


def open_cluster(settings: SourceSettings) -> DaskCluster | None:
    """The cluster on which files are located, if any; no request is sent yet."""
    return DaskCluster(settings.dask_scheduler) if settings.dask_scheduler else None


def _demo_source(settings: SourceSettings) -> MetadataSource:
    from dispatch_core.demo.gateway import DemoGateway, GatewayAdapter
    from dispatch_core.sources.gateway import GatewaySource

    catalogue = _catalogue(settings.demo_assets)
    gateway = DemoGateway(catalogue.records)
    return GatewaySource(
        "demo.invalid",
        adapter=GatewayAdapter(gateway),
        label=f"{DEMO_LABEL}, {len(catalogue.records):,} generated assets"
        " (set DOCDB_HOST for a real database)",
    )


def _demo_results(settings: SourceSettings) -> MetadataSource:
    from dispatch_core.demo.gateway import DemoGateway, GatewayAdapter
    from dispatch_core.demo.results import COLLECTION, DATABASE, demo_results
    from dispatch_core.sources.gateway import GatewaySource

    records = demo_results(_catalogue(settings.demo_assets))
    gateway = DemoGateway((), collections={f"{DATABASE}/{COLLECTION}": records})
    return GatewaySource(
        "demo.invalid",
        database=DATABASE,
        collection=COLLECTION,
        adapter=GatewayAdapter(gateway),
        label=f"{DEMO_LABEL}, {len(records):,} generated results",
    )


@lru_cache(maxsize=2)
def _catalogue(asset_count: int) -> DemoCatalogue:
    from dispatch_core.demo.catalogue import DemoCatalogue

    return DemoCatalogue(asset_count)
