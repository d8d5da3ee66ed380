"""One archive from the network to a folder: resumed where it broke off, verified before it gets its name."""

import hashlib
import http.client
import os
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ecojax.data.progress import OnProgress, Progress
from ecojax.errors import DataError
from ecojax.wording import option

_CHUNK = 1 << 18
_TRANSIENT_STATUS = {408, 425, 429, 500, 502, 503, 504}
_NETWORK_ERRORS = (
    urllib.error.URLError,
    TimeoutError,
    ConnectionError,
    http.client.HTTPException,
    ssl.SSLError,
)


@dataclass(frozen=True)
class Archive:
    """A published file that never changes: where it is, how many bytes, and the SHA-256 of them."""

    url: str
    size_bytes: int
    sha256: str

    @property
    def file_name(self) -> str:
        return urlsplit(self.url).path.rpartition("/")[2]


def fetch(
    archive: Archive,
    folder: Path,
    *,
    on_progress: OnProgress | None = None,
    timeout_s: float = 30.0,
    attempts: int = 4,
    pause_s: float = 1.0,
) -> Path:
    """The verified file in `folder`, downloaded unless it is there already.

    A transfer that breaks off leaves a `.part` file, which the next attempt, now or in another process, continues where
    the server allows it and replaces where it does not. `pause_s` doubles from one attempt to the next.

    Raises:
        DataError: the server cannot be reached or refuses, what it sends is not the archive, or `folder` is
            not writable.
    """
    target = folder / archive.file_name
    part = folder / f"{archive.file_name}.part"
    if urlsplit(archive.url).scheme not in ("http", "https", "file"):
        raise DataError(
            f"{archive.url!r} is no http, https or file address; correct it, or ECOJAX_MIRROR if that is set"
        )
    if target.exists():
        if _sha256(target) != archive.sha256:
            raise DataError(
                f"{target} is not the file published as {archive.url}: its SHA-256 is {_sha256(target)}, not "
                f"{archive.sha256}; delete it to have it downloaded"
            )
        return target
    reason = "no attempt was made"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for attempt in range(attempts):
            if attempt:
                time.sleep(pause_s * 2 ** (attempt - 1))
            begun_at = part.stat().st_size if part.exists() else 0
            try:
                if begun_at < archive.size_bytes:
                    _transfer(archive, part, begun_at, on_progress, timeout_s)
            except urllib.error.HTTPError as error:
                reason = f"the server answers {error.code} {error.reason}"
                error.close()
                if error.code == 416:  # the part is longer than the file: begin again
                    part.unlink()
                elif error.code not in _TRANSIENT_STATUS:
                    break
                continue
            except _NETWORK_ERRORS as error:
                reason = str(getattr(error, "reason", error)) or type(error).__name__
                continue
            if (received := part.stat().st_size) < archive.size_bytes:
                reason = f"the connection closed after {received} of {archive.size_bytes} bytes"
                continue
            if (sha256 := _sha256(part)) == archive.sha256:
                os.replace(part, target)
                return target
            part.unlink()
            reason = f"what it sends has the SHA-256 {sha256}, not {archive.sha256}"
            if (
                not begun_at
            ):  # a part of another origin may have spoilt it; a whole transfer speaks for itself
                break
    except OSError as error:
        raise DataError(f"{folder} cannot take {archive.file_name}: {error.strerror or error}") from error
    raise DataError(
        f"{archive.url} cannot be had: {reason}; try again later (a part is kept and continued), or put the file at "
        f"{target}, or name a mirror in ECOJAX_MIRROR, or give a {option('data_dir')} where the dataset is prepared"
    )


def _transfer(
    archive: Archive, part: Path, begun_at: int, on_progress: OnProgress | None, timeout_s: float
) -> None:
    """Append to `part` what is missing; from its beginning where the server does not serve ranges."""
    headers = {"User-Agent": "ecojax", "Accept-Encoding": "identity"}
    if begun_at:
        headers["Range"] = f"bytes={begun_at}-"
    request = urllib.request.Request(archive.url, headers=headers)
    with urllib.request.urlopen(request, timeout=timeout_s) as response:
        resumes = response.status == 206 and _range_start(response) == begun_at
        received = begun_at if resumes else 0
        offered = response.headers.get("Content-Length")
        if offered is not None and received + int(offered) != archive.size_bytes:
            raise DataError(
                f"{archive.url} offers {received + int(offered)} bytes where the published archive has "
                f"{archive.size_bytes}; this is another file: check the address, or ECOJAX_MIRROR if that is set"
            )
        with part.open("ab" if resumes else "wb") as stream:
            while received < archive.size_bytes:
                chunk = response.read(
                    min(_CHUNK, archive.size_bytes - received)
                )  # never more than was published
                if not chunk:
                    break
                stream.write(chunk)
                received += len(chunk)
                if on_progress:
                    on_progress(
                        Progress("download", archive.file_name, received, archive.size_bytes, "bytes")
                    )


def _range_start(response: Any) -> int | None:
    """The first byte of `Content-Range: bytes 100-199/200`."""
    start = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    return int(start) if start.isdecimal() else None


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
