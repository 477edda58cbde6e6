"""What to do, in the words of the app: each option of the command line as its control.

The core names options, which is how the command line and notebooks say it. A page names
the control that does the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from textwrap import shorten

from dispatch_core.errors import DispatchError
from dispatch_core.types import Notice, NoticeKind, SkipProcessed

PROCESSED_RULES: dict[SkipProcessed, str] = {
    "no": "not looked for",
    "report": "reported, and dispatched again",
    "exact": "excluded if the wrapper would skip them",
    "same_version": "excluded if the same version did the work",
    "any_version": "excluded if any version did the work",
}
"""What happens to the jobs that are already processed, by the rule."""

CONTROLS = {
    "allowed_files": "the command line",
    "analysis_code": "Wrapper, on the page Jobs",
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
    "on_missing": "what the request does about excluded assets",
    "only_jobs": "the chosen jobs of the request",
    "plan": "the page Jobs",
    "replace": "Replace the folder",
    "request_payer": "AWS_REQUEST_PAYER in the environment of the app",
    "results_collection": "DOCDB_COLLECTION in the environment of the app",
    "results_database": "DOCDB_DATABASE in the environment of the app",
    "run_anyway": "Run anyway, on the page Jobs, for",
    "s3_inventory": "the S3 Inventory of the app",
    "dask_scheduler": "the Dask cluster of the app",
    "several_files": "the rule for several files, on the page Files:",
    "skip_processed": "Already processed, on the page Jobs",
    "unwind_list_fields": "the list fields, on the page Assets",
    "use_data_asset_csv": "on the page Assets",
}
"""Option -> the control of the app that does the same."""

_PHRASES = (
    (re.compile(r"set --drop_null_groups=0"), f"switch off *{CONTROLS['drop_null_groups']}*"),
    (re.compile(r"name it: --analysis_code '[^']*'", re.I), "load a request that names it"),
    (re.compile(r"or another --several_files"), "or another rule for several files"),
    (re.compile(r"--several_files each or together"), "another rule for several files"),
    (re.compile(r"skip_processed=\w+ needs"), "the check of processed jobs needs"),
    (re.compile(r"the options --results_\.\.\.,"), "the settings of the results,"),
    (re.compile(r"use --replace"), f"switch on *{CONTROLS['replace']}*"),
    (re.compile(r"\(--replace\)"), f"(*{CONTROLS['replace']}*)"),
    (re.compile(r"; the command line can allow[^.;]*\(--allowed_files\)"), ""),
    (re.compile(r"; or add its name to --only_jobs"), "; or remove the list of chosen jobs"),
    (re.compile(r"set --request_payer requester", re.I), "set AWS_REQUEST_PAYER=requester"),
    (re.compile(r" \(--docdb_query\)| \(--use_data_asset_csv=1\)"), ""),
)
_OPTION = re.compile(r"--([a-z][a-z0-9_]*)(?:=(\S*[^\s.,;:]))?")


_WHOLE = "for whole assets: choose what names end with, on the page Files"
FACTS: Mapping[NoticeKind, str] = {
    "workers_ignored": "The number of workers is ignored: the number of jobs per worker is set",
    "sizes_unknown": "To balance workers by the size of files does nothing: no file has a known "
    "size (directory stores have none)",
    "sizes_without_files": f"To balance workers by the size of files does nothing {_WHOLE}",
    "rule_with_groups": "The rule for several files is ignored: assets are grouped, and a group is "
    "one job with all files",
    "rule_contradicted": "The request has two rules for several files: the one that the page Files "
    "shows is used",
    "rule_without_files": f"The rule for several files does nothing {_WHOLE}",
    "one_extension": "To use the files of all extensions does nothing with one extension",
    "lists_without_groups": "The list fields do nothing without groups, on the page Assets",
    "stores_searched": "The search inside stores listed {0}",
    "names_unknown": "The list of chosen jobs has {0} that no job of this plan has: {1}",
}
"""Kind of a notice -> the fact in the words of the app, with its details."""

ACTIONS: Mapping[NoticeKind, str] = {
    "cap": "Raise the cap on jobs, on the page Jobs",
    "panel": "Use the panel values of the results, on the page Jobs, so that the wrapper knows its "
    "jobs",
    "inputs": "If they are attached to the wrapper, use the further inputs, on the page Jobs",
}
"""Kind of a notice -> what to do about it in the app."""

_MISSING = {"analysis_code": "Choose a wrapper, on the page Jobs."}
"""Option -> the choice that is missing if an error is about it."""

_SHORTEST = 160


def is_about(error: DispatchError | None, option: str) -> bool:
    """Whether `error` is about an option of the request."""
    return error is not None and any(one.path[:1] == (option,) for one in error.issues)


def in_short(error: DispatchError) -> str:
    """`error` in one short line: the choice that is missing, else what is wrong and where."""
    for option, words in _MISSING.items():
        if is_about(error, option):
            return words
    issue = replace(error.issues[0], action="", excerpt="")
    return shorten(in_words_of_the_app(str(issue)), _SHORTEST, placeholder=" ...")


def notice_in_words(notice: Notice) -> str:
    """`notice` in the words of the app: those of its kind, if it has them."""
    fact, action = FACTS.get(notice.kind), ACTIONS.get(notice.kind)
    text = in_words_of_the_app(notice.text) if fact is None else fact.format(*notice.details)
    if action is None:
        action = in_words_of_the_app(notice.action)
    return str(replace(notice, text=text, action=action))


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
