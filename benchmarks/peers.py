"""Tasks done by other tools in their own environments; run as children of a benchmark."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.child import ROOT, Task, answer

BENCH_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
READERS_PYTHON = ROOT / ".venv-readers" / "bin" / "python"


def s3fs_glob(task: Task) -> Callable[[], list[str]]:
    """Glob one asset after another, as upstream does; `task` has locations and extension."""
    s3fs: Any = importlib.import_module("s3fs")
    system = s3fs.S3FileSystem(use_listings_cache=False, skip_instance_cache=True)
    system.glob("bench-data/none/*")  # connects

    def work() -> list[str]:
        globs = (f"{place}/**/*{task['extension']}" for place in task["locations"])
        return [f"s3://{path}" for glob in globs for path in system.glob(glob)]

    return work


def upstream_locate(task: Task) -> Callable[[], list[str]]:
    """Call ``get_asset_file_path_records`` of analysis-pipeline-utils for each asset."""
    dispatch: Any = importlib.import_module("analysis_pipeline_utils.utils_analysis_dispatch")
    dispatch.fs.glob("bench-data/none/*")
    records = [
        dispatch.AnalysisDispatchModel(s3_location=[place], asset_name=[""], docdb_record_id=[""])
        for place in task["locations"]
    ]

    def work() -> list[str]:
        return [
            model.file_location[0]
            for record in records
            for model in dispatch.get_asset_file_path_records(record, task["extension"], True)
        ]

    return work


def upstream_write(task: Task) -> Callable[[], None]:
    """Call ``write_input_model_list`` of analysis-pipeline-utils, which does not sync."""
    dispatch: Any = importlib.import_module("analysis_pipeline_utils.utils_analysis_dispatch")
    count = task["count"]

    def models() -> Any:
        for number in range(count):
            name = f"behavior_{number:07}_2025-06-07_14-31-15"
            place = f"s3://example-bucket/{name}"
            yield dispatch.AnalysisDispatchModel(
                s3_location=[place],
                asset_name=[name],
                docdb_record_id=[name],
                file_location=[f"{place}/nwb/experiment1.nwb"],
                distributed_parameters={"analysis_name": "drift", "threshold": number},
            )

    folder = Path(task["folder"]) / "upstream"
    return lambda: dispatch.write_input_model_list(models(), folder, -(-count // 50), count)


if __name__ == "__main__":
    answer(
        {
            "s3fs_glob": s3fs_glob,
            "upstream_locate": upstream_locate,
            "upstream_write": upstream_write,
        }
    )
