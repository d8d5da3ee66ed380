"""A loopback HTTP server that misbehaves on demand, and miniature archives in the published formats."""

import gzip
import hashlib
import io
import struct
import sys
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import numpy as np

from ecojax.data.download import Archive


class ArchiveServer(ThreadingHTTPServer):
    """Serves `files`; `requests` keeps each request's path and Range header."""

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = files
        self.requests: list[tuple[str, str | None]] = []
        self.serves_ranges = True
        self.break_off_after: list[int] = []  # bytes of each coming answer, one entry used up by each
        self.answer_status: list[int] = []  # likewise: answer with this status instead

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up early, as ours does on a file of the wrong size, is no news."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def archive(self, name: str, sha256: str | None = None) -> Archive:
        data = self.files[name]
        return Archive(f"{self.url}/{name}", len(data), sha256 or hashlib.sha256(data).hexdigest())


class _Handler(BaseHTTPRequestHandler):
    server: ArchiveServer

    def do_GET(self) -> None:
        requested_range = self.headers.get("Range")
        name = urlsplit(self.path).path.lstrip("/")
        self.server.requests.append((name, requested_range))
        if self.server.answer_status:
            self.send_error(self.server.answer_status.pop(0))
            return
        if name not in self.server.files:
            self.send_error(404)
            return
        data = self.server.files[name]
        start = 0
        if requested_range and self.server.serves_ranges:
            start = int(requested_range.removeprefix("bytes=").rstrip("-"))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        body = data[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        limit = self.server.break_off_after.pop(0) if self.server.break_off_after else len(body)
        self.wfile.write(body[:limit])
        self.close_connection = True

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[ArchiveServer]:
    server = ArchiveServer(files)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def images_and_labels(
    n: int, shape: tuple[int, int, int], classes: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, *shape), np.uint8), np.arange(n, dtype=np.uint8) % classes


def cifar_records(images: np.ndarray, *labels: np.ndarray) -> bytes:
    """CIFAR's binary version: the label bytes, then the red, the green and the blue plane, row by row."""
    return b"".join(
        bytes(int(column[i]) for column in labels) + b"".join(images[i, :, :, c].tobytes() for c in range(3))
        for i in range(len(images))
    )


def tar_gz(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def idx_gz(array: np.ndarray) -> bytes:
    """IDX: two zero bytes, the type (8: unsigned byte), the number of dimensions, each dimension, the values."""
    header = struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(header + array.tobytes())
