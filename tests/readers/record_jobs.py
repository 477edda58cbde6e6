"""Prints for each job below some folders what the real wrapper records, and whether it skips it.

    .venv-readers/bin/python tests/readers/record_jobs.py FOLDER ... < CODE

The input is the wrapper's ``code`` as JSON. The results are read from the gateway of DOCDB_HOST,
DOCDB_DATABASE and DOCDB_COLLECTION. Each line of the output is a JSON object: ``file``, ``record``
and ``is_skipped``. It runs in a separate environment, as `validate_jobs` does.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

from aind_data_schema.base import GenericModel
from aind_data_schema.core import processing
from analysis_pipeline_utils.analysis_dispatch_model import AnalysisDispatchModel
from analysis_pipeline_utils.metadata import docdb_record_exists, update_analysis_process
from analysis_pipeline_utils.result_files import processing_prefix


def outcome(path: Path, code: dict[str, Any]) -> dict[str, Any]:
    """The record that the wrapper writes for the job in `path`, and whether it skips the job."""
    base = processing.Code(**code, run_script="code/run", parameters=GenericModel(), input_data=[])
    process = processing.DataProcess.model_construct(code=base, notes=None)
    job = AnalysisDispatchModel.model_validate_json(path.read_bytes())
    done = update_analysis_process(process, job).code
    name = processing_prefix(done)
    record = {
        "_id": name,
        "name": name,
        "location": f"s3://results/{name}",
        "processing": {"data_processes": [{"code": json.loads(done.model_dump_json())}]},
    }
    return {"file": str(path), "record": record, "is_skipped": docdb_record_exists(done)}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    wrapper = json.load(sys.stdin)
    for folder in map(Path, sys.argv[1:]):
        for file in sorted(folder.glob("*/*.json")):
            print(json.dumps(outcome(file, wrapper)))
