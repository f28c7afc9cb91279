"""The two libraries that a page carries, as scripts of other packages: Vega of vl-convert, and
DataTables of itables. No request is made for either."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from distilbench.cache import cache_folder
from distilbench.errors import InputError
from distilbench.files import read_json, write_sealed

_EXPORTS = re.compile(r"export\s*\{([^{}]*)\}\s*;?")
_DEFAULT = re.compile(r"([\w$]+) as default")


def vega() -> str:
    """Vega, Vega-Lite and Vega-Embed, as ``vegaEmbed``."""
    return _inlinable(_vega_bundle())


def _vega_bundle() -> str:
    """Kept in the cache from the first report on, as it takes a second or two to put together;
    where there is no cache, or it is damaged, it is made again."""
    import vl_convert

    with suppress(OSError):
        kept = cache_folder() / f"vega-{version('vl-convert-python')}.json"
        with suppress(OSError, InputError):
            return str(read_json(kept, {"bundle": str})["bundle"])
        write_sealed(kept, {"bundle": vl_convert.javascript_bundle()})  # type: ignore[call-arg]
    return str(vl_convert.javascript_bundle())  # type: ignore[call-arg]


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
