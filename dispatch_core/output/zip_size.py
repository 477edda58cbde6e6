"""The size of the zip of a plan, before it is made."""

from __future__ import annotations

from dataclasses import dataclass

from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.output.zip import packed_size
from dispatch_core.text.byte_size import size_text

MEASURED = 500
"""Jobs that are packed to estimate the size of more."""


@dataclass(frozen=True, slots=True)
class ZipSize:
    """Bytes of a zip and of the job files in it, estimated unless `is_exact`."""

    packed: int
    unpacked: int
    is_exact: bool

    def __str__(self) -> str:
        """``a zip of about 44.4 MB (88.6 MB unpacked)``."""
        about = "" if self.is_exact else "about "
        return f"a zip of {about}{size_text(self.packed)} ({size_text(self.unpacked)} unpacked)"


def zip_size(plan: DispatchPlan, measured: int = MEASURED) -> ZipSize:
    """The size of the zip of `plan`, from up to `measured` jobs spread evenly over it."""
    jobs = len(plan.jobs)
    sample = list(plan.files(step=-(-jobs // measured)))
    share = jobs / len(sample)
    unpacked = sum(len(content) for _, content in sample)
    return ZipSize(
        round(packed_size(sample) * share), round(unpacked * share), is_exact=len(sample) == jobs
    )
