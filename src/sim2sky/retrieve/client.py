"""A client of the TNG web API: polite, patient, and never half a file.

The API (Nelson+2019, sec. 5; https://www.tng-project.org/data/docs/api/) wants the key as a
header ``api-key``, answers JSON with ``results`` and ``next`` for lists, redirects to generated
files, and throttles with status 429.
"""

import hashlib
import ipaddress
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse
from urllib3.util.retry import Retry

from sim2sky.errors import Sim2SkyError

log = logging.getLogger("sim2sky")

KEY_HEADER = "api-key"
_BUSY = (429, 500, 502, 503, 504)
_CHUNK = 2**18
_LONGEST_PAUSE_S = 120.0
Result = TypeVar("Result")


class Pace:
    """The times at which requests may go, of all threads together.

    Parameters
    ----------
    per_second : float
        Most requests.
    """

    def __init__(self, per_second: float) -> None:
        self._interval = 1 / per_second
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Sleep until it is this request's turn."""
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + self._interval
        time.sleep(turn - now)

    def pause(self, seconds: float) -> None:
        """Let no request go for a while."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)


class _PatientRetry(Retry):
    """Retries that hold back the other threads too when the server throttles one."""

    pace: Pace

    def new(self, **changes: object) -> "_PatientRetry":
        retry = super().new(**changes)
        retry.pace = self.pace
        return retry

    def sleep_for_retry(self, response: BaseHTTPResponse) -> bool:
        seconds = self.get_retry_after(response)
        if seconds:
            log.info("the server asks for a pause of %.0f s", seconds)
            self.pace.pause(seconds)
        return super().sleep_for_retry(response)


class _KeyedSession(requests.Session):
    """A session that does not carry the key to another site when it is sent there."""

    def rebuild_auth(
        self, prepared_request: requests.PreparedRequest, response: requests.Response
    ) -> None:
        super().rebuild_auth(prepared_request, response)
        if not same_site(response.request.url, prepared_request.url):
            prepared_request.headers.pop(KEY_HEADER, None)


def same_site(first: str, second: str) -> bool:
    """Return whether the key that is meant for one address may be sent to another.

    Parameters
    ----------
    first, second : str
        URLs.

    Returns
    -------
    bool
        True for one host, or two below one domain such as tng-project.org, unless the second
        is not encrypted while the first is.
    """
    one, other = urlsplit(first), urlsplit(second)
    if one.scheme == "https" != other.scheme:
        return False
    if one.hostname == other.hostname:
        return True
    try:
        ipaddress.ip_address(other.hostname or "")
    except ValueError:
        domains = [(url.hostname or "").split(".")[-2:] for url in (one, other)]
        return len(domains[0]) == 2 and domains[0] == domains[1]
    return False


class Client:
    """Requests to one API.

    Parameters
    ----------
    base_url : str
        Address of the API.
    key : str
        Sent as a header, nowhere else.
    per_second : float
        Most requests per second, of all threads together.
    timeout_s : float
        Longest silence of the server.
    attempts : int
        Tries of each request.
    backoff_s : float
        Pause after a first failure; each further one is twice as long.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        *,
        per_second: float,
        timeout_s: float,
        attempts: int,
        backoff_s: float,
    ) -> None:
        self.base_url = base_url.rstrip("/") + "/"
        self._key = key
        self._pace = Pace(per_second)
        self._timeout_s = timeout_s
        self._attempts = attempts
        self._backoff_s = backoff_s
        self._local = threading.local()

    def url(self, link: str) -> str:
        """Return the full address of a path below the API or of a link that it gave.

        The API's links are ``http://`` though it speaks https; they are followed encrypted.
        """
        url = urljoin(self.base_url, link)
        base, parts = urlsplit(self.base_url), urlsplit(url)
        if parts.hostname == base.hostname:
            url = parts._replace(scheme=base.scheme, netloc=base.netloc).geturl()
        return url

    def json(self, link: str, params: dict | None = None) -> dict | list:
        """Return the JSON content of an address."""
        text = self.text(link, params)
        try:
            return json.loads(text)
        except ValueError as error:
            raise Sim2SkyError(
                "the answer is not JSON", where=self.url(link), got=text[:80] or "nothing"
            ) from error

    def pages(self, link: str, params: dict) -> Iterator[dict]:
        """Yield the entries of a list, page after page."""
        page = self.json(link, params)
        while True:
            yield from page["results"]
            if not page.get("next"):
                return
            page = self.json(page["next"])

    def text(self, link: str, params: dict | None = None) -> str:
        """Return the text at an address."""

        def read() -> str:
            with self._get(link, params) as response:
                return response.text

        return self._insist(read, link)

    def download(self, link: str, path: Path, params: dict | None = None) -> tuple[int, str]:
        """Write the content of an address to a file, resuming where a connection broke.

        What has come lies in ``<name>.part`` until it is whole.

        Parameters
        ----------
        link : str
            Address.
        path : Path
            The file.
        params : dict, optional
            Query.

        Returns
        -------
        int
            Size in bytes.
        str
            SHA-256.

        Raises
        ------
        Sim2SkyError
            If the key is refused, nothing is there, or all attempts fail.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        self._insist(lambda: self._continue(link, params, part), link)
        part.replace(path)
        return path.stat().st_size, sha256_of(path)

    def _insist(self, work: Callable[[], Result], link: str) -> Result:
        """Return what `work` returns, trying again where a connection breaks or falls silent."""
        fault = ""
        for attempt in range(self._attempts):
            if attempt:
                log.info("%s: %s; attempt %d", self.url(link), fault, attempt + 1)
                time.sleep(min(self._backoff_s * 2 ** (attempt - 1), _LONGEST_PAUSE_S))
            try:
                return work()
            except (requests.RequestException, HTTPError) as error:
                fault = _reason(error)
        raise Sim2SkyError(
            "the download does not come through",
            where=self.url(link),
            got=f"{fault} after {self._attempts} attempts",
            fix="run the same command again later; it goes on with what is missing",
        )

    def _continue(self, link: str, params: dict | None, part: Path) -> None:
        """Bring one more stretch of a file, to its end if nothing breaks."""
        have = part.stat().st_size if part.is_file() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        try:
            answer = self._get(link, params, headers)
        except _RangeError:
            part.unlink()
            raise
        with answer as response:
            whole = response.status_code != 206  # a server without ranges begins again
            with part.open("wb" if whole else "ab") as file:
                for chunk in response.iter_content(_CHUNK):
                    file.write(chunk)
            size = part.stat().st_size
            length = response.headers.get("Content-Length")
            expected = None if length is None else int(length) + (0 if whole else have)
            if expected is not None and size != expected:
                raise requests.ConnectionError(f"{size} of {expected} bytes came")

    def _get(
        self, link: str, params: dict | None = None, headers: dict | None = None
    ) -> requests.Response:
        """Return the opened answer to a request, or raise what went wrong."""
        url = self.url(link)
        own = {KEY_HEADER: self._key} if same_site(self.base_url, url) else {}
        self._pace.wait()
        try:
            response = self._session.get(
                url,
                params=params,
                headers={"Accept-Encoding": "identity"} | own | (headers or {}),
                timeout=self._timeout_s,
                stream=True,
            )
        except requests.RequestException as error:
            raise Sim2SkyError(
                "no answer from the server",
                where=url,
                got=f"{_reason(error)} after {self._attempts} attempts",
                fix="check the network and 'base_url', or run the same command again later",
            ) from error
        if response.ok:
            return response
        response.close()
        if response.status_code == 416:
            raise _RangeError("what had come is longer than the file")
        if response.status_code in (401, 403):
            raise Sim2SkyError(
                "the server refuses the API key",
                where=_named(response),
                got=f"status {response.status_code}",
                fix="take your key from https://www.tng-project.org/users/profile/ and export it "
                "in the environment variable of 'key_variable'",
            )
        if response.status_code == 404:
            raise NotThereError("nothing is there", where=_named(response), got="status 404")
        raise Sim2SkyError(
            "the server does not serve",
            where=_named(response),
            got=f"status {response.status_code}"
            + (f" after {self._attempts} attempts" if response.status_code in _BUSY else ""),
            fix="run the same command again later; it goes on with what is missing",
        )

    @property
    def _session(self) -> requests.Session:
        """The session of this thread; requests does not promise that threads may share one."""
        if not hasattr(self._local, "session"):
            retry = _PatientRetry(
                total=self._attempts - 1,
                backoff_factor=self._backoff_s,
                backoff_max=_LONGEST_PAUSE_S,
                status_forcelist=_BUSY,
                allowed_methods={"GET"},
                raise_on_status=False,
            )
            retry.pace = self._pace
            session = _KeyedSession()
            for scheme in ("https://", "http://"):
                session.mount(scheme, HTTPAdapter(max_retries=retry))
            self._local.session = session
        return self._local.session


class _RangeError(requests.RequestException):
    """The server cannot go on where a file broke off."""


class NotThereError(Sim2SkyError):
    """The server has nothing at an address."""


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _named(response: requests.Response) -> str:
    """Return the address of a response without its query."""
    return response.url.partition("?")[0]


def _reason(error: Exception) -> str:
    """Return the innermost cause of a failed request in a few words."""
    if "timed out" in str(error).lower():
        return "the server fell silent"
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]
