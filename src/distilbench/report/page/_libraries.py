"""The two libraries that a page carries, as scripts of other packages: Vega of vl-convert, and
DataTables of itables. No request is made for either."""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_EXPORTS = re.compile(r"export\s*\{([^{}]*)\}\s*;?")
_DEFAULT = re.compile(r"([\w$]+) as default")


def vega() -> str:
    """Vega, Vega-Lite and Vega-Embed, as ``vegaEmbed``."""
    import vl_convert

    return _inlinable(str(vl_convert.javascript_bundle()))  # type: ignore[call-arg]


@cache
def datatables() -> str:
    """DataTables, as ``DataTable``. itables ships it as a module, and nothing can import from a
    module that stands inside a page: so its list of exports becomes one global name. The package
    is read, not imported: it would load pandas, where that is installed."""
    spec = find_spec("itables")
    (folder,) = (spec.submodule_search_locations if spec else None) or ("",)
    module = (Path(folder) / "html" / "dt_bundle.js").read_text("utf-8")
    lists = _EXPORTS.findall(module)
    names = [name for found in lists for name in _DEFAULT.findall(found)]
    if len(lists) != 1 or len(names) != 1:
        raise RuntimeError("itables' module of DataTables has no single default export")
    script = _EXPORTS.sub(lambda _: f"globalThis.DataTable={names[0]};", module)
    return _inlinable(f'(()=>{{"use strict";{script}\n}})();')


def _inlinable(script: str) -> str:
    """The same script, without what would end the element it stands in."""
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")
