"""The manual and the schema say what the settings models say."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from sim2sky import docs
from sim2sky.config import Config
from sim2sky.settings import parse_settings

ROOT = Path(__file__).parents[2]
COMMANDS = [
    (path.relative_to(ROOT), line.split("#")[0] if path.suffix == ".md" else line.lstrip("# "))
    for path in [
        *(ROOT / "README.md", ROOT / "Snakefile"),
        *sorted((ROOT / "docs").glob("*.md")),
        *sorted((ROOT / "config").glob("**/*.[my][da]*")),
    ]
    for line in path.read_text().splitlines()
    if re.match(r"(#\s*)?snakemake\s", line)
]


def test_schema_and_tables_are_those_of_the_models():
    advice = "run `make docs`"
    assert (ROOT / "config/schema.json").read_text() == docs.schema_text(), advice
    readme = (ROOT / "config/README.md").read_text()
    assert readme == docs.with_tables(readme), advice


def test_every_setting_is_described():
    for model in docs._models(Config):
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name}"


ADDITIONS = ("my_simulation.yaml", "claims.yaml")  # to the quickstart


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("**/*.yaml")), ids=lambda p: p.stem)
def test_every_shipped_configuration_is_valid(path):
    content = yaml.safe_load(path.read_text())
    if path.parent.name == "surveys":
        parse_settings(docs.SurveySettings, content, path)
    elif path.name in ADDITIONS:
        both = yaml.safe_load((path.parent / "config.yaml").read_text())
        update_config(both, content)
        parse_settings(Config, both, path)
    else:
        parse_settings(Config, content, path)


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[str(c[1]).strip() for c in COMMANDS])
def test_commands_name_their_targets_before_the_configuration(path, command):
    """Snakemake takes every word after --configfile for a configuration file."""
    words = shlex.split(command.split("  ")[0])
    if "--configfile" not in words:
        return
    given = words[words.index("--configfile") + 1 :]
    end = next((i for i, word in enumerate(given) if word.startswith("-")), len(given))
    assert end > 0, path
    for name in given[:end]:
        assert (ROOT / name).is_file(), f"{path}: {name}"
