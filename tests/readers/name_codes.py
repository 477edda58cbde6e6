"""Prints the name of the record of each job, as the real wrapper computes it.

    .venv-readers/bin/python tests/readers/name_codes.py < JOBS > NAMES

Each line of the input is a JSON object: ``code``, the wrapper without parameters, and ``job``,
the content of a job file. It runs in a separate environment, as `validate_jobs` does.
"""

from __future__ import annotations

import json
import sys
import warnings

from aind_data_schema.base import GenericModel
from aind_data_schema.components.identifiers import DataAsset
from aind_data_schema.core import processing
from analysis_pipeline_utils.analysis_dispatch_model import AnalysisDispatchModel
from analysis_pipeline_utils.metadata import update_analysis_process
from analysis_pipeline_utils.result_files import processing_prefix


def name_of(line: str) -> str:
    """The name that the wrapper gives to the record of the job in `line`."""
    given = json.loads(line)
    inputs = [DataAsset(url=url) for url in given["code"].pop("input_urls")]
    code = processing.Code(
        **given["code"], run_script="code/run", parameters=GenericModel(), input_data=inputs
    )
    process = processing.DataProcess.model_construct(code=code, notes=None)
    job = AnalysisDispatchModel.model_validate_json(json.dumps(given["job"]))
    return processing_prefix(update_analysis_process(process, job).code)


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # about names with dots, which MongoDB cannot query
    for line in sys.stdin:
        print(name_of(line))
