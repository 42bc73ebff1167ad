"""Files that are none, or hold more than their size tells."""

import bz2
import gzip
import lzma
import os
import threading
import tracemalloc
import zipfile

import numpy as np
import pytest

from skfashion.datasets import _csv, read_fashion_csv, read_idx
from skfashion.preprocessing import FashionMNISTLoader

READERS = {
    "idx": read_idx,
    "csv": read_fashion_csv,
    "photograph": lambda path: FashionMNISTLoader().transform([path]),
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs on this system")
@pytest.mark.parametrize("name", READERS)
def test_a_fifo_keeps_nobody_waiting(tmp_path, name):
    path = tmp_path / "fifo.csv"
    os.mkfifo(path)
    errors = []

    def read():
        try:
            READERS[name](path)
        except OSError as error:
            errors.append(str(error))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(20)
    assert not reader.is_alive()
    assert "regular file" in errors[0]
    assert "fifo.csv" in errors[0]


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="there are no devices on this system")
@pytest.mark.parametrize("name", READERS)
def test_a_device_is_not_read(name):
    with pytest.raises(OSError, match="regular file"):
        READERS[name]("/dev/zero")


@pytest.mark.parametrize("name", ["idx", "csv"])
def test_a_folder_is_named_as_one(tmp_path, name):
    with pytest.raises(IsADirectoryError, match=str(tmp_path)):
        READERS[name](tmp_path)


def of_zeros(n_images):
    return b"\0\0\x08\x03" + np.array([n_images, 1000, 1000], ">i4").tobytes()


def compressed_zeros(path, header, n_bytes, opened):
    with opened(path, "wb") as file:
        file.write(header)
        for _ in range(n_bytes // 10**6):
            file.write(bytes(10**6))


def peak_of(read, path, message):
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=message):
            read(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_a_small_gzip_of_a_huge_array_is_refused(tmp_path):
    path = tmp_path / "bomb.gz"
    compressed_zeros(path, of_zeros(300), 300 * 10**6, gzip.open)
    assert path.stat().st_size < 10**6
    message = r"bomb\.gz: the file may be a decompression bomb.*100 times its own size"
    assert peak_of(read_idx, path, message) < 2 * (64 << 20)


@pytest.mark.slow
def test_a_small_gzip_of_an_array_of_some_size_is_read(tmp_path):
    path = tmp_path / "zeros.gz"
    compressed_zeros(path, of_zeros(60), 60 * 10**6, gzip.open)
    assert read_idx(path).shape == (60, 1000, 1000)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ending", "opened"), [(".gz", gzip.open), (".bz2", bz2.open), (".xz", lzma.open)]
)
def test_a_huge_field_takes_no_memory(tmp_path, ending, opened):
    path = tmp_path / f"field.csv{ending}"
    compressed_zeros(path, b"label,pixel1\n1,", 60 * 10**6, opened)
    assert peak_of(read_fashion_csv, path, "a line has more than 16,777,216 bytes") < 64 << 20


def test_a_small_archive_of_many_rows_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("skfashion._files._MAX_UNPACKED", 10**6)
    text = "label,pixel1\n" + "1,0\n" * 500_000
    with gzip.open(tmp_path / "rows.csv.gz", "wt") as file:
        file.write(text)
    with zipfile.ZipFile(tmp_path / "rows.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows.csv", text)
    for name in ("rows.csv.gz", "rows.zip"):
        with pytest.raises(ValueError, match=rf"{name}.*decompression bomb"):
            read_fashion_csv(tmp_path / name)


@pytest.mark.parametrize(
    "text", ["label,pixel1,{}\n1,2,3\n", "label,pixel1\n1,{}\n", 'label,pixel1\n1,2\n1,"{}\n']
)
def test_errors_quote_no_more_than_one_reads(tmp_path, text):
    path = tmp_path / "long.csv"
    path.write_text(text.format("x" * 10**6))
    with pytest.raises(ValueError, match=r"long\.csv") as raised:
        read_fashion_csv(path)
    assert len(str(raised.value)) < 1000


@pytest.mark.parametrize(
    "value",
    ["254.99999999999999999", "0.00000000000000000001", "-1e-30", "1e400", "1e-400", "snan"],
)
def test_a_fraction_is_no_whole_number_however_small(tmp_path, value):
    path = tmp_path / "fraction.csv"
    path.write_text(f"label,pixel1\n1,255.0\n2,{value}\n")
    with pytest.raises(ValueError, match=rf"column 'pixel1', row 2, found '{value}'"):
        read_fashion_csv(path)


def test_whole_numbers_are_read_in_all_forms(tmp_path):
    path = tmp_path / "forms.csv"
    path.write_text("label,pixel1,pixel2\n1,255.0,1e2\n2.0, 7 ,+3.\n3,00,0.0e5\n")
    X, y = read_fashion_csv(path)
    assert X.tolist() == [[255, 100], [7, 3], [0, 0]]
    assert y.tolist() == [1, 2, 3]


def test_rows_are_counted_over_all_parts_of_text(tmp_path, monkeypatch):
    monkeypatch.setattr(_csv, "_VALUES_AT_ONCE", 60)
    path = tmp_path / "parts.csv"
    path.write_text("label,pixel1\n" + "1,2.0\n" * 50 + "1,2.5\n")
    with pytest.raises(ValueError, match=r"row 51, found '2\.5'"):
        read_fashion_csv(path)


@pytest.mark.parametrize("name", ["a.csv.zst", "a.csv.tar", "two.zip", "encrypted.zip", "cut.zip"])
def test_what_is_not_read_is_refused_in_one_way(tmp_path, name):
    path = tmp_path / name
    content = b"\x28\xb5\x2f\xfd\0\1" * 9
    if name.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.csv", "label,pixel1\n1,2\n")
            if name == "two.zip":
                archive.writestr("b.csv", "label,pixel1\n1,2\n")
        content = path.read_bytes()
    if name == "encrypted.zip":  # the flag, in both headers
        content = content.replace(b"PK\3\4\x14\0\0", b"PK\3\4\x14\0\1")
        content = content.replace(b"PK\1\2\x14\3\x14\0\0", b"PK\1\2\x14\3\x14\0\1")
    if name == "cut.zip":
        content = content[: len(content) // 2]
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name}: expected a CSV file.* cannot be read"):
        read_fashion_csv(path)
