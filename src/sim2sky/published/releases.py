"""The files of the published datasets, as arrays.

- DeepMerge I (Ciprijanovic+2020): MAST FITS, images in the first HDU, a column of labels (1 is a
  merger) in the second; no identifiers, no split.
- DeepMerge II (Ciprijanovic+2021): arrays X and y of two domains; no split.
- DeepAdversaries (Ciprijanovic+2022): images of two exposures, row by row the same galaxies, and
  one-hot labels, cut into train, valid and test.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits

from sim2sky.build.dataset import SPLITS
from sim2sky.errors import Sim2SkyError
from sim2sky.published.settings import SIDES

_FITS = "hlsp_deepmerge_*_sim-{side}.fits"
_SIMSIM = {"source": ("SOURCE", "pristine"), "target": ("TARGET", "noisy")}
_SIMREAL = {"source": ("SOURCE", "Illustris0"), "target": ("TARGET", "postmergers_SDSS")}
_PARTS = {"train": "train", "valid": "validation", "test": "test"}


@dataclass(frozen=True)
class Side:
    """One dataset of a release; N rows in the order of its files.

    Parameters
    ----------
    images : numpy.ndarray
        (N,C,H,W) float32.
    label : numpy.ndarray
        (N,) int8.
    split : numpy.ndarray or None
        (N,) values of `SPLITS`; None where the release has no split.
    files : list of Path
        Where it was read from.
    """

    images: np.ndarray
    label: np.ndarray
    split: np.ndarray | None
    files: list[Path]

    def __len__(self) -> int:
        return len(self.images)


def read_side(release: str, side: str, folder: Path, n_bands: int) -> Side:
    """Return one dataset of a release.

    Parameters
    ----------
    release, side : str
        Names in `SIDES`.
    folder : Path
        Where its files are, under their published names.
    n_bands : int
        Channels that are expected; of two versions of a release the one with these is read.

    Returns
    -------
    Side
        All rows.

    Raises
    ------
    Sim2SkyError
        If a file is missing, unreadable or has another shape.
    """
    if not folder.is_dir():
        raise Sim2SkyError("folder of the published files not found", where=folder)
    return _READERS[release](side, folder, n_bands)


def has_side(release: str, side: str, folder: Path) -> bool:
    """Return whether the files of a side are in a folder."""
    return all(any(folder.glob(name)) for name in _names(release, side))


def recognise(name: str) -> tuple[str, str] | None:
    """Return release and side of a file name, or None.

    Parameters
    ----------
    name : str
        Without folder.

    Returns
    -------
    tuple of str or None
        Names in `SIDES`.
    """
    for release, sides in SIDES.items():
        for side in sides:
            if any(Path(name).match(pattern) for pattern in _names(release, side)):
                return release, side
    return None


def _names(release: str, side: str) -> list[str]:
    """Return the file names of a side, with wildcards where the release has versions."""
    if release == "deepmerge":
        return [_FITS.format(side=side)]
    if release == "deepadversaries":
        images = [f"images_{side.upper()}_{part}.npy" for part in _PARTS]
        return images + [f"labels_{part}.npy" for part in _PARTS]
    if release == "deepmerge2_simsim":
        domain, kind = _SIMSIM[side]
        return [f"SimSim_{domain}_{axis}_Illustris2_{kind}.npy" for axis in "Xy"]
    domain, kind = _SIMREAL[side]
    return [f"SimReal_{domain}_{axis}_{kind}.npy" for axis in "Xy"]


def _read_fits(side: str, folder: Path, n_bands: int) -> Side:
    pattern = _FITS.format(side=side)
    paths = sorted(folder.glob(pattern))
    shapes = {}
    for path in paths:
        try:
            with fits.open(path) as hdus:
                shapes[path.name] = hdus[0].shape
                if len(shapes[path.name]) == 4 and shapes[path.name][1] == n_bands:
                    images = np.asarray(hdus[0].data, dtype=np.float32)
                    label = np.asarray(hdus[1].data.field(0)).astype(np.int64).ravel()
                    return _side(images, label, None, [path])
        except (OSError, IndexError, AttributeError, ValueError, TypeError) as error:
            raise Sim2SkyError(
                "not a readable DeepMerge FITS file",
                where=path,
                got=error,
                expected="images in the first HDU, labels in the second",
            ) from error
    if not paths:
        raise Sim2SkyError("published file not found", where=folder, expected=pattern)
    raise Sim2SkyError(
        "no file with as many channels as there are 'bands'",
        where=folder,
        got=", ".join(f"{name} {shape}" for name, shape in shapes.items()),
        expected=f"(N, {n_bands}, y, x)",
    )


def _read_zenodo_pair(release: str) -> Callable[[str, Path, int], Side]:
    def read(side: str, folder: Path, n_bands: int) -> Side:
        paths = [folder / name for name in _names(release, side)]
        images, label = (_array(path) for path in paths)
        return _side(_images(images, paths[0], n_bands), label.ravel(), None, paths)

    return read


def _read_deepadversaries(side: str, folder: Path, n_bands: int) -> Side:
    images, labels, split, paths = [], [], [], []
    for part, name in _PARTS.items():
        here = [folder / f"images_{side.upper()}_{part}.npy", folder / f"labels_{part}.npy"]
        images.append(_images(_array(here[0]), here[0], n_bands))
        one_hot = _array(here[1])
        if one_hot.ndim != 2 or not (np.sort(one_hot, axis=1)[:, -1] == 1).all():
            raise Sim2SkyError(
                "labels are not one-hot", where=here[1], got=one_hot.shape, expected="(N, classes)"
            )
        labels.append(one_hot.argmax(axis=1))
        split.append(np.full(len(one_hot), SPLITS[name], dtype=np.uint8))
        paths += here
    return _side(np.concatenate(images), np.concatenate(labels), np.concatenate(split), paths)


def _array(path: Path) -> np.ndarray:
    """Return an array file, not yet in memory."""
    if not path.is_file():
        raise Sim2SkyError("published file not found", where=path)
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise Sim2SkyError("not a readable .npy file", where=path, got=error) from error


def _images(array: np.ndarray, path: Path, n_bands: int) -> np.ndarray:
    if array.ndim != 4 or array.shape[1] != n_bands or array.shape[2] != array.shape[3]:
        raise Sim2SkyError(
            "images have an unexpected shape",
            where=path,
            got=array.shape,
            expected=f"(N, {n_bands}, y, x), as many channels as 'bands' names",
        )
    return np.asarray(array, dtype=np.float32)


def _side(
    images: np.ndarray, label: np.ndarray, split: np.ndarray | None, files: list[Path]
) -> Side:
    if len(images) != len(label):
        raise Sim2SkyError(
            "images and labels differ in number",
            where=files[0],
            got=f"{len(images)} images, {len(label)} labels",
        )
    if not np.isfinite(images).all():
        bad = int((~np.isfinite(images).all(axis=(1, 2, 3))).sum())
        raise Sim2SkyError(f"{bad} images hold NaN or infinity", where=files[0])
    return Side(images, label.astype(np.int8), split, files)


_READERS = {
    "deepmerge": _read_fits,
    "deepmerge2_simsim": _read_zenodo_pair("deepmerge2_simsim"),
    "deepmerge2_simreal": _read_zenodo_pair("deepmerge2_simreal"),
    "deepadversaries": _read_deepadversaries,
}
