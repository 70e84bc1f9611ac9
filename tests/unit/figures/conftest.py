"""A results folder with one experiment, two domains and a simulation."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

CLASSES = ["non-merger", "merger"]


def make_table(accuracy: dict[str, tuple[float, float]], half_width: float = 0.03) -> pd.DataFrame:
    """A result table with the given balanced accuracies on source and target."""
    rows = []
    for method, both in accuracy.items():
        for domain, value in zip(("source", "target"), both, strict=True):
            row = {
                "experiment": "noise",
                "network": "deepmerge",
                "method": method,
                "domain": domain,
                "n_seeds": 5,
                "n_systems": 40,
            }
            scores = {"balanced_accuracy": value, "auc": value + 0.02, "brier": 1 - value}
            scores |= {"recall_non-merger": value + 0.015625, "recall_merger": value - 0.015625}
            if domain == "target":
                gains = {"source_only": "gain_over_source_only", "adabn": "gain_over_adabn"}
                for reference, name in gains.items():
                    if reference in accuracy:
                        scores[name] = value - accuracy[reference][1]
                if "oracle" in accuracy:
                    gap = accuracy["oracle"][1] - accuracy["source_only"][1]
                    scores["gap_closed"] = (value - accuracy["source_only"][1]) / gap
            for name, number in scores.items():
                row |= {name: number, f"{name}_low": number - half_width}
                row[f"{name}_high"] = number + half_width
            rows.append(row)
    return pd.DataFrame(rows)


STRONG = {
    "source_only": (0.94, 0.52),
    "adabn": (0.93, 0.74),
    "mmd": (0.92, 0.83),
    "oracle": (0.7, 0.9),
}


def draw(path: Path, size: tuple[int, int] = (300, 200)) -> list[Path]:
    """A PNG and a PDF."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((size[1], size[0]), 200, dtype=np.uint8)).save(path)
    pdf = path.with_suffix(".pdf")
    pdf.write_bytes(b"%PDF-1.4 " + path.stem.encode())
    return [path, pdf]


@pytest.fixture
def results(tmp_path: Path) -> SimpleNamespace:
    """Files for the gallery, its settings and its output folder."""
    root, files = tmp_path / "results", []
    experiment = root / "experiments/noise"
    for kind in ("history", "scores", "roc", "own_figure"):
        files += draw(experiment / f"{kind}.png")
    for domain in ("hst_pristine", "hst_noisy"):
        files += draw(root / f"domains/{domain}/mosaic.png", (900, 200))
        audit = root / f"domains/{domain}/audit.json"
        audit.write_text(json.dumps({"passed": True, "problems": []}))
        files.append(audit)
    files += draw(root / "simulations/quick_z2.png")
    table = make_table(STRONG)
    table.to_parquet(experiment / "table.parquet")
    table.to_csv(experiment / "table.csv")
    files += [experiment / "table.parquet", experiment / "table.csv"]
    captions = tmp_path / "captions"
    captions.mkdir()
    (captions / "roc.rst").write_text("Curves of *every* method & their areas.\n")
    settings = {"captions": str(captions), "benchmarks": str(root / "benchmarks")}
    return SimpleNamespace(
        files=files,
        table=table,
        root=root,
        captions=captions,
        settings=settings,
        output=root / "figures",
    )


@pytest.fixture
def factories() -> SimpleNamespace:
    """The makers of inputs, since test modules cannot import from here."""
    return SimpleNamespace(make_table=make_table, strong=STRONG)
