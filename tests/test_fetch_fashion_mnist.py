"""fetch_fashion_mnist: where it looks, what it refuses, and what an ill-fated download leaves.

Small files stand in for the real ones, a server on 127.0.0.1 for the mirrors. Tests of the real
data are at the end.
"""

import errno
import gzip
import hashlib
import io
import itertools
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import requests

import skfashion
from skfashion import _files
from skfashion.datasets import _download, _fashion_mnist, fetch_fashion_mnist

N_IMAGES = {"train": 12, "test": 5}
DOWNLOADED = ["skfashion-train-images-idx3-ubyte.gz", "skfashion-train-labels-idx1-ubyte.gz"]


def to_idx(array):
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


@pytest.fixture
def arrays(monkeypatch, tmp_path):
    """Stand-in arrays by file name, and a machine on which there is no copy of any data."""
    rng = np.random.default_rng(0)
    arrays, table = {}, {}
    for split, files in _fashion_mnist._FILES.items():
        table[split] = []
        for file in files:
            shape = (N_IMAGES[split], *file.shape[1:])
            array = rng.integers(0, 256 if len(shape) > 1 else 10, shape, dtype=np.uint8)
            arrays[file.name] = array
            digest = hashlib.sha256(to_idx(array)).hexdigest()
            table[split].append(_fashion_mnist._IdxFile(file.name, shape, digest))
    monkeypatch.setattr(_fashion_mnist, "_FILES", table)
    monkeypatch.setattr(_fashion_mnist, "_MIRRORS", ())
    monkeypatch.setattr(_fashion_mnist, "_SYSTEM_FOLDER", str(tmp_path / "system"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("SKFASHION_DATA", raising=False)
    return arrays


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


def put(folder, arrays, *, compress=True, only=""):
    """Write the stand-in files whose names contain `only`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        if only in name:
            content = to_idx(array)
            path = folder / (f"{name}.gz" if compress else name)
            path.write_bytes(gzip.compress(content) if compress else content)
    return folder


def names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


# The server. A mirror is a function of the request handler and the right content.


def good(handler, content):
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def cut_off(handler, content):
    """End the connection half way, though all was promised."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2])


def cut_off_unnoticed(handler, content):
    """Promise and send the first half only: no layer below the checks can know."""
    good(handler, content[: len(content) // 2])


def server_error(handler, content):
    handler.send_error(500)


def web_page(handler, content):
    good(handler, b"<html>The file has moved.</html>")


def other_data(handler, content):
    """Send a whole and valid file in which one byte differs."""
    content = bytearray(gzip.decompress(content))
    content[-1] ^= 1
    good(handler, gzip.compress(content))


def endless(handler, content):
    handler.send_response(200)
    handler.end_headers()
    chunk = bytes(1 << 20)
    for _ in range(200):
        try:
            handler.wfile.write(chunk)
        except OSError:  # the client has hung up, as it should
            handler.server.hung_up.append(handler.path)
            return


def redirects(handler, content):
    handler.send_response(302)
    handler.send_header("Location", handler.path.replace("/0/", "/1/"))
    handler.end_headers()


# Mirrors that would never end, and are quick only in waiting for more.


def drip(handler, start, drop):
    """Send a little again and again, until the client hangs up."""
    try:
        handler.wfile.write(start)
        while True:
            handler.wfile.write(drop)
            time.sleep(0.001)
    except OSError:
        handler.server.left.set()


def drips_bytes(handler, content):
    drip(handler, b"HTTP/1.1 200 OK\r\n\r\n", b"\0")


def drips_a_header(handler, content):
    drip(handler, b"HTTP/1.1 200 OK\r\nX: ", b"x")


def drips_continue(handler, content):
    drip(handler, b"", b"HTTP/1.1 100 Continue\r\n\r\n")


def drips_trailers(handler, content):
    start = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n"
    drip(handler, start % (len(content), content), b"X: y\r\n")


SLOW_MIRRORS = [drips_bytes, drips_a_header, drips_continue, drips_trailers]


@pytest.fixture
def slow_clock(monkeypatch):
    """A clock by which each look at it takes a second."""
    monkeypatch.setattr(_download, "monotonic", itertools.count().__next__)


@pytest.fixture
def serve(arrays, monkeypatch):
    """Serve the stand-in files by mirrors of the given kinds, and note each request."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.requests.append(self.path)
            assert self.headers["Accept-Encoding"] == "identity"
            _, mirror, name = self.path.split("/")
            content = gzip.compress(to_idx(arrays[name.removesuffix(".gz")]))
            server.mirrors[int(mirror)](self, content)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.requests, server.hung_up, server.left = [], [], threading.Event()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()

    def serve(*mirrors):
        server.mirrors = mirrors
        base = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(
            _fashion_mnist, "_MIRRORS", tuple(f"{base}/{i}/" for i in range(len(mirrors)))
        )
        return server

    yield serve
    server.shutdown()
    thread.join()
    server.server_close()


# What is returned


@pytest.mark.parametrize(("subset", "n"), [("train", 12), ("test", 5), ("all", 17)])
def test_bunch(arrays, home, subset, n):
    put(home, arrays)
    bunch = fetch_fashion_mnist(subset=subset, data_home=home)
    assert (bunch.data.shape, bunch.data.dtype) == ((n, 784), np.uint8)
    assert (bunch.target.shape, bunch.target.dtype) == ((n,), np.int64)
    assert bunch.images.shape == (n, 28, 28)
    assert np.shares_memory(bunch.images, bunch.data)
    np.testing.assert_array_equal(bunch.images.reshape(n, 784), bunch.data)
    parts = {"train": ["train"], "test": ["t10k"], "all": ["train", "t10k"]}[subset]
    for what, found in (("images-idx3", bunch.images), ("labels-idx1", bunch.target)):
        expected = np.concatenate([arrays[f"{part}-{what}-ubyte"] for part in parts])
        np.testing.assert_array_equal(found, expected)
    assert bunch.target_names[[0, 9]].tolist() == ["T-shirt/top", "Ankle boot"]
    assert len(bunch.target_names) == 10
    assert bunch.feature_names[::783] == ["pixel1", "pixel784"]
    assert "Zalando" in bunch.DESCR
    assert bunch.frame is None


def test_other_forms_of_return(arrays, home):
    put(home, arrays)
    bunch = fetch_fashion_mnist(data_home=home)
    X, y = fetch_fashion_mnist(data_home=str(home), return_X_y=True)
    np.testing.assert_array_equal(X, bunch.data)
    np.testing.assert_array_equal(y, bunch.target)

    framed = fetch_fashion_mnist(data_home=home, as_frame=True)
    assert list(framed.data.columns) == bunch.feature_names
    assert (framed.data.dtypes == np.uint8).all()
    assert (framed.target.name, framed.target.dtype) == ("label", np.int64)
    np.testing.assert_array_equal(framed.data, X)
    np.testing.assert_array_equal(framed.images, bunch.images)
    pd.testing.assert_frame_equal(framed.frame, framed.data.assign(label=framed.target))
    X_frame, y_frame = fetch_fashion_mnist(data_home=home, return_X_y=True, as_frame=True)
    pd.testing.assert_frame_equal(X_frame, framed.data)
    pd.testing.assert_series_equal(y_frame, framed.target)


@pytest.mark.parametrize(
    "parameters",
    [
        {"subset": "validation"},
        {"data_home": 1},
        {"return_X_y": "yes"},
        {"as_frame": None},
        {"download_if_missing": 2},
        {"n_retries": 0},
        {"delay": -1},
    ],
)
def test_parameters_are_validated(arrays, parameters):
    with pytest.raises(ValueError, match=f"'{next(iter(parameters))}' parameter"):
        fetch_fashion_mnist(**parameters)


@pytest.mark.slow
def test_import_is_light():
    # scikit-learn loads pandas itself, in some of its versions.
    code = (
        "import sys, sklearn.utils._param_validation\n"
        "before = set(sys.modules)\n"
        "import skfashion.datasets\n"
        "heavy = {'keras', 'pandas', 'pooch', 'requests', 'tensorflow', 'tqdm'}\n"
        "sys.exit(' '.join(heavy & set(sys.modules) - before) or 0)"
    )
    run_python(code)


# Where it looks


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("place", ["home", "keras/datasets/fashion-mnist", "system"])
def test_each_place_is_searched_without_a_download(arrays, tmp_path, home, place, compress):
    put(tmp_path / place, arrays, compress=compress)
    before = names(tmp_path / place)
    bunch = fetch_fashion_mnist(data_home=home, download_if_missing=False)
    np.testing.assert_array_equal(bunch.images, arrays["train-images-idx3-ubyte"])
    assert names(tmp_path / place) == before
    assert place == "home" or not home.exists()


def test_files_may_lie_in_different_places(arrays, tmp_path, home):
    put(home, arrays, only="images")
    put(tmp_path / "system", arrays, only="labels", compress=False)
    fetch_fashion_mnist(subset="all", data_home=home, download_if_missing=False)


def test_environment_variable_and_default_name_data_home(arrays, tmp_path, home, monkeypatch):
    monkeypatch.setattr("pooch.os_cache", lambda project: tmp_path / "cache" / project)
    with pytest.raises(OSError, match="cache/skfashion"):
        fetch_fashion_mnist(download_if_missing=False)
    put(tmp_path / "cache" / "skfashion", arrays, only="train")
    fetch_fashion_mnist(download_if_missing=False)
    monkeypatch.setenv("SKFASHION_DATA", "")
    fetch_fashion_mnist(download_if_missing=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SKFASHION_DATA", "~/elsewhere")
    put(tmp_path / "elsewhere", arrays, only="t10k")
    fetch_fashion_mnist(subset="test", download_if_missing=False)
    with pytest.raises(OSError, match="home/t10k"):  # the argument goes before the variable
        fetch_fashion_mnist(subset="test", data_home=home, download_if_missing=False)


def test_nothing_found_and_no_download(arrays, tmp_path, home):
    with pytest.raises(OSError, match="`download_if_missing` is False") as raised:
        fetch_fashion_mnist(data_home=home, download_if_missing=False)
    message = str(raised.value)
    for place in (home, tmp_path / "keras/datasets/fashion-mnist", tmp_path / "system"):
        assert f"{place}/train-images-idx3-ubyte.gz: no such file" in message
        assert f"{place}/train-images-idx3-ubyte: no such file" in message
    assert "apt-get install dataset-fashion-mnist" in message
    assert "SKFASHION_DATA" in message
    assert not home.exists()


@pytest.fixture
def no_home(monkeypatch, tmp_path):
    """A user of a number only, as in many a container."""
    pwd = pytest.importorskip("pwd")

    def getpwuid(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    for name in ("HOME", "KERAS_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", getpwuid)
    monkeypatch.chdir(tmp_path)  # where a folder called "~" may lie in wait


def test_without_a_home_named_folders_do(arrays, tmp_path, home, serve, no_home):
    server = serve(good)
    bunch = fetch_fashion_mnist(data_home=home)
    np.testing.assert_array_equal(bunch.images, arrays["train-images-idx3-ubyte"])
    assert names(home) == DOWNLOADED
    put(tmp_path / "system", arrays, only="t10k")
    fetch_fashion_mnist(subset="test")
    assert len(server.requests) == 2
    assert names(tmp_path) == ["home", "system"]


def test_files_that_keras_has_stored_are_found(arrays, tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    put(tmp_path / ".keras" / "datasets" / "fashion-mnist", arrays)
    found = fetch_fashion_mnist(data_home=tmp_path / "empty", download_if_missing=False)
    assert len(found.data) == N_IMAGES["train"]


@pytest.mark.parametrize("data_home", [None, "~/data"])
def test_without_a_home_nothing_is_read_from_or_stored_in_its_stead(
    arrays, tmp_path, serve, no_home, data_home
):
    server = serve(good)
    put(tmp_path / "~" / "data", arrays)
    put(tmp_path / "~" / ".cache" / "skfashion", arrays)
    put(tmp_path / "~" / ".keras" / "datasets" / "fashion-mnist", arrays)
    folder = r"~/\.cache/skfashion" if data_home is None else "~/data"
    with pytest.raises(OSError, match=rf"stored in {folder}: ~ cannot.*by data_home"):
        fetch_fashion_mnist(data_home=data_home)
    assert server.requests == []
    with pytest.raises(OSError, match=r"skfashion-train-images.*: ~ cannot be expanded: the"):
        fetch_fashion_mnist(data_home=data_home, download_if_missing=False)


# Files on this machine that are not what they should be


def flip(path):
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[-1] ^= 1
    path.write_bytes(gzip.compress(content))


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def trade_magic(path):
    content = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(b"\0\0\x08\x01" + content[4:]))


def drop_an_image(path):
    content = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(struct.pack(">4I", 2051, 11, 28, 28) + content[16:-784]))


def promise_a_terabyte(path):
    path.write_bytes(gzip.compress(struct.pack(">4I", 2051, 1 << 30, 32, 32) + bytes(100)))


def make_folder(path):
    path.unlink()
    path.mkdir()


DAMAGES = [
    (flip, "expected the SHA-256 .* of the decompressed"),
    (truncate, "complete gzip stream"),
    (trade_magic, r"expected an array of shape \(12, 28, 28\)"),
    (drop_an_image, r"header that promises \(11, 28, 28\)"),
    (promise_a_terabyte, r"header that promises \(1073741824, 32, 32\)"),
    (make_folder, "Is a directory"),
]


@pytest.mark.parametrize(("damage", "reason"), DAMAGES)
def test_damaged_copy_is_passed_over_with_a_warning(arrays, tmp_path, home, damage, reason):
    put(home, arrays)
    put(tmp_path / "system", arrays)
    path = home / "train-images-idx3-ubyte.gz"
    damage(path)
    before = None if path.is_dir() else path.read_bytes()
    with pytest.warns(UserWarning, match=reason) as warned:
        bunch = fetch_fashion_mnist(data_home=home, download_if_missing=False)
    assert str(path) in str(warned[0].message)
    assert warned[0].filename == __file__
    assert len(warned) == 1
    np.testing.assert_array_equal(bunch.images, arrays["train-images-idx3-ubyte"])
    assert path.is_dir() or path.read_bytes() == before


@pytest.mark.parametrize(("damage", "reason"), DAMAGES)
def test_damaged_copy_alone_is_an_error(arrays, home, damage, reason):
    put(home, arrays)
    path = home / "train-images-idx3-ubyte.gz"
    damage(path)
    with (
        pytest.warns(UserWarning, match="is ignored"),
        pytest.raises(OSError, match=reason) as raised,
    ):
        fetch_fashion_mnist(data_home=home, download_if_missing=False)
    assert str(path) in str(raised.value)


def test_images_and_labels_of_different_lengths(arrays, home):
    put(home, arrays)
    labels = home / "train-labels-idx1-ubyte.gz"
    (home / "t10k-labels-idx1-ubyte.gz").replace(labels)
    with (
        pytest.warns(UserWarning, match="is ignored"),
        pytest.raises(OSError, match=r"shape \(12,\), found a header that promises \(5,\)"),
    ):
        fetch_fashion_mnist(data_home=home, download_if_missing=False)


def test_damaged_download_is_replaced(arrays, home, serve):
    serve(good)
    fetch_fashion_mnist(data_home=home)
    flip(home / DOWNLOADED[0])
    with pytest.warns(UserWarning, match="SHA-256"):
        bunch = fetch_fashion_mnist(data_home=home)
    np.testing.assert_array_equal(bunch.images, arrays["train-images-idx3-ubyte"])
    fetch_fashion_mnist(data_home=home, download_if_missing=False)  # and warns no more


@pytest.mark.parametrize("compress", [True, False])
def test_files_of_others_in_data_home_are_never_replaced(arrays, home, serve, compress):
    """As MNIST's files, which have the same names."""
    serve(good)
    put(home, {name: 255 - array for name, array in arrays.items()}, compress=compress)
    before = {path: (path.stat().st_ino, path.read_bytes()) for path in home.iterdir()}
    with pytest.warns(UserWarning, match="is ignored.* MNIST, whose files have the same names"):
        bunch = fetch_fashion_mnist(subset="all", data_home=home)
    assert {path: (path.stat().st_ino, path.read_bytes()) for path in before} == before
    expected = np.concatenate([arrays["train-images-idx3-ubyte"], arrays["t10k-images-idx3-ubyte"]])
    np.testing.assert_array_equal(bunch.images, expected)
    assert len(names(home)) == 8
    again = fetch_fashion_mnist(subset="all", data_home=home, download_if_missing=False)
    np.testing.assert_array_equal(again.images, expected)  # and warns no more


# Downloads


def test_download_once_with_a_progress_bar(arrays, home, serve, capsys):
    server = serve(good)
    bunch = fetch_fashion_mnist(subset="test", data_home=home / "new")
    np.testing.assert_array_equal(bunch.images, arrays["t10k-images-idx3-ubyte"])
    assert names(home / "new") == [
        "skfashion-t10k-images-idx3-ubyte.gz",
        "skfashion-t10k-labels-idx1-ubyte.gz",
    ]
    assert len(server.requests) == 2
    printed = capsys.readouterr()
    assert "t10k-images-idx3-ubyte.gz: 100%" in printed.err
    assert printed.out == ""
    fetch_fashion_mnist(subset="test", data_home=home / "new")
    assert len(server.requests) == 2
    assert capsys.readouterr() == ("", "")


def test_downloaded_file_has_the_usual_permissions(arrays, home, serve):
    serve(good)
    fetch_fashion_mnist(data_home=home)
    (home / "usual").touch()
    usual = (home / "usual").stat().st_mode
    assert (home / DOWNLOADED[0]).stat().st_mode == usual


BAD_MIRRORS = [cut_off, cut_off_unnoticed, server_error, web_page, other_data, endless, redirects]


@pytest.mark.parametrize("bad", BAD_MIRRORS)
def test_second_mirror_helps_when_the_first_is_bad(arrays, home, serve, bad):
    server = serve(bad, good)
    bunch = fetch_fashion_mnist(data_home=home, n_retries=1)
    np.testing.assert_array_equal(bunch.images, arrays["train-images-idx3-ubyte"])
    assert names(home) == DOWNLOADED
    if bad is endless:
        assert server.hung_up


@pytest.mark.parametrize("bad", BAD_MIRRORS)
def test_bad_mirrors_alone_are_an_error_and_leave_nothing(arrays, home, serve, monkeypatch, bad):
    waited = []
    server = serve(bad, server_error)
    monkeypatch.setattr("time.sleep", lambda s: waited.append((s, len(server.requests))))
    with pytest.raises(OSError, match="No good copy of Fashion-MNIST") as raised:
        fetch_fashion_mnist(data_home=home, n_retries=2, delay=0.25)
    assert names(home) == []
    assert [request[1] for request in server.requests] == ["0", "1", "0", "1"]
    assert [n for seconds, n in waited if seconds == 0.25] == [2]
    for mirror in _fashion_mnist._MIRRORS:
        assert f"\n  {mirror}train-images-idx3-ubyte.gz: " in str(raised.value)
    assert "500 Server Error" in str(raised.value)
    assert f"{home}/." not in str(raised.value)
    if bad is redirects:
        assert "expected a file, found 302" in str(raised.value)


@pytest.mark.parametrize("slow", SLOW_MIRRORS)
def test_second_mirror_helps_when_the_first_is_too_slow(arrays, home, serve, slow_clock, slow):
    server = serve(slow, good)
    bunch = fetch_fashion_mnist(data_home=home, n_retries=1)
    np.testing.assert_array_equal(bunch.images, arrays["train-images-idx3-ubyte"])
    assert names(home) == DOWNLOADED
    assert server.left.wait(60)


@pytest.mark.parametrize("slow", SLOW_MIRRORS)
def test_slow_mirrors_alone_are_an_error_and_leave_nothing(arrays, home, serve, slow_clock, slow):
    serve(slow)
    with pytest.raises(OSError, match=r"16,384 bytes per second .*found [\d,]+ bytes in 3\d sec"):
        fetch_fashion_mnist(data_home=home, n_retries=1)
    assert names(home) == []


def test_mirror_that_says_nothing(arrays, home, serve, monkeypatch):
    monkeypatch.setattr(_download, "_PATIENCE", 0.1)
    serve(lambda handler, content: handler.rfile.read(1))  # until the client hangs up
    with pytest.raises(OSError, match="timed out"):
        fetch_fashion_mnist(data_home=home, n_retries=1)
    assert names(home) == []


def test_mirror_that_drips_its_greeting(arrays, home, monkeypatch):
    """An https one, whose record of 16 KiB never ends."""
    monkeypatch.setattr(_download, "_PATIENCE", 0.1)
    left = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet():
            connection, _ = server.accept()
            handler = SimpleNamespace(
                wfile=connection.makefile("wb", buffering=0), server=SimpleNamespace(left=left)
            )
            drip(handler, b"\x16\x03\x03\x40\0\x02\0\x3f\xfc\x03\x03", b"\0")
            handler.wfile.close()
            connection.close()

        thread = threading.Thread(target=greet)
        thread.start()
        mirror = f"https://127.0.0.1:{server.getsockname()[1]}/"
        monkeypatch.setattr(_fashion_mnist, "_MIRRORS", (mirror,))
        with pytest.raises(OSError, match="timed out"):
            fetch_fashion_mnist(data_home=home, n_retries=1)
        thread.join()
    assert left.is_set()
    assert names(home) == []


def test_bytes_received_lengthen_the_time_that_a_download_may_take(monkeypatch):
    seconds = 0
    monkeypatch.setattr(_download, "monotonic", lambda: seconds)
    allowance = _download._Allowance(1 << 30)
    seconds = _download._PATIENCE + 10
    allowance.take(10 * _download._LEAST_RATE)
    seconds += 1
    with pytest.raises(ValueError, match="found 163,840 bytes in 41 seconds"):
        allowance.take(0)


def test_mirrors_without_https_come_last():
    schemes = [mirror.partition(":")[0] for mirror in _fashion_mnist._MIRRORS]
    assert schemes[0] == "https"
    assert schemes == sorted(schemes, reverse=True)


def test_retry_after_a_bad_moment(arrays, home, serve):
    attempts = []

    def recovers(handler, content):
        attempts.append(handler.path)
        (cut_off if len(attempts) == 1 else good)(handler, content)

    serve(recovers)
    fetch_fashion_mnist(data_home=home, n_retries=2, delay=0)
    assert len(attempts) == 3


def test_mirror_that_does_not_answer(arrays, home, monkeypatch):
    monkeypatch.setattr(_fashion_mnist, "_MIRRORS", ("http://127.0.0.1:1/",))
    with pytest.raises(OSError, match="refused"):
        fetch_fashion_mnist(data_home=home, n_retries=1)
    assert names(home) == []


def test_full_disk(arrays, home, serve, monkeypatch):
    def copyfileobj(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_download, "copyfileobj", copyfileobj)
    server = serve(good, good)
    with pytest.raises(OSError, match=r"could not be stored.*No space left.*Make room") as raised:
        fetch_fashion_mnist(data_home=home)
    assert raised.value.errno == errno.ENOSPC
    assert names(home) == []
    assert len(server.requests) == 1  # another mirror would not make room


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_system_refuses_to_write_half_way(arrays, home, serve):
    serve(good)
    code = (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        f"    fetch_fashion_mnist(data_home={str(home)!r})\n"
        "except OSError as error:\n"
        "    assert 'File too large' in str(error), error\n"
        "else:\n"
        "    raise AssertionError('no error')\n"
    )
    run_python(stand_in_code() + code)
    assert names(home) == []


def test_data_home_that_cannot_be_written_to(arrays, home, serve, monkeypatch):
    server = serve(good)
    home.write_text("a file, not a folder")
    with pytest.raises(OSError, match=r"could not be stored in .*home.*data_home"):
        fetch_fashion_mnist(data_home=home)
    with pytest.raises(NotADirectoryError, match=r"could not be stored in .*below"):
        fetch_fashion_mnist(data_home=home / "below")

    def mkdir(self, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", mkdir)
    with pytest.raises(PermissionError, match=r"could not be stored.*Permission denied"):
        fetch_fashion_mnist(data_home=home / "new")
    assert server.requests == []


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs signals to threads")
def test_interrupted_download_leaves_nothing(arrays, home, serve, ctrl_c):
    hang_up = threading.Event()

    def interrupts(handler, content):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[: len(content) // 2])
        handler.wfile.flush()
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        hang_up.wait(10)

    serve(interrupts)
    try:
        with pytest.raises(KeyboardInterrupt):
            fetch_fashion_mnist(data_home=home)
    finally:
        hang_up.set()
    assert names(home) == []
    serve(good)
    fetch_fashion_mnist(data_home=home)


def test_interrupted_check_leaves_nothing(arrays, home, serve, monkeypatch):
    def load_idx(path, **kwargs):
        if path.exists():
            raise KeyboardInterrupt
        raise FileNotFoundError

    serve(good)
    monkeypatch.setattr(_fashion_mnist, "load_idx", load_idx)
    with pytest.raises(KeyboardInterrupt):
        fetch_fashion_mnist(data_home=home)
    assert names(home) == []


@pytest.mark.slow
def test_two_processes_fetch_at_once(arrays, home, serve):
    both = threading.Barrier(2)

    def waits_for_both(handler, content):
        if "train-images" in handler.path:
            both.wait(30)
        good(handler, content)

    serve(waits_for_both)
    code = stand_in_code() + (
        f"bunch = fetch_fashion_mnist(data_home={str(home)!r})\n"
        f"assert bunch.images.sum() == {arrays['train-images-idx3-ubyte'].sum()}\n"
    )
    with start_python(code) as one, start_python(code) as other:
        for process in (one, other):
            output, _ = process.communicate(timeout=60)
            assert process.returncode == 0, output
    assert not both.broken
    assert names(home) == DOWNLOADED
    fetch_fashion_mnist(data_home=home, download_if_missing=False)


def stand_in_code():
    """Return code by which another process uses this one's stand-ins."""
    settings = {
        name: getattr(_fashion_mnist, name) for name in ("_FILES", "_MIRRORS", "_SYSTEM_FOLDER")
    }
    return (
        "from skfashion.datasets import _download, _fashion_mnist, fetch_fashion_mnist\n"
        "from skfashion.datasets._fashion_mnist import _IdxFile\n"
        f"vars(_fashion_mnist).update({settings!r})\n"
    )


def start_python(code):
    # Run where the package lies, so that it is found whether or not it is installed.
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code],
        cwd=Path(skfashion.__file__).parents[1],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run_python(code):
    with start_python(code) as process:
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output


@pytest.mark.slow
@pytest.mark.skipif(_files.fcntl is None, reason="needs locks of fcntl")
def test_what_a_killed_download_has_left_goes_with_the_next(arrays, home, serve):
    half = threading.Event()

    def hangs(handler, content):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[: len(content) // 2])
        half.set()
        handler.rfile.read(1)  # until the client is dead

    serve(hangs)
    with start_python(stand_in_code() + f"fetch_fashion_mnist(data_home={str(home)!r})") as process:
        assert half.wait(60)
        assert len(names(home)) == 1
        process.kill()
    assert len(names(home)) == 1
    serve(good)
    fetch_fashion_mnist(data_home=home)
    assert names(home) == DOWNLOADED


def test_downloads_write_through_no_link(arrays, home, serve, monkeypatch):
    """Neither one of the name they end with, nor one of the name they begin with."""
    serve(good)
    mine = home.parent / "mine"
    mine.write_text("mine")
    home.mkdir()
    (home / DOWNLOADED[0]).symlink_to(mine)
    with pytest.warns(UserWarning, match="expected an IDX file"):
        fetch_fashion_mnist(data_home=home)
    assert mine.read_text() == "mine"
    assert names(home) == DOWNLOADED

    mkdtemp = tempfile.mkdtemp

    def planted(**kwargs):
        folder = mkdtemp(**kwargs)
        (Path(folder) / "skfashion-t10k-images-idx3-ubyte.gz").symlink_to(mine)
        return folder

    monkeypatch.setattr(tempfile, "mkdtemp", planted)
    with pytest.raises(FileExistsError, match="could not be stored"):
        fetch_fashion_mnist(subset="test", data_home=home)
    assert mine.read_text() == "mine"


# The real data set


@pytest.mark.real_data
def test_real_data(real_fashion_mnist):
    assert real_fashion_mnist.images.shape == (70_000, 28, 28)
    for part in (real_fashion_mnist.target[:60_000], real_fashion_mnist.target[60_000:]):
        np.testing.assert_array_equal(np.bincount(part), [len(part) // 10] * 10)
    # The mean of the training pixels, as published with many a model: 0.2860 of 255.
    assert real_fashion_mnist.data[:60_000].mean() / 255 == pytest.approx(0.2860, abs=1e-4)
    assert real_fashion_mnist.target[:5].tolist() == [9, 0, 0, 3, 0]


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize(
    ("subset", "rows"), [("train", slice(60_000)), ("test", slice(60_000, None))]
)
def test_real_subsets(real_fashion_mnist, subset, rows):
    X, y = fetch_fashion_mnist(subset=subset, return_X_y=True, download_if_missing=False)
    np.testing.assert_array_equal(X, real_fashion_mnist.data[rows])
    np.testing.assert_array_equal(y, real_fashion_mnist.target[rows])


def test_a_download_may_have_as_many_bytes_as_promised_and_no_more():
    allowance = _download._Allowance(10)
    allowance.take(4)
    allowance.take(6)
    with pytest.raises(ValueError, match="more bytes than it can have"):
        allowance.take(1)


def test_downloads_by_both_schemes_are_limited(monkeypatch):
    mounted = {}

    def get(session, url, **options):
        mounted.update(session.adapters)
        raise requests.ConnectionError("not in a test")

    monkeypatch.setattr(requests.Session, "get", get)
    with pytest.raises(ValueError, match="not in a test"):
        _download.download("https://example.invalid", io.BytesIO(), n_bytes=10, name="file")
    for scheme in ("http://", "https://"):
        assert isinstance(mounted[scheme], _download._Adapter)
