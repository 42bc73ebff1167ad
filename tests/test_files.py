"""Files that are whole or absent, whatever they replace, and what kills leave behind."""

import errno
import io
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skfashion import _files
from skfashion._files import replacing, temporary_memmap
from skfashion.neural_network.training._checkpoint import Checkpoint

needs_locks = pytest.mark.skipif(_files.fcntl is None, reason="needs locks of fcntl")
needs_modes = pytest.mark.skipif(os.name == "nt", reason="needs the modes of POSIX")


def write(path, content=b"whole"):
    with replacing(path) as unfinished:
        unfinished.write_bytes(content)


# What is replaced


@needs_modes
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o444])
def test_a_file_keeps_its_mode_and_nobody_else_reads_it_before(tmp_path, mode):
    path = tmp_path / "file"
    path.write_bytes(b"before")
    path.chmod(mode)
    with replacing(path) as unfinished:
        unfinished.write_bytes(b"whole")
        assert unfinished.parent.stat().st_mode & 0o077 == 0
    assert path.read_bytes() == b"whole"
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_new_file_has_the_usual_mode(tmp_path):
    write(tmp_path / "file")
    (tmp_path / "usual").touch()
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.skipif(getattr(os, "geteuid", int)() != 0 or os.name == "nt", reason="needs root")
def test_a_file_keeps_its_owner_and_its_group(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"before")
    os.chown(path, 12345, 54321)
    path.chmod(0o660)
    write(path)
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 54321)
    assert stat.S_IMODE(path.stat().st_mode) == 0o660

    def chown(*args):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "chown", chown)
    write(path)  # as one who may not give it to that group: nor to another
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_a_link_leads_to_is_replaced_and_the_link_stays(tmp_path):
    for name in ("links", "files"):
        (tmp_path / name).mkdir()
    link, target = tmp_path / "links" / "network.keras", tmp_path / "files" / "0123"
    link.symlink_to(Path("..", "files", "0123"))
    for content in (b"new", b"newer"):
        with replacing(link) as unfinished:
            assert unfinished.suffix == ".keras"  # by which others know what to write
            unfinished.write_bytes(content)
        assert link.is_symlink()
        assert target.read_bytes() == content
    assert os.listdir(tmp_path / "links") == [link.name]
    assert os.listdir(tmp_path / "files") == [target.name]


@pytest.mark.parametrize("ending", [".keras", "." + 200 * "a", ""])
def test_names_may_be_as_long_as_the_disk_takes(tmp_path, ending):
    name = "é" + ending.rjust(253, "n")
    write(tmp_path / name)
    assert os.listdir(tmp_path) == [name]


def test_paths_of_bytes(tmp_path):
    write(os.fsencode(tmp_path / "file"))
    assert (tmp_path / "file").read_bytes() == b"whole"


@needs_modes
@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink(path, path)])
def test_what_is_no_file_is_refused_and_stays(tmp_path, make):
    path = tmp_path / "other"
    make(path)
    before = path.lstat().st_ino
    with pytest.raises(FileExistsError, match=r"Only a regular file can be replaced.*other"):
        write(path)
    assert path.lstat().st_ino == before
    assert os.listdir(tmp_path) == ["other"]


def test_no_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"folder to write to does not exist.*none"):
        write(tmp_path / "none" / "file")


def test_a_file_is_on_the_disk_before_it_takes_the_place_of_another(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"before")
    synchronized = []
    fsync = os.fsync

    def noted(number):
        fsync(number)
        assert path.read_bytes() == b"before"
        synchronized.append((os.fstat(number).st_ino, os.fstat(number).st_size))

    monkeypatch.setattr(os, "fsync", noted)
    write(path)
    assert synchronized == [(path.stat().st_ino, len(b"whole"))]


# What kills leave behind

UNFINISHED = """
import sys, tempfile
from pathlib import Path
import numpy as np
from skfashion._files import replacing, temporary_memmap
tempfile.tempdir = sys.argv[1]
array = temporary_memmap((3, 4), np.dtype(np.float32))
with replacing(Path(sys.argv[1], "file")) as unfinished:
    unfinished.write_bytes(b"half")
    print("written", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where files are written, and temporary ones too."""
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def writing(folder):
    """A process that is writing there."""
    with subprocess.Popen(
        [sys.executable, "-c", UNFINISHED, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"written\n"
        assert len(os.listdir(folder)) == 2
        yield process
        process.kill()


def remove_checkpoint(folder):
    Checkpoint(folder / "none.npz", None, None).remove()


def write_another(folder):
    write(folder / "another")
    (folder / "another").unlink()


LATER = [write_another, remove_checkpoint, lambda folder: temporary_memmap((1,), np.dtype("f4"))]


@needs_locks
@pytest.mark.parametrize("later", LATER)
def test_later_ones_remove_what_a_kill_has_left(folder, writing, later):
    mine = temporary_memmap((2,), np.dtype(np.int64))
    mine[:] = 1, 2
    with replacing(folder / "mine") as unfinished:
        unfinished.write_bytes(b"whole")
        later(folder)
        assert len(os.listdir(folder)) == 4  # as both processes run
        writing.kill()
        writing.wait()
        later(folder)
        assert len(os.listdir(folder)) == 2
    assert (folder / "mine").read_bytes() == b"whole"
    assert_array_equal(np.memmap(mine.filename, np.int64, "r"), [1, 2])  # as joblib opens it


@needs_locks
def test_what_may_be_of_others_is_left(folder, writing, monkeypatch):
    writing.kill()
    writing.wait()
    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: 12345)
        write_another(folder)
    assert len(os.listdir(folder)) == 2
    here = [path.rename(folder / path.name.replace("-", "-a", 1)) for path in folder.iterdir()]
    (folder / ".skfashion-notes").mkdir()
    (folder / ".skfashion-file").touch()
    (folder / ".skfashion-link").symlink_to(here[0])
    before = sorted(os.listdir(folder))
    write_another(folder)
    assert sorted(os.listdir(folder)) == before
    now = 2e9
    monkeypatch.setattr(time, "time", lambda: now)
    for path in here:  # of another machine, which may still write
        os.utime(path, (now - 86_399.5, now - 86_399.5))
    write_another(folder)
    assert sorted(os.listdir(folder)) == before
    for path in here:  # which writes no longer
        os.utime(path, (now - 86_400.5, now - 86_400.5))
    write_another(folder)
    assert sorted(os.listdir(folder)) == [".skfashion-file", ".skfashion-link", ".skfashion-notes"]


@needs_locks
def test_one_that_is_taken_for_a_leftover_begins_again(folder, monkeypatch):
    flock = _files.fcntl.flock
    in_between = [_files.remove_unfinished]

    def late(file, operation):
        if in_between:
            in_between.pop()(folder)
        flock(file, operation)

    monkeypatch.setattr(_files.fcntl, "flock", late)
    write(folder / "file")
    assert in_between == []
    assert os.listdir(folder) == ["file"]


@needs_locks
def test_disks_without_locks_are_written_to(folder, monkeypatch):
    def flock(file, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(_files.fcntl, "flock", flock)
    with replacing(folder / "file") as unfinished:
        unfinished.write_bytes(b"whole")
        write_another(folder)
    assert os.listdir(folder) == ["file"]


@needs_locks
def test_tidying_up_never_fails_the_work(folder, writing, monkeypatch):
    def fails(*args, **kwargs):
        raise OSError(errno.EIO, "Input/output error")

    writing.kill()
    writing.wait()
    left = os.listdir(folder)
    for of, name in ((_files.shutil, "rmtree"), (_files.fcntl, "flock"), (Path, "glob")):
        with monkeypatch.context() as patch:
            patch.setattr(of, name, fails)
            _files.remove_unfinished(folder)
            _files.remove_unfinished(folder / "none")
    assert os.listdir(folder) == left


class Zeros:
    """So many bytes of 0, as a decompressed stream."""

    def __init__(self, n):
        self.left = n

    def read(self, size):
        size = min(size, self.left)
        self.left -= size
        return bytes(size)


@pytest.mark.parametrize(("n_packed", "most"), [(1, 2**26), (2**20, 100 * 2**20)])
def test_unpacked_files_hold_64_mib_or_100_times_their_size(n_packed, most):
    whole = io.BufferedReader(_files.Unpacked(Zeros(most), n_packed), 2**20)
    assert sum(len(part) for part in iter(lambda: whole.read(2**20), b"")) == most
    more = io.BufferedReader(_files.Unpacked(Zeros(most + 1), n_packed), 2**20)
    with pytest.raises(_files.BombError, match=f"larger than {most:,} bytes and 100 times its own"):
        list(iter(lambda: more.read(2**20), b""))


def test_a_full_disk_leaves_nothing(folder):
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OSError, match="left on"), mock.patch("builtins.open", side_effect=full):
        write(folder / "file")
    assert os.listdir(folder) == []


def test_a_name_that_is_taken_is_never_written_to(folder, monkeypatch):
    taken = folder / f"{_files._PREFIX}{_files._HOST}-taken"
    taken.symlink_to(folder / "elsewhere")
    candidates = iter(["taken", "free"])
    monkeypatch.setattr(tempfile, "_get_candidate_names", lambda: candidates)
    write(folder / "file")
    assert sorted(os.listdir(folder)) == sorted([taken.name, "file"])


# What is opened


@pytest.fixture
def fifo(tmp_path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("there are no FIFOs on this system")
    os.mkfifo(tmp_path / "fifo")
    return tmp_path / "fifo"


def test_a_fifo_is_not_opened_at_all(fifo, monkeypatch):
    monkeypatch.setattr(os, "open", mock.Mock(side_effect=AssertionError("opened")))
    with pytest.raises(_files.NotRegularError, match=r"regular file, got a FIFO.*fifo"):
        _files.open_regular(fifo)


def test_what_becomes_a_fifo_before_it_is_opened_is_not_waited_for(fifo, monkeypatch):
    opened = []
    really = os.open

    def noted(*args):
        opened.append(really(*args))
        return opened[-1]

    monkeypatch.setattr(os, "open", noted)
    monkeypatch.setattr(os, "stat", lambda path: os.lstat(__file__))
    with pytest.raises(_files.NotRegularError, match=r"regular file, got a FIFO.*fifo"):
        _files.open_regular(fifo)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(opened[0])


def test_a_regular_file_is_read_and_a_folder_is_not_opened(tmp_path):
    (tmp_path / "file").write_bytes(b"whole")
    with _files.open_regular(str(tmp_path / "file")) as file:
        assert file.peek(2).startswith(b"wh")
        assert file.read() == b"whole"
    with pytest.raises(IsADirectoryError, match=str(tmp_path)):
        _files.open_regular(tmp_path)


@pytest.mark.parametrize("path", ["a.csv", b"a.csv", Path("a.csv")])
def test_the_path_of_a_file_is_one(path):
    assert _files.local_path(path) == Path("a.csv")


@pytest.mark.parametrize(
    ("path", "got"),
    [("", "an empty string"), (b"", "an empty string"), ("https://a.b/c.csv", "a URL: download")],
)
def test_what_cannot_be_the_path_of_a_file(path, got):
    with pytest.raises(FileNotFoundError, match=f"Expected the path of a file, got {got}"):
        _files.local_path(path)


# Temporary arrays


@pytest.mark.parametrize("n_bytes", [0, 1, 2**20, 2**20 + 3, io.DEFAULT_BUFFER_SIZE])
def test_as_many_bytes_are_reserved_as_asked_without_fallocate(tmp_path, monkeypatch, n_bytes):
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    with open(tmp_path / "file", "xb+") as file:
        _files._reserve(file, n_bytes)
    assert (tmp_path / "file").stat().st_size == n_bytes


@pytest.mark.parametrize("shape", [(0, 3), (2, 0)])
def test_arrays_without_an_element_take_no_file(folder, shape):
    array = temporary_memmap(shape, np.dtype(np.uint8))
    assert (array.shape, array.dtype) == (shape, np.uint8)
    assert os.listdir(folder) == []


@pytest.mark.parametrize("with_fallocate", [True, False])
@pytest.mark.parametrize("n", [1, 2**20 + 3])
def test_the_disk_holds_all_of_an_array_before_it_is_written(
    folder, monkeypatch, with_fallocate, n
):
    if not with_fallocate:
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
    elif not hasattr(os, "posix_fallocate"):
        pytest.skip("this system has no posix_fallocate")
    array = temporary_memmap((n, 2), np.dtype(np.uint8))
    status = os.stat(array.filename)
    assert status.st_size == 2 * n
    if os.name == "posix":
        assert status.st_blocks * 512 >= 2 * n
    assert not array.any()
    del array
    assert os.listdir(folder) == []


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_an_array_that_cannot_be_made_leaves_nothing(folder, monkeypatch, error):
    monkeypatch.setattr(_files, "_reserve", mock.Mock(side_effect=error))
    words = rf"of 6 bytes.*{folder}.*No space left\. Set TMPDIR" if error.args else None
    with pytest.raises(type(error), match=words):
        temporary_memmap((3, 2), np.dtype(np.uint8))
    assert os.listdir(folder) == []


@needs_modes  # Windows keeps files that are in use
def test_a_temporary_folder_that_is_gone_is_no_error(folder):
    array = temporary_memmap((3, 2), np.dtype(np.uint8))
    shutil.rmtree(Path(array.filename).parent)
    del array
    assert os.listdir(folder) == []
