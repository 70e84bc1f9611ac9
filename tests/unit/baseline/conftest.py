"""Measured shapes of a domain in which mergers are told by one number or by none."""

import numpy as np
import pandas as pd
import pytest

from sim2sky.baseline.forest import FEATURES
from sim2sky.measure.columns import QUANTITIES, SERSIC


def make_shapes(n=240, seed=0, shift=1.0, classes=("non-merger", "merger"), domain="mocks"):
    """Galaxies of each class in turn, two views of each; the last class is asymmetric."""
    random = np.random.default_rng(seed)
    label = (np.arange(n) // 2) % len(classes)
    merger = label == len(classes) - 1
    table = pd.DataFrame(
        {
            "galaxy_id": [f"033-{i // 2:06d}" for i in range(n)],
            "view": np.arange(n, dtype="i4") % 2,
            "system_id": np.arange(n, dtype="i8") // 2,
            "split": np.where(np.arange(n) < n // 2, 0, 2).astype("u1"),
            "label": label.astype("i1"),
            "stage": np.where(merger, "pre", "isolated"),
            "flag": 0,
            "second_component_ratio": np.where(merger, 0.5, 0.1) + random.uniform(0, 0.6, n),
            "asymmetry": random.normal(0.3, 0.1, n) + 0.3 * shift * merger,
            **{name: random.normal(size=n) for name in (*QUANTITIES, *SERSIC)},
            "nuisance_n_particles": random.integers(1000, 2000, n),
            "nuisance_redshift": 2.0,
        }
    )
    table["gini"] = 0.5 + 0.02 * random.normal(size=n) + 0.1 * merger
    table["m20"] = -1.5
    table["concentration"] = label + random.normal(0, 0.2, n)
    table.attrs = {"classes": list(classes), "domain": domain}
    assert set(FEATURES) <= set(table)
    return table


@pytest.fixture
def shapes():
    return make_shapes


@pytest.fixture(autouse=True)
def small_forests(monkeypatch):
    monkeypatch.setattr("sim2sky.baseline.forest.N_TREES", 40)
