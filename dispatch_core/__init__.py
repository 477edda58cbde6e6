"""Dispatch analysis jobs over data assets: a request in, worker folders out."""

from dispatch_core.dispatch import plan_dispatch
from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.output.folder import write_folder
from dispatch_core.output.zip import write_zip
from dispatch_core.request import DispatchRequest

__all__ = ["DispatchPlan", "DispatchRequest", "plan_dispatch", "write_folder", "write_zip"]
