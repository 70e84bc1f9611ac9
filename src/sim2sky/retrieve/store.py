"""The folder that downloads go to: what is there already, and whether it is whole."""

import json
import threading
from collections.abc import Callable
from pathlib import Path

import h5py

from sim2sky.errors import Sim2SkyError
from sim2sky.retrieve.client import Client, sha256_of

JOURNAL = "downloads.jsonl"


class Store:
    """Downloads below one folder, each with its address, size and checksum in a journal.

    A file is fetched again only if the journal does not know it, its address (with the fields
    that were asked for) is another, or its content is not what came.

    Parameters
    ----------
    folder : Path
        Where files go; made if need be.
    client : Client
        Fetches them.
    """

    def __init__(self, folder: Path, client: Client) -> None:
        self.folder = folder
        self._client = client
        self._lock = threading.Lock()
        self._busy: dict[str, threading.Lock] = {}
        folder.mkdir(parents=True, exist_ok=True)
        self._known: dict[str, dict] = {}
        journal = folder / JOURNAL
        for line in journal.read_text().splitlines() if journal.is_file() else ():
            try:
                record = json.loads(line)
            except json.JSONDecodeError:  # the last line of a run that was killed
                continue
            self._known[record["file"]] = record
        self.used: dict[str, dict] = {}
        """Records of the files that this run asked for."""
        self.n_fetched = 0
        """How many of them had to be downloaded."""

    def fetch(
        self,
        link: str,
        name: str,
        params: dict | None = None,
        *,
        check: Callable[[Path], None] | None = None,
        sha256: str | None = None,
    ) -> Path:
        """Return a file, downloading it unless it is there and whole.

        Parameters
        ----------
        link : str
            Address.
        name : str
            Path below the folder.
        params : dict, optional
            Query.
        check : callable, optional
            Raises Sim2SkyError if the content is not what it should be.
        sha256 : str, optional
            Checksum that the server publishes.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        Sim2SkyError
            If it cannot be had, or is damaged even when downloaded anew.
        """
        with self._lock:
            mine = self._busy.setdefault(name, threading.Lock())
        with mine:  # two galaxies may end up in one, and ask for its tree at once
            return self._fetched(link, name, params, check, sha256)

    def _fetched(
        self,
        link: str,
        name: str,
        params: dict | None,
        check: Callable[[Path], None] | None,
        sha256: str | None,
    ) -> Path:
        if name in self.used:
            return self.folder / name
        path = self.folder / name
        url = self._client.url(link) + ("?" + _query(params) if params else "")
        record = self._known.get(name)
        if record is None or record["url"] != url or not _is_whole(path, record):
            if record is not None and record["url"] != url:
                path.with_name(path.name + ".part").unlink(missing_ok=True)
            record = self._fetch_anew(link, path, params, check, sha256)
            record = {"file": name, "url": url} | record
            with self._lock:
                self.n_fetched += 1
                self._known[name] = record
                with (self.folder / JOURNAL).open("a") as journal:
                    journal.write(json.dumps(record) + "\n")
        with self._lock:
            self.used[name] = record
        return path

    def _fetch_anew(
        self,
        link: str,
        path: Path,
        params: dict | None,
        check: Callable[[Path], None] | None,
        sha256: str | None,
    ) -> dict:
        """Download a file; once more if what came is damaged, as a resumed one may be."""
        for last in (False, True):
            size, digest = self._client.download(link, path, params)
            try:
                if sha256 is not None and digest != sha256:
                    raise Sim2SkyError(
                        "the checksum is not the one that the server publishes",
                        where=path,
                        got=digest,
                        expected=sha256,
                        fix="run the same command again later",
                    )
                if check is not None:
                    check(path)
            except Sim2SkyError:
                path.unlink()
                if last:
                    raise
                continue
            break
        return {"bytes": size, "sha256": digest}


def check_hdf5(path: Path) -> None:
    """Raise Sim2SkyError unless a file is whole HDF5."""
    try:
        with h5py.File(path) as file:
            list(file)
    except OSError as error:
        raise Sim2SkyError("the server sent a damaged file", where=path, got=error) from error


def check_json(path: Path) -> None:
    """Raise Sim2SkyError unless a file is JSON."""
    try:
        json.loads(path.read_text())
    except ValueError as error:
        raise Sim2SkyError("the server sent no JSON", where=path, got=error) from error


def _is_whole(path: Path, record: dict) -> bool:
    return (
        path.is_file()
        and path.stat().st_size == record["bytes"]
        and sha256_of(path) == record["sha256"]
    )


def _query(params: dict) -> str:
    return "&".join(f"{key}={value}" for key, value in sorted(params.items()))
