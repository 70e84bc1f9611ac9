"""What all settings models share, and how a command reads them."""

import json
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from sim2sky.errors import Sim2SkyError
from sim2sky.provenance import RUN


class Settings(BaseModel):
    """Base of every settings model: unknown keys are refused, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Model = TypeVar("Model", bound=BaseModel)


def parse_settings(model: type[Model], content: object, where: object) -> Model:
    """Validate plain data against a settings model.

    Parameters
    ----------
    model : type
        A pydantic model.
    content : object
        Usually a dict read from YAML or JSON.
    where : object
        Named in the error message.

    Returns
    -------
    BaseModel
        An instance of `model`.

    Raises
    ------
    Sim2SkyError
        Naming each bad key, what was got and what is expected.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise Sim2SkyError(_explain(model, error), where=where) from None


def read_settings(model: type[Model], text: str) -> Model:
    """Read a settings model from a JSON text, or from a JSON or YAML file named by it.

    Parameters
    ----------
    model : type
        A pydantic model.
    text : str
        JSON if it begins with ``{``, else the path of a JSON or YAML file.

    Returns
    -------
    BaseModel
        An instance of `model`.

    Raises
    ------
    Sim2SkyError
        If the text or file cannot be read or does not fit the model.
    """
    parsed = _parse_text(model, text)
    RUN.settings[model.__name__] = parsed
    return parsed


def _parse_text(model: type[Model], text: str) -> Model:
    """Return the settings that a JSON text or the file named by it holds."""
    if text.lstrip().startswith("{"):
        try:
            return parse_settings(model, json.loads(text), "--settings")
        except json.JSONDecodeError as error:
            raise Sim2SkyError("not valid JSON", where="--settings", got=error) from error
    path = Path(text)
    if not path.is_file():
        raise Sim2SkyError("settings file not found", where=path)
    try:
        content = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise Sim2SkyError("not valid YAML", where=path, got=error) from error
    return parse_settings(model, content or {}, path)


def _explain(model: type[BaseModel], error: ValidationError) -> str:
    """Turn pydantic's errors into one line each."""
    lines = []
    for item in error.errors():
        key = ".".join(str(part) for part in item["loc"]) or model.__name__
        if item["type"] == "extra_forbidden":
            known = ", ".join(_fields_beside(model, item["loc"]))
            hint = f"known keys: {known}" if known else "remove it"
            lines.append(f"unknown key '{key}'; {hint}")
        elif item["type"] == "missing":
            lines.append(f"key '{key}' is missing")
        elif item["type"] == "value_error" and isinstance(item["input"], dict):
            # a check of several fields together, which says itself what it got
            where = f"'{key}': " if item["loc"] else ""
            lines.append(where + item["msg"].removeprefix("Value error, "))
        else:
            lines.append(f"'{key}': {item['msg']}; got {item['input']!r}")
    return "; ".join(lines)


def _fields_beside(model: type[BaseModel], location: tuple) -> list[str]:
    """Return the field names that the model holding `location` would accept."""
    node: object = model
    for part in location[:-1]:
        if isinstance(node, type) and issubclass(node, BaseModel) and part in node.model_fields:
            node = _model_in(node.model_fields[part].annotation)
        # a key of a dict of models, an index of a list or a union's tag: stay at its model
    if isinstance(node, type) and issubclass(node, BaseModel):
        return list(node.model_fields)
    return []


def _model_in(annotation: object) -> object:
    """Return the pydantic model inside an annotation such as ``dict[str, Model] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _model_in(argument)
        if found is not None:
            return found
    return None
