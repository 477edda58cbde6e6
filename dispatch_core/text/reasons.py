"""The reasons of exclusion in words, as they follow a count: "3 without a matching file"."""

from __future__ import annotations

from collections.abc import Mapping

_WORDS: Mapping[str, str] = {
    "empty": "empty",
    "not_found": "not found",
    "ambiguous": "ambiguous",
    "duplicate": "repeated",
    "excluded_by_hand": "by hand",
    "null_group_field": "without one of the fields",
    "superseded": "superseded by a later asset",
    "latest_uncertain": "whose latest is not certain",
    "nothing_to_unwind": "with an empty list",
    "not_in_trial": "excluded by the trial",
    "no_location": "without a location",
    "location_not_s3": "whose location is not in S3",
    "no_matching_file": "without a matching file",
    "access_denied": "without access",
    "no_such_bucket": "in a bucket that does not exist",
    "listing_failed": "whose listing failed",
    "several_files": "with several files",
    "cannot_choose": "whose file cannot be chosen",
    "not_newest": "not the newest",
    "not_largest": "not the largest",
    "not_chosen": "not chosen",
    "dispatched_before": "dispatched before",
    "already_processed": "already processed",
    "over_the_cap": "over the cap",
}


def reason_in_words(reason: str) -> str:
    """The words of a reason, by its name in the ledger; an unknown one keeps its own."""
    return _WORDS.get(reason, reason.replace("_", " "))
