"""Writes the defaults of the configuration classes of the installed transformers, as far as our
readers read them: ``python -m tests.transformers_defaults``."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

from distilbench.architecture import families

FOLDER = Path(families.__file__).parent
FILE = FOLDER / "_defaults.json"


def defaults_of(model_type: str) -> dict[str, Any]:
    """Class, defaults and other names of settings that stand in a reader's source as a string."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    read = _words()
    config = CONFIG_MAPPING[model_type]
    aliases = {
        alias: field
        for alias, field in config.attribute_map.items()
        if alias in read or field in read
    }
    wanted = read | set(aliases.values())
    values = {
        field.name: _default(field)
        for field in dataclasses.fields(config)
        if field.name in wanted and not field.name.startswith("__")
    }
    named = {"class": MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[model_type]}
    return named | {"defaults": values} | ({"aliases": aliases} if aliases else {})


def written() -> str:
    """The whole file, one family a line."""
    lines = [
        f"{json.dumps(kind)}: {json.dumps(defaults_of(kind))}" for kind in sorted(families.READERS)
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _words() -> set[str]:
    """Every string in the readers' sources that may name a setting."""
    sources = (file.read_text("utf-8") for file in FOLDER.glob("*.py"))
    return {word for source in sources for word in re.findall(r'"(\w+)"', source)} | {
        f"moe_layer_{name}" for name in ("start_index", "end_index", "interval")
    }


def _default(field: Any) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else None


if __name__ == "__main__":
    FILE.write_text(written(), "utf-8")
