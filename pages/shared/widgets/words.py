"""What to do, in the words of the app: each option of the command line as its control.

The core names options, which is how the command line and notebooks say it. A page names
the control that does the same.
"""

from __future__ import annotations

import re

CONTROLS = {
    "allowed_files": "the command line",
    "analysis_code": "Wrapper, on the page Jobs",
    "balance": "Balance workers by, on the page Jobs",
    "docdb_query": "on the page Assets",
    "drop_null_groups": "Exclude assets that lack one of these fields",
    "expect_fingerprint": "the expected fingerprint",
    "file_extension": "Names end with, on the page Files",
    "filter_latest": "Latest only, on the page Assets",
    "group_by": "the groups, on the page Assets",
    "job_format": "Job format, on the page Jobs",
    "ledger": "the download of the excluded rows",
    "max_number_of_tasks_dispatched": "Cap on jobs, on the page Jobs",
    "not_in": "Earlier dispatches, on the page Jobs",
    "only_jobs": "the chosen jobs of the request",
    "plan": "the page Jobs",
    "replace": "Replace the folder",
    "request_payer": "AWS_REQUEST_PAYER in the environment of the app",
    "results_collection": "DOCDB_COLLECTION in the environment of the app",
    "results_database": "DOCDB_DATABASE in the environment of the app",
    "run_anyway": "Run anyway, on the page Jobs, for",
    "s3_inventory": "the S3 Inventory of the app",
    "dask_scheduler": "the Dask cluster of the app",
    "several_extensions": "Of several extensions, use, on the page Files",
    "several_files": "the rule for several files, on the page Files:",
    "skip_processed": "Already processed, on the page Jobs",
    "unwind_list_fields": "the list fields, on the page Assets",
    "use_data_asset_csv": "on the page Assets",
}
"""Option -> the control of the app that does the same."""

_PHRASES = (
    (re.compile(r"set --drop_null_groups=0"), f"switch off *{CONTROLS['drop_null_groups']}*"),
    (re.compile(r"or another --several_files"), "or another rule for several files"),
    (re.compile(r"--several_files each or together"), "another rule for several files"),
    (re.compile(r"the options --results_\.\.\.,"), "the settings of the results,"),
    (re.compile(r"use --replace"), f"switch on *{CONTROLS['replace']}*"),
    (re.compile(r"\(--replace\)"), f"(*{CONTROLS['replace']}*)"),
    (re.compile(r"; the command line can allow[^.;]*\(--allowed_files\)"), ""),
    (re.compile(r"; or add its name to --only_jobs"), "; or remove the list of chosen jobs"),
    (re.compile(r"set --request_payer requester", re.I), "set AWS_REQUEST_PAYER=requester"),
    (re.compile(r" \(--docdb_query\)| \(--use_data_asset_csv=1\)"), ""),
)
_OPTION = re.compile(r"--([a-z][a-z0-9_]*)(?:=(\S*[^\s.,;]))?")


def in_words_of_the_app(text: str) -> str:
    """`text` with each option of the command line replaced by the control of the app."""
    if "--" not in text:
        return text
    for phrase, words in _PHRASES:
        text = phrase.sub(words.replace("*", ""), text)
    return _OPTION.sub(_control, text)


def _control(found: re.Match[str]) -> str:
    name, value = found.groups()
    words = CONTROLS.get(name, name.replace("_", " "))
    return f"{words} ({value})" if value else words
