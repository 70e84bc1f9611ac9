import importlib.util
import threading
from pathlib import Path

import pytest


def load(path, name):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def factory():
    """The module that writes simulations."""
    return load(Path(__file__).parents[1] / "readers/factory.py", "simulation_factory")


@pytest.fixture(scope="session")
def root(factory, tmp_path_factory):
    """A simulation directory: what the server serves."""
    path = tmp_path_factory.mktemp("made")
    factory.write_simulation(path)
    return path


@pytest.fixture
def api(root, factory, monkeypatch):
    """A running server; its key is in the environment."""
    module = load(Path(__file__).parent / "api.py", "tng_api")
    server = module.Api(root, factory)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setenv("TNG_API_KEY", module.KEY)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def settings(api):
    """A function that makes settings for the server."""
    from sim2sky.retrieve.settings import RetrieveSettings

    def make(**changes):
        given = {
            "simulation": "TNG100-1",
            "snapshots": [3],
            "base_url": api.url,
            "requests_per_second": 1e4,
            "min_stellar_mass_msun": 1e9,
            "timeout_s": 20,
            "attempts": 3,
            "backoff_s": 0.01,
        }
        return RetrieveSettings(**(given | changes))

    return make
