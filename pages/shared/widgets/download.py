"""Files that the browser downloads: small ones made whole on the click, others at an address."""

from __future__ import annotations

import threading
from collections.abc import Callable

from streamlit.runtime import Runtime
from streamlit.runtime.scriptrunner import add_script_run_ctx, get_script_run_ctx

from pages.shared.state.scripts import run_script


def kept_file(make: Callable[[], str | bytes], name: str, kind: str) -> Callable[[], bytes]:
    """What makes the file for a button that is drawn now, with its name and media type.

    Streamlit deletes a file that is made on the click when two runs of any session have ended,
    which on a server with many users is before the browser fetches it. A file that belongs
    to a tab is kept until that tab runs again.
    """
    context = get_script_run_ctx()

    def made() -> bytes:
        content = make()
        data = content.encode() if isinstance(content, str) else content
        # The tab is that of the thread that adds the file.
        thread = threading.Thread(target=_keep, args=(data, name, kind))
        add_script_run_ctx(thread, context)
        thread.start()
        thread.join()
        return data

    return made


def _keep(data: bytes, name: str, kind: str) -> None:
    Runtime.instance().media_file_mgr.add(data, kind, f"kept {name}", name, True)


_FETCH = """
let fetched = "";
export default function ({ data }) {
  if (data.address === fetched) return;
  fetched = data.address;
  const link = document.createElement("a");
  link.href = data.address;
  link.download = "";
  document.body.append(link);
  link.click();
  link.remove();
}
"""


def fetch(address: str) -> None:
    """Make the browser download the file at an address below that of the app, once."""
    run_script("fetch", _FETCH, {"address": address})
