"""Download what the settings ask for, and describe it so that the readers understand it."""

import json
import logging
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TypeVar
from urllib.parse import urlsplit

import pandas as pd

from sim2sky.errors import Sim2SkyError
from sim2sky.files import atomic_path, open_hdf5, write_json
from sim2sky.provenance import stamp
from sim2sky.readers.fields import actual_star_count, read_header
from sim2sky.readers.interface import Flag, Header
from sim2sky.readers.retrieved import COLUMNS, GALAXIES, MANIFEST, TREES
from sim2sky.retrieve.client import Client, NotThereError
from sim2sky.retrieve.settings import RetrieveSettings
from sim2sky.retrieve.store import Store, check_hdf5, check_json

log = logging.getLogger("sim2sky")

_PAGE = 100
# What the API calls a set of files, and where Illustris and TNG have it on disk.
_FILE_SETS = {
    "groupcat": ("files/groupcat-{n}/", "output/groups_{n:03d}/"),
    "snapshot": ("files/snapshot-{n}/", "output/snapdir_{n:03d}/"),
    "offsets": ("files/offsets.{n}.hdf5", "postprocessing/offsets/offsets_{n:03d}.hdf5"),
    "merger_history": (
        "files/merger_history.{n}.hdf5",
        "postprocessing/MergerHistory/MergerHistory_{n:03d}.hdf5",
    ),
    "sublink": ("files/sublink/", "trees/SubLink/"),
}
Item = TypeVar("Item")
Result = TypeVar("Result")


def retrieve_simulation(settings: RetrieveSettings, folder: Path) -> None:
    """Fill a folder with cutouts, trees and catalogues.

    Nothing that is there and whole is fetched again. The manifest is written last, so that
    where it is all of it is there.

    Parameters
    ----------
    settings : RetrieveSettings
        What to download.
    folder : Path
        Where to.

    Raises
    ------
    Sim2SkyError
        If there is no key, the server refuses it or does not serve, or has no such galaxy.
    """
    client = Client(
        settings.base_url,
        api_key(settings.key_variable),
        per_second=settings.requests_per_second,
        timeout_s=settings.timeout_s,
        attempts=settings.attempts,
        backoff_s=settings.backoff_s,
    )
    store = Store(folder, client)
    run = _Run(settings, client, store)
    redshifts = run.redshifts()
    for kind in settings.files:
        for number in settings.snapshots[:1] if kind == "sublink" else settings.snapshots:
            run.file_set(kind, number)
    n_galaxies = 0
    if settings.max_galaxies:
        galaxies = pd.concat(
            [run.galaxies(number, max(redshifts)) for number in settings.snapshots],
            ignore_index=True,
        )
        n_galaxies = len(galaxies)
        with atomic_path(folder / GALAXIES) as temporary:
            galaxies.to_csv(temporary, index=False)
    with atomic_path(folder / "redshifts.txt") as temporary:
        lines = (f"{number} {redshift:.10g}\n" for number, redshift in redshifts.items())
        temporary.write_text("# snapshot redshift\n" + "".join(lines))
    files = [store.used[name] for name in sorted(store.used)]
    total = sum(record["bytes"] for record in files)
    write_json(
        stamp("retrieve", settings) | {"galaxies": n_galaxies, "bytes": total, "files": files},
        folder / MANIFEST,
    )
    log.info(
        "%s: %d galaxies in %d files, %.1f MB; %d of them downloaded now",
        folder,
        n_galaxies,
        len(files),
        total / 1e6,
        store.n_fetched,
    )


def api_key(variable: str) -> str:
    """Return the API key from the environment.

    Parameters
    ----------
    variable : str
        Name of the environment variable.

    Returns
    -------
    str
        The key.

    Raises
    ------
    Sim2SkyError
        If it is not set.
    """
    key = os.environ.get(variable, "").strip()
    if not key:
        raise Sim2SkyError(
            "no API key",
            where=f"environment variable {variable}",
            fix=f"register at https://www.tng-project.org/users/register/ and "
            f"`export {variable}=<your key>`",
        )
    if not key.isprintable() or not key.isascii():
        raise Sim2SkyError("not an API key", where=f"environment variable {variable}")
    return key


class _Run:
    """One run of the stage."""

    def __init__(self, settings: RetrieveSettings, client: Client, store: Store) -> None:
        self._settings = settings
        self._client = client
        self._store = store
        self._at = f"{settings.simulation}/"
        try:
            self._facts = client.json(self._at)
        except NotThereError as error:
            raise Sim2SkyError(
                "no such simulation",
                where=settings.base_url,
                got=settings.simulation,
                expected="a name as TNG100-1, TNG50-1, Illustris-1",
            ) from error

    def redshifts(self) -> dict[int, float]:
        """Return the redshift of every snapshot of the simulation."""
        listed = self._client.json(f"{self._at}snapshots/")
        known = {int(entry["number"]): float(entry["redshift"]) for entry in listed}
        absent = sorted(set(self._settings.snapshots) - known.keys())
        if absent:
            raise Sim2SkyError(
                f"no snapshot {', '.join(map(str, absent))}",
                where=self._settings.simulation,
                got=f"{min(known)} to {max(known)}",
                fix="correct 'snapshots'",
            )
        return dict(sorted(known.items()))

    def file_set(self, kind: str, snapshot: int) -> None:
        """Download a set of whole files with the checksums that the server publishes."""
        link, place = (text.format(n=snapshot) for text in _FILE_SETS[kind])
        link = self._at + link
        try:
            if not place.endswith("/"):
                self._store.fetch(link, place, check=check_hdf5)
                return
            listed = self._client.json(link)
            links = listed["files"] if isinstance(listed, dict) else listed
        except NotThereError as error:
            raise Sim2SkyError(
                f"the server has no {kind} of snapshot {snapshot}",
                where=self._settings.simulation,
                fix="take it out of 'files'",
            ) from error
        sums = self._checksums(link.replace("/files/", "/checksums/"))

        def fetch(file_link: str) -> None:
            name = PurePosixPath(urlsplit(file_link).path).name
            self._store.fetch(file_link, place + name, check=check_hdf5, sha256=sums.get(name))

        self._all(fetch, links, f"{kind} files of snapshot {snapshot}")

    def _checksums(self, link: str) -> dict[str, str]:
        """Return the published checksum of each file, empty where none are."""
        try:
            lines = self._client.text(link).splitlines()
        except NotThereError:
            log.warning("the server publishes no checksums at %s", link)
            return {}
        pairs = [line.split() for line in lines]
        return {pair[1].lstrip("*"): pair[0].lower() for pair in pairs if len(pair) == 2}

    def galaxies(self, snapshot: int, last_snapshot: int) -> pd.DataFrame:
        """Download the galaxies of a snapshot and return their rows of galaxies.csv."""
        at = f"{self._at}snapshots/{snapshot}/"
        numbers = self._settings.subhalos
        if numbers is None:
            numbers = self._heaviest(at)
        what = f"of snapshot {snapshot}"
        facts = dict(self._all(lambda n: (n, self._subhalo(at, snapshot, n)), numbers, what))
        facts = {number: facts[number] for number in numbers}
        whole = self._settings.cutouts == "halo"
        owner = {n: int(found["grnr"]) if whole else n for n, found in facts.items()}
        cutouts = dict(
            self._all(
                lambda n: (n, self._cutout(at, snapshot, n)),
                sorted(set(owner.values())),
                f"cutouts of snapshot {snapshot}",
            )
        )
        if self._settings.trees != "none":
            self._all(lambda n: self._tree(snapshot, n, last_snapshot), numbers, f"trees {what}")
        rows = []
        for number, found in facts.items():
            name = cutouts[owner[number]]
            if name is None:
                log.warning("snapshot %d, galaxy %d: no stars, left out", snapshot, number)
                continue
            with open_hdf5(self._store.folder / name) as file:
                header = read_header(file)
            rows.append({"snapshot": snapshot, "file": name} | _row(found, header))
        return pd.DataFrame(rows, columns=COLUMNS)

    def _heaviest(self, at: str) -> list[int]:
        """Return the numbers of the galaxies within the mass limits, the heaviest first."""
        settings = self._settings
        to_code = float(self._facts["hubble"]) / 1e10  # from solar masses to 1e10 Msun/h
        params = {
            "limit": min(_PAGE, settings.max_galaxies),
            "order_by": "-mass_stars",
            "mass_stars__gt": settings.min_stellar_mass_msun * to_code,
        }
        if settings.max_stellar_mass_msun is not None:
            params["mass_stars__lt"] = settings.max_stellar_mass_msun * to_code
        entries = self._client.pages(f"{at}subhalos/", params)
        numbers = [int(entry["id"]) for entry in islice(entries, settings.max_galaxies)]
        if not numbers:
            raise Sim2SkyError(
                "no galaxy within the mass limits",
                where=at,
                got=f"{settings.min_stellar_mass_msun:g} to {settings.max_stellar_mass_msun}",
                fix="lower 'min_stellar_mass_msun'",
            )
        return numbers

    def _subhalo(self, at: str, snapshot: int, number: int) -> dict:
        """Return what the API tells of a galaxy."""
        name = f"subhalos/subhalo_{snapshot:03d}_{number}.json"
        try:
            path = self._store.fetch(f"{at}subhalos/{number}/", name, check=check_json)
        except NotThereError as error:
            raise Sim2SkyError(
                f"no subhalo {number} in snapshot {snapshot}",
                where=self._settings.simulation,
                fix="correct 'subhalos'",
            ) from error
        return json.loads(path.read_text())

    def _cutout(self, at: str, snapshot: int, number: int) -> str | None:
        """Download a cutout; return its name, or None if it holds no stars."""
        kind = self._settings.cutouts
        name = f"cutouts/{kind}_{snapshot:03d}_{number}.hdf5"
        fields = ",".join(self._settings.star_fields)
        link = f"{at}{'halos' if kind == 'halo' else 'subhalos'}/{number}/cutout.hdf5"
        path = self._store.fetch(link, name, {"stars": fields}, check=check_hdf5)
        with open_hdf5(path) as file:
            return name if actual_star_count(file) else None

    def _tree(self, snapshot: int, number: int, last_snapshot: int) -> None:
        """Download a galaxy's tree.

        A galaxy's own tree reaches back in time only; what it merges with later is in the
        tree of the galaxy that it has become at the end.
        """
        try:
            if self._settings.trees == "mpb":
                self._fetch_tree(snapshot, number, "mpb")
                return
            if snapshot < last_snapshot:
                path = self._fetch_tree(snapshot, number, "mdb")
                with open_hdf5(path) as file:
                    numbers = file["SnapNum"][:]
                    end = int(numbers.argmax())
                    snapshot, number = int(numbers[end]), int(file["SubfindID"][end])
            self._fetch_tree(snapshot, number, "full")
        except NotThereError as error:
            log.warning("no tree: %s", error)

    def _fetch_tree(self, snapshot: int, number: int, kind: str) -> Path:
        folder = "descendants" if kind == "mdb" else TREES
        link = f"{self._at}snapshots/{snapshot}/subhalos/{number}/sublink/{kind}.hdf5"
        name = f"{folder}/sublink_{kind}_{snapshot:03d}_{number}.hdf5"
        return self._store.fetch(link, name, check=check_hdf5)

    def _all(
        self, work: Callable[[Item], Result], items: Iterable[Item], what: str
    ) -> list[Result]:
        """Return `work` of every item, some at once; the first error ends it all."""
        items = list(items)
        results = []
        with ThreadPoolExecutor(self._settings.parallel) as pool:
            futures = [pool.submit(work, item) for item in items]
            try:
                for done, future in enumerate(as_completed(futures), 1):
                    results.append(future.result())
                    if done % 100 == 0 or done == len(items):
                        log.info("%s: %d of %d", what, done, len(items))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return results


def _row(found: dict, header: Header) -> dict:
    """Return the columns of `Simulation.subhalos` from the API's, which are in code units."""
    kpc = header.scale_factor / header.hubble
    spurious = found.get("subhaloflag") == 0
    return {
        "subhalo_id": int(found["id"]),
        "group_id": int(found["grnr"]),
        **{f"{axis}_kpc": float(found[f"pos_{axis}"]) * kpc for axis in "xyz"},
        "stellar_mass": float(found["mass_stars"]) * 1e10 / header.hubble,
        "half_mass_radius_kpc": float(found["halfmassrad_stars"]) * kpc,
        "sfr": float(found["sfr"]),
        "n_stars": int(found["len_stars"]),
        "morphology": "unknown",
        "flag": int(Flag.NOT_COSMOLOGICAL) if spurious else 0,
    }
