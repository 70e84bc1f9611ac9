import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def factory():
    """The module that writes simulations."""
    path = Path(__file__).parent / "factory.py"
    spec = importlib.util.spec_from_file_location("simulation_factory", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def made(factory, tmp_path_factory):
    """A simulation directory that tests only read, and its branches by name."""
    root = tmp_path_factory.mktemp("made")
    branches = factory.write_simulation(root)
    return root, {branch.name: branch for branch in branches}


@pytest.fixture
def own(factory, tmp_path):
    """A simulation directory of two snapshots that a test may damage."""
    factory.write_simulation(tmp_path, snapshots=2)
    return tmp_path


@pytest.fixture(scope="session")
def real_data():
    """The folder of real files, or skip."""
    path = Path(__file__).parents[4] / "shared/data/simulations"
    if not path.is_dir():
        pytest.skip(f"no real simulation files at {path}")
    return path
