"""Data files of the user's own: arrays, tables and folders of images as sources, and what of them is refused."""

import io

import numpy as np
import pandas
import pytest
from PIL import Image

from ecojax.data import ImageDataset, kinds, load
from ecojax.errors import DataError

ROWS = 60
GENERATOR = np.random.default_rng(0)


@pytest.fixture
def frame():
    return pandas.DataFrame(
        {
            "area": GENERATOR.normal(100.0, 10.0, ROWS),
            "town": ["Kiel", "Bonn", "Trier"] * (ROWS // 3),
            "garden": [True, False] * (ROWS // 2),
            "price": GENERATOR.normal(1e5, 1e4, ROWS),
        }
    )


def picture(colour, size=(5, 4)):
    return Image.new("RGB" if isinstance(colour, tuple) else "L", size, colour)


def test_arrays_of_an_npz_are_the_splits_it_names(tmp_path):
    x, y = GENERATOR.normal(size=(40, 3)), np.arange(40) % 2
    np.savez(tmp_path / "a.npz", x_train=x, y_train=y, x_test=x[:5], y_test=y[:5], class_names=["no", "yes"])
    data = load(f"npz:{tmp_path / 'a.npz'}")
    assert data.class_names == ("no", "yes")
    assert np.array_equal(data.read_test()[0], x[:5].astype(np.float32))
    np.savez(tmp_path / "b.npz", x=x, y=y * 1.5)
    assert not load(f"npz:{tmp_path / 'b.npz'}").has_classes


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_has_a_column_for_each_number_and_each_text(tmp_path, frame, kind):
    file = tmp_path / f"houses.{kind}"
    frame.to_csv(file, index=False) if kind == "csv" else frame.to_parquet(file)
    data = load(f"{kind}:{file}?target=price")
    assert data.feature_names == ("area", "town=Bonn", "town=Kiel", "town=Trier", "garden")
    assert data.target_name == "price"
    assert not data.has_classes
    rows = {np.float32(row["area"]): row for _, row in frame.iterrows()}
    for features, target in zip(data.x_train, data.y_train, strict=True):
        row = rows[features[0]]
        assert target == np.float32(row["price"])
        assert features[1:].tolist() == [
            *(row["town"] == t for t in ("Bonn", "Kiel", "Trier")),
            row["garden"],
        ]
    by_town = load(f"{kind}:{file}?target=town&drop=garden")
    assert by_town.class_names == ("Bonn", "Kiel", "Trier")
    assert by_town.feature_names == ("area", "price")
    assert np.bincount(by_town.read_test()[1]).tolist() == [4, 4, 4]


def test_files_in_a_folder_are_its_splits(tmp_path, frame):
    frame[:40].to_csv(tmp_path / "train-0.csv", index=False)
    frame[40:50].to_csv(tmp_path / "train-1.csv", index=False)
    frame[50:].to_csv(tmp_path / "test.csv", index=False)
    data = load(f"csv:{tmp_path}?target=price")
    assert [data.splits[part]["size"] for part in ("train", "validation", "test")] == [40, 10, 10]
    assert np.array_equal(data.read_test()[1], frame["price"][50:].astype(np.float32))


def test_whole_numbers_are_classes_while_they_are_few_or_the_user_says_so(tmp_path, frame):
    frame["target"] = np.arange(ROWS) % 30
    frame.to_csv(tmp_path / "a.csv", index=False)
    assert not load(f"csv:{tmp_path / 'a.csv'}").has_classes
    assert load(f"csv:{tmp_path / 'a.csv'}?task=classification").num_classes == 30
    frame["target"] %= 2
    frame.to_csv(tmp_path / "a.csv", index=False)
    assert load(f"csv:{tmp_path / 'a.csv'}").has_classes
    assert not load(f"csv:{tmp_path / 'a.csv'}?task=regression").has_classes


def _set(frame, column, row, value):
    frame[column] = frame[column].astype(object)
    frame.loc[row, column] = value


@pytest.mark.parametrize(
    ("spoil", "options", "said"),
    [
        (
            lambda f: _set(f, "area", 3, None),
            "?target=price",
            "'area' of .*houses.csv' has no value in row 4",
        ),
        (lambda f: _set(f, "price", 5, None), "?target=price", "'price' .* no value in row 6"),
        (lambda f: _set(f, "area", 3, "big"), "?target=price", "'area' .* holds 'big' in row 4"),
        (lambda f: _set(f, "area", 3, np.inf), "?target=price", "'area' .* holds inf in row 4"),
        (lambda f: None, "?target=prise", r"no column 'prise' \(did you mean 'price'"),
        (lambda f: None, "", r"add \?target=COLUMN, of area, town, garden, price"),
        (lambda f: None, "?targe=price", r"'targe=price' .*did you mean 'target'"),
        (lambda f: None, "?target=price&drop=aria", r"no such column \(did you mean 'area'"),
        (lambda f: None, "?target=town&task=regression", "'town' .* is text"),
        (lambda f: None, "?target=price&task=ranking", "task=ranking is no task"),
        (lambda f: f.__setitem__("id", [f"n{i}" for i in range(ROWS)]), "?target=price", None),
        (lambda f: f.__setitem__("price", 1.0), "?target=price", "nothing to learn"),
    ],
)
def test_a_table_that_cannot_be_learnt_is_refused_by_column_and_row(tmp_path, frame, spoil, options, said):
    spoil(frame)
    frame.to_csv(tmp_path / "houses.csv", index=False)
    if said is None:
        assert len(load(f"csv:{tmp_path / 'houses.csv'}{options}").feature_names) == 5 + ROWS
        return
    with pytest.raises(DataError, match=said):
        load(f"csv:{tmp_path / 'houses.csv'}{options}")


def test_a_table_without_rows_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("a,target\n")
    with pytest.raises(DataError, match="has no rows"):
        load(f"csv:{tmp_path / 'a.csv'}")


def test_a_table_of_a_few_rows_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("a,target\n1,x\n2,y\n")
    with pytest.raises(DataError, match="has 2 training rows, too few"):
        load(f"csv:{tmp_path / 'a.csv'}")


def test_one_array_is_no_archive_of_several(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(3))
    with pytest.raises(DataError, match=r"a.npy' cannot be read \(it is no archive of arrays"):
        load(f"npz:{tmp_path / 'a.npy'}")


def test_a_column_of_too_many_texts_is_refused(tmp_path):
    rows = pandas.DataFrame({"id": [f"n{i}" for i in range(101)], "target": np.arange(101) % 2})
    rows.to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(DataError, match=r"'id' .* 101 different texts.* drop=id"):
        load(f"csv:{tmp_path / 'a.csv'}")


def test_a_folder_of_images_has_a_class_for_each_folder(tmp_path):
    for split, count in (("train", 20), ("test", 4)):
        for name, colour in (("red", (255, 0, 0)), ("grey", 128)):
            (tmp_path / split / name).mkdir(parents=True)
            for number in range(count):
                size = (5 + number, 4 + number)
                picture(colour, size).save(tmp_path / split / name / f"{number:02}.png")
    with pytest.raises(DataError, match=r"01.png' is of 5 × 6 pixels.* 4 × 5; state a size"):
        load(f"folder:{tmp_path}")
    data = load(f"folder:{tmp_path}?size=6x8")
    assert isinstance(data, ImageDataset)
    assert (data.image_shape, data.class_names) == ((6, 8, 3), ("grey", "red"))
    assert "resized to 6 × 8" in data.title
    assert data.splits["test"]["size"] == 8
    for image, label in zip(data.x_train, data.y_train, strict=True):
        assert (image == ((128, 128, 128), (255, 0, 0))[label]).all()


@pytest.mark.parametrize("options", ["", "?size=8"])
def test_images_that_do_not_fit_are_refused_before_they_are_decoded(tmp_path, monkeypatch, options):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        for number in range(5):
            picture((1, 2, 3), (40, 30)).save(tmp_path / name / f"{number}.png")

    def decode(*_):
        raise AssertionError("decoded")

    monkeypatch.setattr(Image.Image, "convert", decode)
    needed = 10 * 3 * (40 * 30 if not options else 64)
    with pytest.raises(DataError, match=r"with 10 images of .* pixels needs .* of memory.*\?size=32"):
        load(f"folder:{tmp_path}{options}", available_memory=lambda: needed - 1)
    with pytest.raises(AssertionError, match="decoded"):
        load(f"folder:{tmp_path}{options}", available_memory=lambda: needed)


@pytest.mark.parametrize("kind", ["npz", "csv", "parquet"])
def test_a_file_larger_than_the_memory_is_not_read(tmp_path, frame, kind):
    file = tmp_path / f"a.{kind}"
    write = {"npz": lambda to: np.savez(to, x=np.zeros((90, 90)), y=np.arange(90)), "csv": frame.to_csv}
    write.get(kind, frame.to_parquet)(file)
    with pytest.raises(DataError, match=rf"reading '.*a\.{kind}' needs .* give a part of it, or use a host"):
        load(f"{kind}:{file}", available_memory=lambda: file.stat().st_size - 1)


def test_images_in_parquet_are_read_as_hugging_face_writes_them(tmp_path):
    import pyarrow
    from pyarrow import parquet

    def encoded(value):
        stream = io.BytesIO()
        picture(value).save(stream, "png")
        return {"bytes": stream.getvalue(), "path": None}

    labels = [0, 1] * 20
    table = pyarrow.table({"image": [encoded(100 * label) for label in labels], "label": labels})
    features = {"label": {"names": ["dark", "light"], "_type": "ClassLabel"}}
    stated = f'{{"info": {{"features": {features!r}}}}}'.replace("'", '"')
    parquet.write_table(
        table.replace_schema_metadata({"huggingface": stated}), tmp_path / "train-00000-of-00001.parquet"
    )
    data = load(f"parquet:{tmp_path}")
    assert (data.image_shape, data.class_names) == ((4, 5, 1), ("dark", "light"))
    assert (data.x_train[:, 0, 0, 0] == 100 * data.y_train).all()
    table = table.set_column(0, "image", [[{"bytes": b"no image", "path": None}] * 40])
    parquet.write_table(table, tmp_path / "train-00000-of-00001.parquet")
    with pytest.raises(DataError, match=r"row 1 of column 'image' .* cannot be read as an image"):
        load(f"parquet:{tmp_path}")


X, Y = np.zeros((40, 2)), np.arange(40) % 2


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x": X}, "holds the arrays x; it needs x and y"),
        ({"x": X, "y": np.array([None] * 40)}, "array 'y' of .* holds Python objects"),
        ({"x": X, "y": np.arange(40)}, "another class in each of its 40"),
        ({"x": X, "y": np.arange(40) * 1e300}, "y of the train split .* beyond 3.4"),
        (
            {"x_train": X, "y_train": Y * 1.5, "x_test": X, "y_test": Y * 0.0},
            "is 0 in all .* of the test split",
        ),
        ({"x": X, "y": np.r_[1.5, np.zeros(39)]}, "is 0 in all .* drawn"),
    ],
)
def test_arrays_that_nothing_can_be_learnt_from_are_refused(tmp_path, arrays, said):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=said):
        load(f"npz:{tmp_path / 'a.npz'}")


def test_a_damaged_archive_of_arrays_is_refused_and_closed(tmp_path):
    np.savez(tmp_path / "a.npz", x=X, y=Y)
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:300])
    with pytest.raises(DataError, match=r"a.npz' cannot be read"):
        load(f"npz:{tmp_path / 'a.npz'}")


@pytest.mark.parametrize(
    "values", [pandas.date_range("2020", periods=ROWS), [[1, 2]] * ROWS, [b"a", b"b"] * (ROWS // 2)]
)
def test_a_target_that_is_neither_number_nor_text_is_refused(tmp_path, frame, values):
    frame["target"] = values
    frame.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"column 'target' .* in row 1, neither a number nor text"):
        load(f"parquet:{tmp_path / 'a.parquet'}")


@pytest.mark.parametrize(
    ("cell", "label", "said"),
    [
        (None, "label", "column 'image' of .* holds no encoded image in row 2"),
        ({"bytes": None, "path": "x.png"}, "label", "column 'image' of .* holds no encoded image in row 2"),
        ({"bytes": b"x", "path": ""}, "what", r"add \?target=COLUMN, of what$"),
    ],
)
def test_a_column_of_images_that_lacks_one_or_its_label_is_refused(tmp_path, cell, label, said):
    import pyarrow
    from pyarrow import parquet

    cells = [{"bytes": b"x", "path": ""}, cell] * 20
    parquet.write_table(pyarrow.table({"image": cells, label: [0, 1] * 20}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=said):
        load(f"parquet:{tmp_path / 'a.parquet'}")


@pytest.mark.parametrize("kind", ["npz", "csv", "parquet", "folder"])
def test_what_is_not_there_or_no_such_file_is_refused_by_name(tmp_path, kind):
    with pytest.raises(DataError, match=r"no file or folder '.*nowhere'"):
        load(f"{kind}:{tmp_path / 'nowhere'}")
    (tmp_path / "file").write_bytes(b"\x00\xffnothing\x00")
    with pytest.raises(DataError, match=r"file'"):
        load(f"{kind}:{tmp_path / 'file'}")
    with pytest.raises(DataError, match=str(tmp_path)):
        load(f"{kind}:{tmp_path}")


def test_a_path_of_a_folder_that_tfds_did_not_prepare_is_refused(tmp_path):
    with pytest.raises(DataError, match="is no prepared dataset"):
        load(str(tmp_path))


def test_a_path_is_stored_from_the_root_on_and_names_a_study_in_short(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert kinds.absolute("csv:a/b.csv?target=x") == f"csv:{tmp_path}/a/b.csv?target=x"
    assert kinds.absolute("./mnist/3.0.1") == f"{tmp_path}/mnist/3.0.1"
    assert [kinds.absolute(name) for name in ("digits", "mnist:3.0.1", "sklearn:wine")] == [
        "digits",
        "mnist:3.0.1",
        "sklearn:wine",
    ]
    assert kinds.short_name("csv:/a/houses.csv?target=x") == "houses"
    assert kinds.short_name("/data/mnist/3.0.1") == "mnist-3.0.1"
    assert kinds.short_name("sklearn:wine") == "sklearn_wine"
