"""Validates every job below a folder with the real reader of analysis-pipeline-utils.

    .venv-readers/bin/python tests/readers/validate_jobs.py FOLDER

It runs in a separate environment, because that package pins old versions of others.
It prints the number of valid jobs, or the first invalid one with exit code 1.
"""

from __future__ import annotations

import sys
from pathlib import Path

from analysis_pipeline_utils.analysis_dispatch_model import AnalysisDispatchModel
from pydantic import ValidationError


def main(folder: Path) -> int:
    """Validate ``folder/*/*.json``, the layout that the analysis wrapper expects."""
    jobs = sorted(folder.glob("*/*.json"))
    for job in jobs:
        try:
            AnalysisDispatchModel.model_validate_json(job.read_bytes())
        except ValidationError as error:
            print(f"{job}: {error}", file=sys.stderr)
            return 1
    print(len(jobs))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
