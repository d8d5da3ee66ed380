import fcntl
import os

import numpy as np
import pytest
import tensorflow_datasets as tfds
from archive_server import cifar_records, idx_gz, images_and_labels, serving, tar_gz

from ecojax.cli.progress import Log
from ecojax.data import load
from ecojax.data.download import Archive
from ecojax.data.images.prepare import prepare
from ecojax.data.images.published import DATASETS
from ecojax.errors import DataError

CIFAR10_NAMES = b"airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n"
TRAIN, TEST = images_and_labels(50, (32, 32, 3), 10, seed=1), images_and_labels(20, (32, 32, 3), 10, seed=2)
MNIST_TRAIN, MNIST_TEST = images_and_labels(60, (28, 28, 1), 10, 3), images_and_labels(30, (28, 28, 1), 10, 4)


def cifar10_archive() -> bytes:
    images, labels = TRAIN
    batches = {f"data_batch_{i + 1}.bin": cifar_records(images[i::5], labels[i::5]) for i in range(5)}
    members = {**batches, "test_batch.bin": cifar_records(*TEST), "batches.meta.txt": CIFAR10_NAMES}
    return tar_gz({f"cifar-10-batches-bin/{name}": data for name, data in members.items()})


def mnist_archives() -> dict[str, bytes]:
    return {
        "train-images-idx3-ubyte.gz": idx_gz(MNIST_TRAIN[0].squeeze(-1)),
        "train-labels-idx1-ubyte.gz": idx_gz(MNIST_TRAIN[1]),
        "t10k-images-idx3-ubyte.gz": idx_gz(MNIST_TEST[0].squeeze(-1)),
        "t10k-labels-idx1-ubyte.gz": idx_gz(MNIST_TEST[1]),
    }


def published(monkeypatch, name: str, archives: list[Archive]) -> None:
    monkeypatch.setitem(DATASETS, name, DATASETS[name]._replace(archives=tuple(archives)))


def read_back(name: str, split: str, data_dir) -> list[dict]:
    source = tfds.data_source(name, split=split, data_dir=data_dir)
    return source.__getitems__(range(len(source)))


def test_cifar10_reads_back_through_tfds_pixel_by_pixel(tmp_path):
    with serving({"cifar-10-binary.tar.gz": cifar10_archive()}) as server:
        folder = prepare("cifar10", tmp_path, archives=[server.archive("cifar-10-binary.tar.gz")])
    assert folder == tmp_path / "cifar10" / "3.0.2"
    records = read_back("cifar10", "test", tmp_path)
    np.testing.assert_array_equal([record["image"] for record in records], TEST[0])
    assert [record["label"] for record in records] == TEST[1].tolist()
    assert [record["id"] for record in records[:2]] == [b"test_00000", b"test_00001"]
    order = np.concatenate([np.arange(50)[i::5] for i in range(5)])  # batch after batch
    np.testing.assert_array_equal(
        [record["image"] for record in read_back("cifar10", "train", tmp_path)], TRAIN[0][order]
    )
    info = tfds.builder("cifar10", data_dir=tmp_path).info
    assert info.features["label"].names == CIFAR10_NAMES.decode().split()
    assert {split: part.num_examples for split, part in info.splits.items()} == {"train": 50, "test": 20}
    # Nothing but the dataset is left: no archive, no half-written folder.
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.iterdir()) == ["cifar10", "downloads"]
    assert os.listdir(tmp_path / "downloads" / "cifar10") == [".lock"]
    assert load("cifar10", data_dir=tmp_path).title == "CIFAR-10"  # PNG: the published pixels


def test_cifar100_keeps_both_labels(tmp_path):
    images, coarse = images_and_labels(40, (32, 32, 3), 20, seed=5)
    fine = np.arange(40, dtype=np.uint8) + 60
    members = {
        "train.bin": cifar_records(images, coarse, fine),
        "test.bin": cifar_records(images[:10], coarse[:10], fine[:10]),
        "coarse_label_names.txt": "\n".join(f"coarse{i}" for i in range(20)).encode(),
        "fine_label_names.txt": "\n".join(f"fine{i}" for i in range(100)).encode(),
    }
    archive = tar_gz({f"cifar-100-binary/{name}": data for name, data in members.items()})
    with serving({"cifar-100-binary.tar.gz": archive}) as server:
        prepare("cifar100", tmp_path, archives=[server.archive("cifar-100-binary.tar.gz")])
    records = read_back("cifar100", "train", tmp_path)
    assert [record["label"] for record in records] == fine.tolist()
    assert [record["coarse_label"] for record in records] == coarse.tolist()
    dataset = load("cifar100", data_dir=tmp_path)
    assert dataset.num_classes == 100
    assert dataset.class_names[99] == "fine99"


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_load_prepares_mnist_at_first_and_only_reads_it_later(name, tmp_path, monkeypatch):
    seen = []
    with serving(mnist_archives()) as server:
        published(monkeypatch, name, [server.archive(file) for file in mnist_archives()])
        dataset = load(name, data_dir=tmp_path, on_progress=seen.append)
    images, labels = dataset.read_test()  # the server is gone
    np.testing.assert_array_equal(images, MNIST_TEST[0])
    np.testing.assert_array_equal(labels, MNIST_TEST[1])
    together = np.concatenate([dataset.x_train, dataset.x_validation])
    assert {image.tobytes() for image in together} == {image.tobytes() for image in MNIST_TRAIN[0]}
    assert dataset.image_shape == (28, 28, 1)
    assert dataset.splits["test"] == {"from": "test", "size": 30}
    assert {progress.stage for progress in seen} == {"download", "prepare", "decode"}
    assert len(load(name, data_dir=tmp_path, download=False).x_train) == 54
    if name == "fashion_mnist":
        assert dataset.class_names[9] == "Ankle boot"


def test_a_mirror_is_asked_and_held_to_the_published_checksum(tmp_path, monkeypatch):
    data = cifar10_archive()
    with serving({"cifar10/cifar-10-binary.tar.gz": data}) as server:
        good = server.archive("cifar10/cifar-10-binary.tar.gz")
        published(
            monkeypatch,
            "cifar10",
            [Archive("http://127.0.0.1:9/cifar-10-binary.tar.gz", len(data), good.sha256)],
        )
        monkeypatch.setenv("ECOJAX_MIRROR", server.url + "/")
        prepare("cifar10", tmp_path / "a")
        published(
            monkeypatch,
            "cifar10",
            [Archive("http://127.0.0.1:9/cifar-10-binary.tar.gz", len(data), "0" * 64)],
        )
        with pytest.raises(DataError, match="SHA-256"):
            prepare("cifar10", tmp_path / "b")
    assert not (tmp_path / "b" / "cifar10").exists()


def test_an_archive_placed_by_hand_needs_no_network_and_stays(tmp_path):
    data = cifar10_archive()
    with serving({"cifar-10-binary.tar.gz": data}) as server:
        archive = server.archive("cifar-10-binary.tar.gz")
    by_hand = tmp_path / "downloads" / "cifar10" / "cifar-10-binary.tar.gz"
    by_hand.parent.mkdir(parents=True)
    by_hand.write_bytes(data)
    prepare("cifar10", tmp_path, archives=[archive])
    assert by_hand.read_bytes() == data


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (b"this is no tar file", "damaged archive"),
        (cifar10_archive()[:-20_000], "damaged archive"),
        (tar_gz({"cifar-10-batches-bin/data_batch_1.bin": b"x" * 3073}), "no member .*data_batch_2.bin"),
        (
            tar_gz({f"cifar-10-batches-bin/data_batch_{i}.bin": b"x" * 3000 for i in range(1, 6)}),
            "no whole number of records",
        ),
    ],
    ids=["no archive", "truncated", "member missing", "records cut"],
)
def test_a_damaged_archive_prepares_nothing(archive, message, tmp_path):
    with serving({"cifar-10-binary.tar.gz": archive}) as server, pytest.raises(DataError, match=message):
        prepare("cifar10", tmp_path, archives=[server.archive("cifar-10-binary.tar.gz")])
    assert [entry.name for entry in tmp_path.iterdir()] == ["downloads"]


@pytest.mark.parametrize("damage", ["header", "values", "count"])
def test_a_damaged_idx_file_prepares_nothing(damage, tmp_path):
    files = mnist_archives()
    files["train-images-idx3-ubyte.gz"] = {
        "header": idx_gz(MNIST_TRAIN[0]),  # four dimensions
        "values": files["train-images-idx3-ubyte.gz"][:-5000],
        "count": idx_gz(MNIST_TRAIN[0][1:].squeeze(-1)),
    }[damage]
    with serving(files) as server, pytest.raises(DataError, match="train-images"):
        prepare("mnist", tmp_path, archives=[server.archive(file) for file in files])
    assert not (tmp_path / "mnist").exists()


def test_what_a_killed_run_left_half_written_is_replaced(tmp_path):
    left_over = tmp_path / ".ecojax-preparing-cifar10" / "cifar10-train.array_record-00000-of-00001"
    left_over.parent.mkdir()
    left_over.write_bytes(b"half")
    with serving({"cifar-10-binary.tar.gz": cifar10_archive()}) as server:
        prepare("cifar10", tmp_path, archives=[server.archive("cifar-10-binary.tar.gz")])
    assert len(read_back("cifar10", "train", tmp_path)) == 50
    assert not left_over.parent.exists()


def test_without_network_the_error_says_where_the_data_may_be_put(tmp_path, monkeypatch):
    monkeypatch.setattr("ecojax.data.download.time.sleep", lambda seconds: None)
    published(monkeypatch, "mnist", [Archive("http://127.0.0.1:9/train-images-idx3-ubyte.gz", 10, "0" * 64)])
    with pytest.raises(DataError, match=r"cannot be had.*put the file at .*downloads/mnist/train-images"):
        load("mnist", data_dir=tmp_path)


def test_the_archives_are_what_tfds_registers():
    for name, known in DATASETS.items():
        registered = tfds.builder(name).url_infos
        for archive in known.archives:
            info = registered[archive.url]
            assert (archive.size_bytes, archive.sha256) == (info.size, info.checksum)


def test_one_who_waits_for_another_process_says_so(tmp_path, capsys):
    with serving({"cifar-10-binary.tar.gz": cifar10_archive()}) as server:
        archives = [server.archive("cifar-10-binary.tar.gz")]
        prepared = prepare("cifar10", tmp_path, archives=archives)
    downloads, log = tmp_path / "downloads" / "cifar10", Log()
    with (downloads / ".lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)

        def hear(progress):
            log.data_progress(progress)
            other.close()  # it is done

        assert prepare("cifar10", tmp_path, archives=archives, on_progress=hear) == prepared
    assert capsys.readouterr().err == f"waiting for another process that prepares cifar10 in {downloads}\n"
