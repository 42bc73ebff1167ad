"""read_idx and read_fashion_csv: what they accept, and that they accept nothing else."""

import bz2
import gzip
import lzma
import re
import struct
import tracemalloc
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from skfashion.datasets import _csv, fetch_fashion_mnist, read_fashion_csv, read_idx

# The function-scoped tmp_path is shared by the examples; each overwrites the file of the last.
shared_folder = settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
uint8_arrays = npst.arrays(np.uint8, npst.array_shapes(min_dims=1, max_dims=5, min_side=0))


def to_idx(array):
    return (
        bytes([0, 0, 8, array.ndim])
        + struct.pack(f">{array.ndim}I", *array.shape)
        + np.ascontiguousarray(array).tobytes()
    )


def write(path, content):
    path.write_bytes(content)
    return path


def attempt(read, path):
    """Return what `read` returns and None, or None and the message of its ValueError."""
    try:
        return read(path), None
    except ValueError as error:
        return None, str(error)


def peak_memory(function):
    """Return the most bytes that `function`, which must raise ValueError, held at one time."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="expected"):
            function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# read_idx


@pytest.mark.slow
@given(array=uint8_arrays, compress=st.booleans())
@shared_folder
def test_idx_round_trip(tmp_path, array, compress):
    content = to_idx(array)
    path = write(tmp_path / "file", gzip.compress(content, mtime=0) if compress else content)
    found = read_idx(path)
    assert found.dtype == np.uint8
    assert found.shape == array.shape
    np.testing.assert_array_equal(found, array)
    assert found.flags.writeable
    assert found.flags.c_contiguous


@pytest.mark.slow
@given(
    array=npst.arrays(np.uint8, npst.array_shapes(max_dims=3, max_side=6)),
    compress=st.booleans(),
    data=st.data(),
)
@shared_folder
def test_idx_mutated_files_are_refused_or_read_as_they_stand(tmp_path, array, compress, data):
    content = bytearray(to_idx(array))
    if compress:
        content = bytearray(gzip.compress(content, mtime=0))
    for _ in range(data.draw(st.integers(1, 3))):
        where = data.draw(st.integers(0, len(content)))
        what = data.draw(st.binary(max_size=4))
        content[where : where + data.draw(st.integers(0, 4))] = what
    path = write(tmp_path / "file", content)
    found, message = attempt(read_idx, path)
    if message:
        assert str(path) in message
        return
    if content.startswith(b"\x1f\x8b"):
        content = gzip.decompress(content)
    assert to_idx(found) == content


@given(content=st.binary(max_size=64))
@shared_folder
def test_idx_any_header_is_cheap(tmp_path, content):
    path = write(tmp_path / "file", bytes([0, 0, 8]) + content)
    tracemalloc.start()
    attempt(read_idx, path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected an IDX file.*found an empty file"),
        (b"\0\0", "expected an IDX file.*found 00 00"),
        (b"<html>no such file</html>", "expected an IDX file.*found 3c 68 74 6d"),
        (b"\0\0\x09\x01\0\0\0\x01\0", r"of type 0x08.*0x09 \(signed byte\)"),
        (b"\0\0\x0b\x01\0\0\0\x01\0\0", r"of type 0x08.*0x0b \(short\)"),
        (b"\0\0\x0c\x01\0\0\0\x01\0\0\0\0", r"of type 0x08.*0x0c \(int\)"),
        (b"\0\0\x0d\x01\0\0\0\x01\0\0\0\0", r"expected IDX values of type 0x08.*0x0d \(float\)"),
        (b"\0\0\x0e\x01\0\0\0\x01" + bytes(8), r"of type 0x08.*0x0e \(double\)"),
        (b"\0\0\x07\x01\0\0\0\x01\0", r"expected IDX values of type 0x08.*0x07 \(no IDX type\)"),
        (b"\0\0\x08\0", "expected 1 to 32 dimensions, found 0"),
        (b"\0\0\x08\x21" + b"\0\0\0\x01" * 33 + b"\0", "expected 1 to 32 dimensions, found 33"),
        (b"\0\0\x08\x02\0\0\0\x01\0", "expected 2 sizes of 4 bytes each.*found 5 bytes"),
        (b"\0\0\x08\x01\0\0\0\x03ab", r"expected 3 bytes of data for shape \(3,\), found 2"),
        (b"\0\0\x08\x01\0\0\0\x03abcd", "expected 3 bytes of data.*trailing bytes"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "header is damaged"),
        (b"\0\0\x08\x04" + bytes(4) + b"\xff" * 12, "header is damaged"),
        # The greatest size that there can be, 2 ** 63 - 1, in factors.
        (
            b"\0\0\x08\x03" + struct.pack(">3I", 49 * 73 * 127, 337 * 92737, 649657),
            "expected 9223372036854775807 bytes of data.*found 0: it is truncated",
        ),
    ],
)
@pytest.mark.parametrize("compress", [False, True])
def test_idx_errors_say_what_was_expected_and_found(tmp_path, content, message, compress):
    path = write(tmp_path / "some-file", gzip.compress(content) if compress else content)
    with pytest.raises(ValueError, match=message) as raised:
        read_idx(path)
    assert str(path) in str(raised.value)


def test_idx_of_as_many_dimensions_as_numpy_holds(tmp_path):
    path = write(tmp_path / "file", b"\0\0\x08\x20" + b"\0\0\0\x01" * 32 + b"\x07")
    assert read_idx(path).shape == (1,) * 32


def test_idx_compression_is_told_by_content_not_by_name(tmp_path):
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    plain = write(tmp_path / "plain.gz", to_idx(array))
    compressed = write(tmp_path / "compressed", gzip.compress(to_idx(array)))
    np.testing.assert_array_equal(read_idx(plain), array)
    np.testing.assert_array_equal(read_idx(str(compressed)), array)


@pytest.mark.parametrize("damage", ["cut", "checksum", "middle", "garbage after"])
def test_idx_damaged_gzip_stream(tmp_path, damage):
    rng = np.random.default_rng(0)
    content = bytearray(gzip.compress(to_idx(rng.integers(0, 255, 5000).astype(np.uint8))))
    if damage == "cut":
        del content[-20:]
    elif damage == "checksum":
        content[-8] ^= 1
    elif damage == "middle":
        content[2000:2010] = bytes(10)
    else:
        content += b"garbage"
    path = write(tmp_path / "file.gz", content)
    with pytest.raises(ValueError, match="damaged or truncated"):
        read_idx(path)


@pytest.mark.parametrize("compress", [False, True])
def test_idx_header_that_promises_a_terabyte_takes_no_memory(tmp_path, compress):
    content = b"\0\0\x08\x02" + struct.pack(">2I", 1 << 20, 1 << 20) + bytes(1000)
    path = write(tmp_path / "file", gzip.compress(content) if compress else content)
    assert peak_memory(lambda: read_idx(path)) < 4_000_000


def test_idx_gzip_bomb_is_left_early(tmp_path):
    path = tmp_path / "bomb.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b"\0\0\x08\x01\0\0\0\x0a")
        for _ in range(64):
            file.write(bytes(1 << 20))
    assert peak_memory(lambda: read_idx(path)) < 4_000_000


def test_idx_missing_or_wrong_path(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_idx(tmp_path / "nowhere")
    with pytest.raises(IsADirectoryError):
        read_idx(tmp_path)
    with pytest.raises(ValueError, match="'path' parameter of read_idx"):
        read_idx(0)


# read_fashion_csv


def to_csv(X, y):
    lines = [",".join(["label", *(f"pixel{i}" for i in range(1, X.shape[1] + 1))])]
    lines += [",".join(map(str, [label, *row])) for label, row in zip(y, X, strict=True)]
    return "\n".join(lines) + "\n"


@given(data=st.data())
@settings(shared_folder, max_examples=40)
def test_csv_round_trip(tmp_path, data):
    shape = data.draw(npst.array_shapes(min_dims=2, max_dims=2, max_side=12))
    X = data.draw(npst.arrays(np.uint8, shape))
    y = data.draw(npst.arrays(np.int64, shape[0], elements=st.integers(0, 9)))
    path = tmp_path / "file.csv"
    path.write_text(to_csv(X, y))
    X_found, y_found = read_fashion_csv(path)
    assert (X_found.dtype, y_found.dtype) == (np.uint8, np.int64)
    assert X_found.flags.c_contiguous
    np.testing.assert_array_equal(X_found, X)
    np.testing.assert_array_equal(y_found, y)


@pytest.mark.slow
def test_csv_of_full_width_read_in_parts_and_compressed(tmp_path, monkeypatch):
    monkeypatch.setattr("skfashion.datasets._csv._VALUES_AT_ONCE", 7 * 785)
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (20, 784), dtype=np.uint8)
    y = rng.integers(0, 10, 20)
    text = to_csv(X, y)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text.encode()))
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("train.csv", text)
    for name in ("a.csv.gz", "b.zip"):
        X_found, y_found = read_fashion_csv(str(tmp_path / name))
        np.testing.assert_array_equal(X_found, X)
        np.testing.assert_array_equal(y_found, y)
    bad = X.astype(int)
    bad[15, 3] = 256
    (tmp_path / "bad.csv").write_text(to_csv(bad, y))
    with pytest.raises(ValueError, match="column 'pixel4', row 16, found '256'"):
        read_fashion_csv(tmp_path / "bad.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read: No columns"),
        ("label,pixel1\n", "at least one row below the header, found none"),
        ("9,1\n3,4\n", "expected column 1 to be 'label', found '9'"),
        ("label\n1\n", "expected column 2 to be 'pixel1', found None"),
        ("label,pixel2,pixel1\n1,2,3\n", "expected column 2 to be 'pixel1', found 'pixel2'"),
        ("label,pixel1,pixel3\n1,2,3\n", "expected column 3 to be 'pixel2', found 'pixel3'"),
        ("label,pixel1,pixel1\n1,2,3\n", "expected column 3 to be 'pixel2', found 'pixel1.1'"),
        ("label,pixel0,pixel1\n1,2,3\n", "expected column 2 to be 'pixel1', found 'pixel0'"),
        ("class,pixel1\n1,2\n", "expected column 1 to be 'label', found 'class'"),
        ("label,pixel1\n1,2\n1,-1\n", r"0\.\.255 in column 'pixel1', row 2, found '-1'"),
        ("label,pixel1,pixel2\n1,0,2\n1,2,-1\n", "column 'pixel2', row 2, found '-1'"),
        ("label,pixel1\n1,256\n", r"0\.\.255 in column 'pixel1', row 1, found '256'"),
        ("label,pixel1\n1,18446744073709551616\n", "found '18446744073709551616'"),
        ("label,pixel1\n1,0.5\n", "whole number.*found '0.5'"),
        ("label,pixel1\n1,1_0\n", "whole number.*found '1_0'"),
        ("label,pixel1\n1,\uff17\n", "whole number.*found '\uff17'"),
        ("label,pixel1\n1,1e9999999999999999999\n", "whole number.*found '1e9999999999999999999'"),
        ("label,pixel1\n1,inf\n", "whole number.*found 'inf'"),
        ("label,pixel1\n1,2\n2,abc\n", "column 'pixel1', row 2, found 'abc'"),
        ("label,pixel1\n1,True\n", "whole number.*found 'True'"),
        ("label,pixel1\n1,\x1d7\n", r"whole number.*found '\\x1d7'"),
        ("label,pixel1\n1,\u00a07\n", "whole number.*found "),
        ("label,pixel1\n1,2\n2,NaN\n", "column 'pixel1', row 2, found no value"),
        ("label,pixel1\n,2\n", "column 'label', row 1, found no value"),
        ("label,pixel1\n10,2\n", r"0\.\.9 in column 'label', row 1, found '10'"),
        ("label,pixel1\n-1,2\n", r"0\.\.9 in column 'label', row 1, found '-1'"),
        ("label,pixel1,pixel2\n1,2,3\n1,2\n", "column 'pixel2', row 2, found no value"),
        ("label,pixel1\n1,2\n1,2,3\n", "Expected 2 fields in line 3, saw 3"),
        # pandas would make an index of the labels: one in steps of the same size, as a range.
        ("label,pixel1\n1,2,3\n1,2,3\n", "Expected 2 fields in line 2, saw 3"),
        ("label,pixel1,pixel2\n0,1,2,3\n1,2,3,4\n", "Expected 3 fields in line 2, saw 4"),
        ("label,pixel1,pixel2\n\n5,1,2,3\n7,2,3,4\n", "Expected 3 fields in line 3, saw 4"),
        ("label,pixel1\n1,2,\n1,2,\n", "Expected 2 fields in line 2, saw 3"),
        ("pixel1,label\n5,1,2\n6,1,2\n", "Expected 2 fields in line 2, saw 3"),
        (",label,pixel1\n0,1,2\n", r"found 'Unnamed: 0'.*to_csv\(index=False\)"),
        ("pixel1,label,pixel2\n0,1,2\n", "expected column 1 to be 'label', found 'pixel1'"),
        ("pixel1,pixel3,label\n0,1,2\n", "expected column 2 to be 'pixel2', found 'pixel3'"),
        ('label,pixel1\n1,"2\n', "cannot be read"),
    ],
)
def test_csv_errors_name_file_column_and_row(tmp_path, text, message):
    path = tmp_path / "some.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message) as raised:
        read_fashion_csv(path)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.csv.bz2", "a.csv.xz", "a.zip"])
def test_csv_that_is_no_text_or_not_compressed_as_named(tmp_path, name):
    path = write(tmp_path / name, b"label,pixel1\n1,\xff\xfe\n")
    with pytest.raises(ValueError, match=r"cannot be read.*Check") as raised:
        read_fashion_csv(path)
    assert str(path) in str(raised.value)


def test_csv_damaged_inside_a_gzip_stream(tmp_path):
    content = bytearray(gzip.compress(to_csv(np.eye(200, dtype=int), np.zeros(200)).encode()))
    content[20:30] = b"\xff" * 10
    path = write(tmp_path / "a.csv.gz", content)
    with pytest.raises(ValueError, match="cannot be read: Error -3 while decompressing"):
        read_fashion_csv(path)


@pytest.mark.parametrize("module", [gzip, bz2, lzma])
def test_csv_that_is_cut_short(tmp_path, module):
    content = module.compress(b"label,pixel1\n" + 200 * b"1,2\n")
    ending = {gzip: "gz", bz2: "bz2", lzma: "xz"}[module]
    path = write(tmp_path / f"a.csv.{ending}", content[:-5])
    with pytest.raises(ValueError, match=r"expected a CSV file .* ended before"):
        read_fashion_csv(path)


def test_csv_other_values_far_below_are_named_without_a_warning(tmp_path):
    path = write(tmp_path / "a.csv", b"label,pixel1\n" + b"1,2\n" * 600_000 + b"1,abc\n")
    with pytest.raises(ValueError, match="column 'pixel1', row 600001, found 'abc'"):
        read_fashion_csv(path)


def test_csv_lines_are_as_long_as_the_limit(tmp_path, monkeypatch):
    path = write(tmp_path / "a.csv", b"label,pixel1,pixel2\n1,2,3\n1,2,00000000000000003\n1,2,3\n")
    monkeypatch.setattr(_csv, "_MAX_LINE_BYTES", 21)
    assert read_fashion_csv(path)[0].tolist() == [[2, 3]] * 3
    monkeypatch.setattr(_csv, "_MAX_LINE_BYTES", 20)
    with pytest.raises(ValueError, match="a line has more than 20 bytes"):
        read_fashion_csv(path)
    path.write_bytes(b"label,pixel1,pixel2\n1,2,3\n")
    monkeypatch.setattr(_csv, "_MAX_LINE_BYTES", 19)
    assert read_fashion_csv(path)[0].tolist() == [[2, 3]]
    monkeypatch.setattr(_csv, "_MAX_LINE_BYTES", 18)
    with pytest.raises(ValueError, match="a line has more than 18 bytes"):
        read_fashion_csv(path)


@pytest.mark.real_data
def test_csv_of_a_fetched_frame_reads_back(tmp_path, real_fashion_mnist):
    bunch = fetch_fashion_mnist(subset="test", as_frame=True)
    frame = bunch.frame.iloc[:30]
    frame.to_csv(tmp_path / "test.csv", index=False)
    X, y = read_fashion_csv(tmp_path / "test.csv")
    np.testing.assert_array_equal(X, bunch.data.iloc[:30])
    np.testing.assert_array_equal(y, bunch.target.iloc[:30])
    frame.to_csv(tmp_path / "index.csv")
    with pytest.raises(ValueError, match=r"to_csv\(index=False\)"):
        read_fashion_csv(tmp_path / "index.csv")


def test_csv_whole_numbers_may_have_a_decimal_point(tmp_path):
    path = tmp_path / "some.csv"
    path.write_text("label,pixel1,pixel2\n1.0,255.0,0\n\n2,7,8\n\n")
    X, y = read_fashion_csv(path)
    np.testing.assert_array_equal(X, [[255, 0], [7, 8]])
    np.testing.assert_array_equal(y, [1, 2])


@pytest.mark.slow
@given(data=st.data())
@settings(shared_folder, max_examples=60)
def test_csv_mutated_files_are_refused_or_in_range(tmp_path, data):
    content = bytearray(b"label,pixel1,pixel2\n1,2,3\n9,255,0\n4,17,200\n")
    for _ in range(data.draw(st.integers(1, 3))):
        where = data.draw(st.integers(20, len(content)))
        what = data.draw(st.text("0123456789,.-+eE\n \"'N\x00a", max_size=3)).encode()
        content[where : where + data.draw(st.integers(0, 3))] = what
    path = write(tmp_path / "file.csv", content)
    found, message = attempt(read_fashion_csv, path)
    if message:
        assert str(path) in message
        return
    X, y = found
    assert X.shape == (len(y), 2)
    # Nothing wrapped: Python's own reading of the text agrees, line by line.
    rows = [line.split(",") for line in content.decode().splitlines()[1:] if line.strip()]
    expected = [[float(v.strip().strip("\"'") or "nan") for v in row] for row in rows]
    np.testing.assert_array_equal(np.column_stack([y, X]), expected)


@pytest.mark.parametrize(
    ("n_values", "of_numbers", "of_texts"), [(400, 100, 10), (4, 1, 1), (2, 1, 1)]
)
def test_csv_a_part_of_the_rows_is_in_memory_and_fewer_of_texts(
    tmp_path, monkeypatch, n_values, of_numbers, of_texts
):
    path = write(tmp_path / "a.csv", b"label,pixel1,pixel2,pixel3\n" + 150 * b"9,1,2,255.0\n")
    monkeypatch.setattr(_csv, "_VALUES_AT_ONCE", n_values)
    chunks = []
    read_csv = pd.read_csv

    def read(file, **options):
        chunks.append(options.get("chunksize"))
        return read_csv(file, **options)

    monkeypatch.setattr(pd, "read_csv", read)
    X, y = read_fashion_csv(path)
    assert chunks == [None, of_numbers, None, of_texts]
    assert X.tolist() == [[1, 2, 255]] * 150
    assert y.tolist() == [9] * 150


def test_csv_all_bytes_are_read_without_a_look_at_the_texts(tmp_path, monkeypatch):
    lines = [f"{i % 10},{i},{255 - i}" for i in range(256)]
    path = write(tmp_path / "a.csv", "\n".join(["label,pixel1,pixel2", *lines]).encode())
    monkeypatch.setattr(_csv, "_parse_texts", None)
    X, y = read_fashion_csv(path)
    assert X.tolist() == [[i, 255 - i] for i in range(256)]
    assert y.tolist() == [i % 10 for i in range(256)]


def test_csv_without_labels(tmp_path):
    path = write(tmp_path / "a.csv", b"pixel1,pixel2\n1,2\n")
    with pytest.raises(ValueError, match="expected a column 'label', the first or the last one"):
        read_fashion_csv(path)


def test_csv_columns_of_another_name_come_up_to_80_characters(tmp_path):
    for name, shown in [(78 * "a", repr(78 * "a")), (79 * "a", "'" + 76 * "a" + "...")]:
        path = write(tmp_path / "a.csv", f"label,{name}\n1,2\n".encode())
        with pytest.raises(ValueError, match=f"to be 'pixel1', found {re.escape(shown)}"):
            read_fashion_csv(path)


def test_csv_missing_or_wrong_path(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_fashion_csv(tmp_path / "nowhere.csv")
    with pytest.raises(FileNotFoundError):
        read_fashion_csv("http://127.0.0.1/never-asked-for.csv")
    with pytest.raises(ValueError, match="'path' parameter of read_fashion_csv"):
        read_fashion_csv(0)
