"""Write the parts of the manual that follow from the settings models.

``python -m sim2sky.docs`` writes ``config/schema.json`` (for editors that
check YAML while one types) and the tables in ``config/README.md``; a test
fails when either differs from what the models say.
"""

import json
import re
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from sim2sky.config import Config
from sim2sky.observe.settings import SurveySettings

BEGIN = "<!-- tables: made by `make docs` -->"
END = "<!-- end of tables -->"


def schema_text() -> str:
    """Return the JSON schema of the configuration.

    Returns
    -------
    str
        Indented JSON.
    """
    return json.dumps(Config.model_json_schema(), indent=1, sort_keys=True) + "\n"


def settings_tables() -> str:
    """Return a Markdown table for every settings model of the configuration.

    Returns
    -------
    str
        Markdown, one heading and one table for each model.
    """
    parts = []
    for model in _models(Config) + _models(SurveySettings):
        rows = [
            f"| `{name}` | {_type(field)} | {_default(field)} | {_cell(field.description or '')} |"
            for name, field in model.model_fields.items()
        ]
        summary = (model.__doc__ or "").strip().splitlines()[0]
        parts.append(
            f"### {model.__name__}\n\n{summary}\n\n"
            "| key | type | default | meaning |\n|---|---|---|---|\n" + "\n".join(rows)
        )
    return "\n\n".join(parts)


def with_tables(text: str) -> str:
    """Return the text of ``config/README.md`` with its tables made anew.

    Parameters
    ----------
    text : str
        The present text; the tables stand between two marker lines.

    Returns
    -------
    str
        The new text.
    """
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n\n{settings_tables()}\n\n{END}{after}"


def _models(model: type[BaseModel], seen: list | None = None) -> list[type[BaseModel]]:
    """Return a model and those in its fields, each once, in the order of the configuration."""
    seen = [] if seen is None else seen
    if model not in seen:
        seen.append(model)
        for field in model.model_fields.values():
            for inner in _models_in(field.annotation):
                _models(inner, seen)
    return seen


def _models_in(annotation: object) -> list[type[BaseModel]]:
    """Return the models in an annotation such as ``dict[str, Model] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for a in getattr(annotation, "__args__", ()) for m in _models_in(a)]


def _type(field: FieldInfo) -> str:
    """Return a field's type as a reader would write it."""
    annotation = field.annotation
    text = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    if hasattr(annotation, "__args__"):
        text = str(annotation)
    text = re.sub(r"\b(typing|pathlib|_local|sim2sky(\.\w+)*)\.", "", text)
    return _cell(f"`{text}`")


def _default(field: FieldInfo) -> str:
    """Return a field's default, or that it is required."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return "its defaults"
    if isinstance(value, dict) and any(isinstance(v, BaseModel) for v in value.values()):
        return _cell(", ".join(f"`{name}`" for name in value))
    return _cell(f"`{json.dumps(value, default=str)}`")


def _cell(text: str) -> str:
    """Escape what would break a table cell."""
    return " ".join(text.split()).replace("|", "\\|")


def main() -> None:
    """Write both files below the current directory."""
    Path("config/schema.json").write_text(schema_text())
    readme = Path("config/README.md")
    readme.write_text(with_tables(readme.read_text()))


if __name__ == "__main__":
    main()
