"""The border to fsspec: files below one URL, wherever that leads.

fsspec and its drivers raise whatever the libraries below them do. No exception of theirs leaves
this module, and no text of theirs that could hold a secret. Nothing here has a deadline: drivers
may hang, so callers work in threads that they can leave behind.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from mkdocs_comfy.errors import CacheError, SharedCacheError, shorten
from mkdocs_comfy.images import blobs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

DRIVERS: Final = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
}
"""Protocol → the package that speaks it, where fsspec does not itself."""

_S3: Final = ("s3", "s3a")
_HTTP: Final = ("http", "https")
_LOCAL: Final = ("file", "local")
_DENIED: Final = (401, 403)
_NO_NEWS: Final = {"", "AccessDenied", "Forbidden", "401", "403"}  # codes that say no more
_URLS: Final = re.compile(r"\S*://\S*")
_TELLING: Final = re.compile(r"KEY|SECRET|TOKEN|PASSWORD|PASSWD|CREDENTIAL|SIGNATURE|CONNECTION")
_SHORTEST_SECRET: Final = 6  # hiding shorter texts would hide every word that contains them
_LONGEST: Final = 200  # characters that are shown of what a driver says
_CHUNK: Final = 2**18


class Remote:
    """The files below a URL. Threads may share it.

    Args:
        url: Any URL of fsspec.
        options: What its driver is given besides; both may hold credentials.

    Attributes:
        display: The URL for people: without user, password and query.
    """

    def __init__(self, url: str, options: Mapping[str, object]) -> None:
        self._url, self._options = url, options
        self.display = display_url(url)
        self._protocol = url.partition("://")[0]
        self._anonymous = False
        self._opened: tuple[Any, str] | None = None

    def read(self, name: str, *, limit: int) -> bytes | None:
        """Return the content of a file, or ``None`` where there is none.

        Args:
            name: Its name, with ``/``.
            limit: Bytes that are expected at most; of a longer file one more is returned.

        Raises:
            SharedCacheError: It cannot be read.
        """
        try:
            with _Border(self):
                return self._content(name, limit)
        except FileNotFoundError:
            return None
        except _NoCredentialsError:
            if self._anonymous:
                raise
        # A fork has no credentials, and needs none for what everybody may read.
        self._anonymous, self._opened = True, None
        return self.read(name, limit=limit)

    def create(self, name: str, data: bytes) -> bool:
        """Write a file unless there is one of that name.

        Returns:
            False where there is one, which stays as it is.

        Raises:
            SharedCacheError: It cannot be written.
        """
        try:
            with _Border(self, writing=True):
                files, path = self._place(name)
                if self._protocol in _LOCAL:
                    return _create_local(path, data)
                files.pipe_file(path, data, mode="create")
        except FileExistsError:
            return False
        return True

    def replace(self, name: str, data: bytes) -> None:
        """Write a file over whatever is there.

        Raises:
            SharedCacheError: It cannot be written.
        """
        with _Border(self, writing=True):
            files, path = self._place(name)
            if self._protocol in _LOCAL:
                blobs.write(path, data)
            else:
                files.pipe_file(path, data)

    def _content(self, name: str, limit: int) -> bytes:
        files, path = self._place(name)
        if self._protocol in _HTTP:
            return _streamed(files, path, limit)
        try:
            content: bytes = files.cat_file(path, start=0, end=limit + 1)
        except OSError as error:
            if _code(error) == "InvalidRange":  # of S3: no file is so short but an empty one
                return b""
            raise
        return content

    def _place(self, name: str) -> tuple[Any, str]:
        files, root = self._files()
        before, query, after = root.partition("?") if self._protocol in _HTTP else (root, "", "")
        return files, f"{before.rstrip('/')}/{name}{query}{after}"

    def _files(self) -> tuple[Any, str]:
        if self._opened is None:
            from fsspec.core import url_to_fs  # noqa: PLC0415  # an extra, and only where needed

            options = {**self._defaults(), **self._options}
            # An instance of our own: fsspec would keep it, and its credentials, for ever.
            files, root = url_to_fs(self._url, skip_instance_cache=True, **options)
            if self._protocol in _LOCAL and not files.isdir(root):
                raise self.error("there is no such folder", way_out="make it, or mount it")
            self._opened = files, root
        return self._opened

    def _defaults(self) -> dict[str, object]:
        if self._protocol in _S3:
            # botocore tries for minutes what a build gives up after seconds.
            patience = {"connect_timeout": 5, "read_timeout": 15, "retries": {"max_attempts": 1}}
            anonymous = {"anon": True} if self._anonymous else {}
            return {"config_kwargs": patience, **anonymous}
        if self._protocol in _HTTP:
            return {"client_kwargs": {"trust_env": True}}  # proxies, as everybody else does
        return {}

    def error(self, problem: str, *, way_out: str = "", denied: bool = False) -> SharedCacheError:
        """Return an error about this place."""
        return SharedCacheError(url=self.display, problem=problem, way_out=way_out, denied=denied)

    def explained(self, error: Exception, *, writing: bool) -> SharedCacheError:
        """Return what an exception of fsspec or a driver means, without its secrets."""
        if isinstance(error, CacheError) and isinstance(error.__cause__, OSError):
            error = error.__cause__
        if isinstance(error, ImportError):
            return self._no_driver(error)
        if type(error).__name__ == "NoCredentialsError":  # of botocore
            return _NoCredentialsError(
                url=self.display,
                problem="access denied, for there are no credentials",
                way_out="give this machine credentials for it",
                denied=True,
            )
        code = _code(error)
        if _is_denial(error):
            news = "" if code in _NO_NEWS else f" ({self._clean(code)})"
            which = "write" if writing else "read"
            return self.error(
                f"access denied{news}",
                way_out=f"see that the credentials of this machine may {which} it",
                denied=True,
            )
        if code == "NoSuchBucket":
            return self.error("there is no such bucket", way_out="check `cache_remote:`")
        if isinstance(error, TimeoutError):
            return self.error("no answer in time")
        said = (error.strerror or "") if isinstance(error, OSError) else ""
        text = self._clean(code or said or str(error))
        return self.error(f"{type(error).__name__}: {text}" if text else type(error).__name__)

    def _no_driver(self, error: ImportError) -> SharedCacheError:
        driver = DRIVERS.get(self._protocol, "")
        if (error.name or "").partition(".")[0] == "fsspec":
            problem = "fsspec is not installed"
        elif driver:
            problem = f"{driver} is not installed"
        else:
            problem = f"its driver is not installed: {self._clean(str(error))}"
        packages = f"'mkdocs-comfy[remote]' {driver}".rstrip()
        return self.error(problem, way_out=f"pip install {packages}")

    def _clean(self, text: str) -> str:
        for secret in sorted(self._secrets(), key=len, reverse=True):
            text = text.replace(secret, "***")
        return shorten(" ".join(_URLS.sub("…", text).split()), _LONGEST)

    def _secrets(self) -> set[str]:
        parts = urlsplit(self._url)
        found = {parts.username, parts.password, parts.query}
        found |= {value for _, value in parse_qsl(parts.query)}
        found |= set(_texts(self._options))
        found |= {value for name, value in os.environ.items() if _TELLING.search(name.upper())}
        found |= {unquote(each) for each in found if each}
        return {each for each in found if each and len(each) >= _SHORTEST_SECRET}


class _NoCredentialsError(SharedCacheError):
    """A driver found no credentials, and has not asked the store."""


class _Border:
    """Makes one error of whatever a driver raises, but for what is there and what is not."""

    def __init__(self, remote: Remote, *, writing: bool = False) -> None:
        self._remote, self._writing = remote, writing

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if isinstance(error, SharedCacheError) or not isinstance(error, Exception):
            return
        if isinstance(error, FileExistsError):
            return
        if isinstance(error, FileNotFoundError) and _code(error) != "NoSuchBucket":
            return
        # Not `from error`, whose text may hold what is not to be shown.
        raise self._remote.explained(error, writing=self._writing) from None


def display_url(url: str) -> str:
    """Return a URL of fsspec for people: without user, password, query and fragment."""
    return re.sub(r"//[^/\s]*@", "//", re.split(r"[?#]", url, maxsplit=1)[0]).rstrip("/")


def _streamed(files: Any, path: str, limit: int) -> bytes:
    """Read over HTTP as much as is wanted, whether the server knows ranges or not."""
    found = bytearray()
    # Without blocks fsspec streams; with a size it does not ask for one before.
    with files.open(path, "rb", block_size=0, size=1) as stream:
        while len(found) <= limit and (chunk := stream.read(min(_CHUNK, limit + 1 - len(found)))):
            found += chunk
    return bytes(found)


def _create_local(path: str, data: bytes) -> bool:
    """Put a whole file in its place at once, unless there is one: others read at the same time."""
    with blobs.staged(path, data) as file:
        try:
            Path(path).hardlink_to(file.temporary)
        except FileExistsError:
            return False
        except OSError:  # a file system without hard links
            if Path(path).exists():
                return False
            file.commit()
    return True


def _is_denial(error: Exception) -> bool:
    """Whether a store lets us not in, in the words of aiohttp, azure-core, gcsfs or Python."""
    said = (getattr(error, name, None) for name in ("status", "status_code", "code"))
    status = next((each for each in said if each is not None), None)
    forbidden = type(error) is OSError and str(error).startswith("Forbidden")  # gcsfs on 403
    return isinstance(error, PermissionError) or forbidden or status in _DENIED


def _code(error: Exception) -> str:
    """The code of an error of S3, such as ``InvalidAccessKeyId``; ``""`` for any other."""
    match getattr(error.__cause__, "response", None):
        case {"Error": {"Code": str(code)}}:
            return code
    return ""


def _texts(value: object) -> Iterator[str]:
    """All texts in a value of YAML."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
