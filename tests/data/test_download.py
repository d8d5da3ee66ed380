import socket

import numpy as np
import pytest
from archive_server import serving

from ecojax.data.download import Archive, fetch
from ecojax.errors import DataError

DATA = np.random.default_rng(0).bytes(3_000_000)


@pytest.fixture
def server():
    with serving({"archive.bin": DATA}) as server:
        yield server


def test_a_download_reports_its_bytes_and_is_not_repeated(server, tmp_path):
    seen = []
    file = fetch(server.archive("archive.bin"), tmp_path, on_progress=seen.append)
    assert file.read_bytes() == DATA
    assert [entry.name for entry in tmp_path.iterdir()] == ["archive.bin"]
    assert [p.done for p in seen] == sorted({p.done for p in seen})
    assert (seen[-1].done, seen[-1].total, seen[-1].unit) == (len(DATA), len(DATA), "bytes")
    fetch(server.archive("archive.bin"), tmp_path)
    assert len(server.requests) == 1


def test_a_broken_off_transfer_is_continued_where_it_stopped(server, tmp_path):
    server.break_off_after = [1_000_000, 500_000]
    assert fetch(server.archive("archive.bin"), tmp_path, pause_s=0).read_bytes() == DATA
    assert [asked for _, asked in server.requests] == [None, "bytes=1000000-", "bytes=1500000-"]


def test_a_truncated_archive_is_refused_and_continued_by_the_next_run(server, tmp_path):
    server.break_off_after = [1000, 0]
    with pytest.raises(DataError, match=r"closed after 1000 of 3000000 bytes.*ECOJAX_MIRROR"):
        fetch(server.archive("archive.bin"), tmp_path, attempts=2, pause_s=0)
    assert not (tmp_path / "archive.bin").exists()
    assert fetch(server.archive("archive.bin"), tmp_path).read_bytes() == DATA
    assert server.requests[-1][1] == "bytes=1000-"


def test_a_server_without_ranges_is_asked_for_the_whole_again(server, tmp_path):
    server.serves_ranges = False
    server.break_off_after = [1_000_000]
    assert fetch(server.archive("archive.bin"), tmp_path, pause_s=0).read_bytes() == DATA


@pytest.mark.parametrize("left_over", [b"from another file", DATA[:-1] + b"?", DATA + b"more"])
def test_a_spoilt_part_is_replaced(server, tmp_path, left_over):
    (tmp_path / "archive.bin.part").write_bytes(left_over)
    assert fetch(server.archive("archive.bin"), tmp_path, pause_s=0).read_bytes() == DATA


def test_a_wrong_checksum_leaves_nothing_behind(server, tmp_path):
    with pytest.raises(DataError, match=r"SHA-256 [0-9a-f]{64}, not 0{64}"):
        fetch(server.archive("archive.bin", sha256="0" * 64), tmp_path, pause_s=0)
    assert list(tmp_path.iterdir()) == []
    assert len(server.requests) == 1  # the same bytes would come again


def test_a_file_of_another_size_is_not_downloaded(server, tmp_path):
    archive = server.archive("archive.bin")
    with pytest.raises(DataError, match="offers 3000000 bytes where the published archive has 1000"):
        fetch(Archive(archive.url, 1000, archive.sha256), tmp_path, pause_s=0)
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_file_placed_by_hand_is_named_and_kept(server, tmp_path):
    (tmp_path / "archive.bin").write_bytes(b"mine")
    with pytest.raises(DataError, match=r"archive.bin is not the file published.*delete it"):
        fetch(server.archive("archive.bin"), tmp_path)
    assert (tmp_path / "archive.bin").read_bytes() == b"mine"


def test_a_missing_file_is_not_asked_for_twice(server, tmp_path):
    with pytest.raises(DataError, match="404"):
        fetch(Archive(f"{server.url}/gone.bin", 10, "0" * 64), tmp_path, pause_s=0)
    assert len(server.requests) == 1


def test_a_busy_server_is_asked_again(server, tmp_path):
    server.answer_status = [503, 503]
    assert fetch(server.archive("archive.bin"), tmp_path, pause_s=0).read_bytes() == DATA


def test_a_refused_connection_says_so(tmp_path):
    with socket.socket() as unheard:  # bound, never listening
        unheard.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unheard.getsockname()[1]}/archive.bin"
        with pytest.raises(DataError, match=r"[Rr]efused.*put the file at"):
            fetch(Archive(url, 10, "0" * 64), tmp_path, pause_s=0)


def test_a_silent_server_runs_into_the_time_limit(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/archive.bin"
        with pytest.raises(DataError, match="timed out"):
            fetch(Archive(url, 10, "0" * 64), tmp_path, timeout_s=0.1, attempts=2, pause_s=0)


def test_an_unwritable_folder_is_named(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot take archive\.bin"):
        fetch(server.archive("archive.bin"), tmp_path / "file")


def test_other_schemes_are_refused(tmp_path):
    with pytest.raises(DataError, match="ftp://"):
        fetch(Archive("ftp://127.0.0.1/archive.bin", 10, "0" * 64), tmp_path)
