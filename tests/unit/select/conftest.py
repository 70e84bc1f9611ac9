import importlib.util
from pathlib import Path

import pytest

from sim2sky.readers import open_simulation


@pytest.fixture(scope="session")
def factory():
    """The module that writes simulations."""
    path = Path(__file__).parents[1] / "readers/factory.py"
    spec = importlib.util.spec_from_file_location("simulation_factory", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def root(factory, tmp_path_factory):
    """A simulation directory that tests only read."""
    path = tmp_path_factory.mktemp("made")
    factory.write_simulation(path)
    return path


@pytest.fixture(scope="session")
def simulation(root):
    return open_simulation(root)


@pytest.fixture(scope="session")
def branch_of(factory, root):
    """Which branch a snapshot and subhalo belong to."""
    branches = factory.branches()
    names = {}
    for snapshot in range(10):
        present = [branch for branch in branches if snapshot in branch.mass]
        names |= {(snapshot, subfind): b.name for subfind, b in enumerate(present)}
    return names


@pytest.fixture(scope="session")
def real_data():
    """The folder of real files, or skip."""
    path = Path(__file__).parents[4] / "shared/data/simulations"
    if not path.is_dir():
        pytest.skip(f"no real simulation files at {path}")
    return path
