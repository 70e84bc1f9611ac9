"""A local server that speaks the paths and JSON of the TNG web API over a made simulation.

It refuses wrong keys, redirects cutouts to generated files, and can be told to throttle, stall,
truncate and damage what it sends.
"""

import hashlib
import io
import json
import re
import threading
import time
from collections import Counter
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import h5py
import numpy as np

KEY = "0123456789abcdef"


class Api(ThreadingHTTPServer):
    """The API of one simulation directory in the layout of ``factory.write_simulation``."""

    daemon_threads = True

    def __init__(self, root, factory):
        super().__init__(("127.0.0.1", 0), Handler)
        self.stars_table = lru_cache(maxsize=None)(self.stars_table)
        self.groups = lru_cache(maxsize=None)(self.groups)
        self.root, self.factory = root, factory
        self.lock = threading.Lock()
        self.requests = []  # (path, headers) of each
        self.faults = {}  # regular expression of a path -> [fault, times left]
        self.counts = Counter()  # of each path
        self.content = {}
        self.url = f"http://127.0.0.1:{self.server_address[1]}/api/"

    def fault_of(self, path):
        with self.lock:
            for pattern, entry in self.faults.items():
                if re.search(pattern, path) and entry[1] > 0:
                    entry[1] -= 1
                    return entry[0]
        return None

    def handle_error(self, request, client_address):
        """Say nothing: clients of these tests hang up on purpose."""

    # what is served

    def stars_table(self, snapshot):
        folder = self.root / f"output/snapdir_{snapshot:03d}"
        parts, header = [], None
        for number in range(3):
            with h5py.File(folder / f"snap_{snapshot:03d}.{number}.hdf5") as file:
                header = dict(file["Header"].attrs)
                if "PartType4" in file:
                    parts.append({k: v[:] for k, v in file["PartType4"].items()})
        return {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}, header

    def groups(self, snapshot, name):
        folder = self.root / f"output/groups_{snapshot:03d}"
        parts = []
        for number in range(2):
            path = folder / f"fof_subhalo_tab_{snapshot:03d}.{number}.hdf5"
            with h5py.File(path) as file:
                parts.append(file[name][:])
        return np.concatenate(parts)

    def cutout(self, kind, snapshot, number, fields):
        table, header = self.stars_table(snapshot)
        if kind == "halos":
            lengths = self.groups(snapshot, "Group/GroupLenType")[:, 4]
            start = lengths[:number].sum()
            rows = slice(start, start + lengths[number])
        else:
            centre = self.groups(snapshot, "Subhalo/SubhaloPos")[number]
            offset = table["Coordinates"] - centre
            offset -= self.factory.BOX * np.round(offset / self.factory.BOX)
            rows = np.linalg.norm(offset, axis=1) < 10
        buffer = io.BytesIO()
        with h5py.File(buffer, "w") as file:
            attributes = file.create_group("Header").attrs
            columns = {name: table[name][rows] for name in fields}
            n = len(next(iter(columns.values())))
            header = header | {"NumPart_ThisFile": [0, 0, 0, 0, n, 0], "NumFilesPerSnapshot": 1}
            header |= {"SnapshotNumber": snapshot, "CutoutID": number}
            for name, value in header.items():
                attributes[name] = value
            for name, column in columns.items():
                file[f"PartType4/{name}"] = column
        return buffer.getvalue()

    def tree(self, snapshot, number, kind):
        with h5py.File(self.root / "postprocessing/trees/SubLink/tree_extended.0.hdf5") as file:
            nodes = {name: column[:] for name, column in file.items()}
        here = (nodes["SnapNum"] == snapshot) & (nodes["SubfindID"] == number)
        row = int(np.flatnonzero(here)[0])
        if kind == "mdb":
            rows = [row]
            while nodes["DescendantID"][rows[-1]] >= 0:
                rows.append(int(nodes["DescendantID"][rows[-1]]))
        else:
            last = {"full": "LastProgenitorID", "mpb": "MainLeafProgenitorID"}[kind]
            rows = slice(row, int(nodes[last][row]) + 1)
        buffer = io.BytesIO()
        with h5py.File(buffer, "w") as file:
            for name, column in nodes.items():
                file[name] = column[rows]
        return buffer.getvalue()

    def subhalo(self, snapshot, number):
        def of(name):
            return self.groups(snapshot, f"Subhalo/{name}")[number]

        position = of("SubhaloPos")
        return {
            "id": number,
            "snap": snapshot,
            "grnr": int(of("SubhaloGrNr")),
            "mass_stars": float(of("SubhaloMassType")[4]),
            "halfmassrad_stars": float(of("SubhaloHalfmassRadType")[4]),
            "len_stars": int(of("SubhaloLenType")[4]),
            "sfr": float(of("SubhaloSFR")),
            "subhaloflag": 1,
            **{f"pos_{axis}": float(position[i]) for i, axis in enumerate("xyz")},
        }

    def listing(self, snapshot, query):
        mass = self.groups(snapshot, "Subhalo/SubhaloMassType")[:, 4]
        order = np.argsort(-mass, kind="stable")
        assert query["order_by"] == "-mass_stars"
        keep = [int(i) for i in order if mass[i] > float(query["mass_stars__gt"])]
        if "mass_stars__lt" in query:
            keep = [i for i in keep if mass[i] < float(query["mass_stars__lt"])]
        start, limit = int(query.get("offset", 0)), min(int(query["limit"]), 3)
        at = f"{self.url}TNG100-1/snapshots/{snapshot}/subhalos/"
        rest = "&".join(f"{k}={v}" for k, v in query.items() if k != "offset")
        more = start + limit < len(keep)
        return {
            "count": len(keep),
            "next": f"{at}?{rest}&offset={start + limit}" if more else None,
            "previous": None,
            "results": [
                {"id": i, "sfr": 0.0, "mass_log_msun": 10.0, "url": f"{at}{i}/"}
                for i in keep[start : start + limit]
            ],
        }

    def answer(self, path, query):
        """Return JSON-able content, bytes, a redirect (a str) or None for 404."""
        base = "/api/TNG100-1/"
        if not path.startswith(base):
            return self.content.get(path)
        path = path.removeprefix(base)
        if path == "":
            return {"name": "TNG100-1", "hubble": self.factory.H, "num_snapshots": 10}
        if path == "snapshots/":
            return [
                {"number": i, "redshift": z, "url": f"{self.url}TNG100-1/snapshots/{i}/"}
                for i, z in enumerate(self.factory.REDSHIFTS)
            ]
        if match := re.fullmatch(r"snapshots/(\d+)/subhalos/", path):
            return self.listing(int(match[1]), query)
        if match := re.fullmatch(r"snapshots/(\d+)/subhalos/(\d+)/", path):
            snapshot, number = map(int, match.groups())
            n = len(self.groups(snapshot, "Subhalo/SubhaloGrNr"))
            return self.subhalo(snapshot, number) if number < n else None
        if match := re.fullmatch(r"snapshots/(\d+)/(halos|subhalos)/(\d+)/cutout.hdf5", path):
            made = self.cutout(match[2], int(match[1]), int(match[3]), query["stars"].split(","))
            generated = f"/generated/{match[2]}_{match[1]}_{match[3]}.hdf5"
            self.content[generated] = made
            return generated
        pattern = r"snapshots/(\d+)/subhalos/(\d+)/sublink/(full|mpb|mdb).hdf5"
        if match := re.fullmatch(pattern, path):
            return self.tree(int(match[1]), int(match[2]), match[3])
        if match := re.fullmatch(r"(files|checksums)/groupcat-(\d+)/", path):
            folder = self.root / f"output/groups_{int(match[2]):03d}"
            files = sorted(folder.iterdir())
            if match[1] == "checksums":
                sums = [hashlib.sha256(f.read_bytes()).hexdigest() for f in files]
                return "".join(
                    f"{s}  {f.name}\n" for s, f in zip(sums, files, strict=True)
                ).encode()
            return {"files": [f"{self.url}TNG100-1/{path}{f.name}" for f in files]}
        if match := re.fullmatch(r"files/groupcat-(\d+)/(\S+\.hdf5)", path):
            return (self.root / f"output/groups_{int(match[1]):03d}" / match[2]).read_bytes()
        if match := re.fullmatch(r"files/offsets.(\d+).hdf5", path):
            return (
                self.root / f"postprocessing/offsets/offsets_{int(match[1]):03d}.hdf5"
            ).read_bytes()
        return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        server = self.server
        with server.lock:
            server.requests.append((self.path, dict(self.headers)))
            server.counts[parts.path] += 1
        if self.headers.get("api-key") != KEY:
            return self.reply(403, b'{"detail": "Authentication credentials were not provided."}')
        fault = server.fault_of(parts.path)
        if fault == "throttle":
            return self.reply(429, b"slow down", {"Retry-After": "1"})
        if fault == "broken":
            return self.reply(503, b"gateway")
        content = server.answer(parts.path, query)
        if content is None:
            return self.reply(404, b'{"detail": "Not found."}')
        if isinstance(content, str):
            return self.reply(302, b"", {"Location": content})
        if not isinstance(content, bytes):
            content = json.dumps(content).encode()
        if fault == "damage":
            content = b"x" * len(content)
        start = self.headers.get("Range")
        status, headers = 200, {"Content-Disposition": "attachment; filename=x.hdf5"}
        if start is not None:
            begin = int(re.fullmatch(r"bytes=(\d+)-", start)[1])
            if begin > len(content):
                return self.reply(416, b"")
            headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
            status, content = 206, content[begin:]
        return self.reply(status, content, headers, fault)

    def reply(self, status, content, headers=None, fault=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if fault != "silent":
            self.send_header("Content-Length", str(len(content)))
        if fault in ("truncate", "stall", "silent"):
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if fault in ("truncate", "silent"):
            content = content[: len(content) // 2]
        elif fault == "stall":
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            time.sleep(1.5)
            return
        self.wfile.write(content)
