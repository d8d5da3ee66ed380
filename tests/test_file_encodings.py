"""Files of settings as Windows editors and PowerShell write them."""

import codecs
import json

import pytest

from ecojax.errors import InputError
from ecojax.settings import read_config, read_configurations

TOML, JSON = 'dataset = "digits"\r\nfamilies = ["mlp"]\r\n', '[{"hidden_width": 16}]'


def test_a_byte_order_mark_is_no_part_of_a_configuration(tmp_path):
    (tmp_path / "c.toml").write_bytes(codecs.BOM_UTF8 + TOML.encode())
    assert read_config(tmp_path / "c.toml") == {"dataset": "digits", "families": ["mlp"]}


@pytest.mark.parametrize("suffix", ["json", "toml"])
def test_a_byte_order_mark_is_no_part_of_what_is_enqueued(tmp_path, suffix):
    text = JSON if suffix == "json" else "[[enqueue]]\r\nhidden_width = 16\r\n"
    (tmp_path / f"q.{suffix}").write_bytes(codecs.BOM_UTF8 + text.encode())
    assert read_configurations(tmp_path / f"q.{suffix}") == json.loads(JSON)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_another_encoding_is_named_with_the_remedy(tmp_path, encoding):
    mark = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}.get(encoding, b"")
    name = encoding[:6].upper()
    (tmp_path / "c.toml").write_bytes(mark + TOML.encode(encoding))
    with pytest.raises(
        InputError, match=rf"c.toml' is not valid TOML: it is written in {name}; save it as UTF-8"
    ):
        read_config(tmp_path / "c.toml")
    (tmp_path / "q.json").write_bytes(mark + JSON.encode(encoding))
    with pytest.raises(
        InputError, match=rf"q.json' is not valid JSON: it is written in {name}; save it as UTF-8"
    ):
        read_configurations(tmp_path / "q.json")


def test_a_file_in_latin_1_is_refused_with_the_place(tmp_path):
    (tmp_path / "c.toml").write_bytes('dataset = "größe"'.encode("latin-1"))
    with pytest.raises(InputError, match=r"byte 13 is not UTF-8 .*save it as UTF-8"):
        read_config(tmp_path / "c.toml")
