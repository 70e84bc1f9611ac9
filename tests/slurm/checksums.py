"""Digests of results, by their content."""

import hashlib
import json
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import torch
from PIL import Image

TIMES = ["seconds", "train_seconds", "images_per_second"]  # how long something took is no result


def hdf5_content(path: Path) -> dict:
    """Return all values and attributes of an HDF5 file."""
    content = {}

    def visit(name, item):
        content[name] = {k: np.asarray(v).tolist() for k, v in item.attrs.items()}
        if isinstance(item, h5py.Dataset):
            is_text = h5py.check_string_dtype(item.dtype)
            content[name]["values"] = item.asstr()[()].tolist() if is_text else item[()].tobytes()

    with h5py.File(path) as file:
        visit("/", file)
        file.visititems(visit)
    return content


def table_content(table: pd.DataFrame) -> str:
    """Return a table without the columns of times."""
    return table.drop(columns=TIMES, errors="ignore").to_csv()


READERS = {
    ".h5": hdf5_content,
    ".hdf5": hdf5_content,
    ".pt": lambda path: {
        name: value.numpy().tobytes() for name, value in torch.load(path)["state_dict"].items()
    },
    ".parquet": lambda path: table_content(pd.read_parquet(path)),
    ".json": lambda path: json.loads(path.read_text()),
    ".csv": lambda path: table_content(pd.read_csv(path)),
    ".png": lambda path: np.asarray(Image.open(path)).tobytes(),
}


def checksums(results: Path) -> dict[str, str]:
    """Return a digest of the content of each result: the numbers, tables, weights and pixels."""
    return {
        str(path.relative_to(results)): hashlib.sha256(
            repr(READERS[path.suffix](path)).encode()
        ).hexdigest()
        for path in sorted(results.rglob("*"))
        if path.suffix in READERS
        and path.relative_to(results).parts[0] != "logs"
        and ".provenance" not in path.parts
    }
