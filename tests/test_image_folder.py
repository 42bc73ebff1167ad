"""Folders of pictures with one subfolder per class."""

import os
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import load_files

from skfashion.datasets import load_image_folder
from skfashion.datasets._image_folder import EXTENSIONS
from skfashion.preprocessing._photographs import FORMATS


def make(folder, names):
    for name in names:
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"a")
    return folder


CLOTHES = ["t-shirt/b.png", "t-shirt/a.JPG", "dress/1.jpeg", "long sleeve/Röcke.webp"]


def test_paths_and_labels_in_order(tmp_path):
    clothes = load_image_folder(make(tmp_path, CLOTHES))
    names = ["dress/1.jpeg", "long sleeve/Röcke.webp", "t-shirt/a.JPG", "t-shirt/b.png"]
    assert clothes.data.tolist() == [str(tmp_path / name) for name in names]
    assert clothes.target.tolist() == ["dress", "long sleeve", "t-shirt", "t-shirt"]
    assert clothes.target_names.tolist() == ["dress", "long sleeve", "t-shirt"]
    assert clothes.n_ignored == 0
    assert_array_equal(clothes.filenames, clothes.data)
    assert "4 pictures of 3 classes" in clothes.DESCR
    assert "t-shirt: 2" in clothes.DESCR


def test_scikit_learn_finds_the_same(tmp_path):
    make(tmp_path, CLOTHES)
    ours, theirs = load_image_folder(tmp_path), load_files(tmp_path, load_content=False)
    assert sorted(ours.data) == sorted(theirs.filenames)
    found = dict(zip(ours.data, ours.target, strict=True))
    names = np.array(theirs.target_names)[theirs.target]
    assert found == dict(zip(theirs.filenames, names, strict=True))


@pytest.mark.parametrize("kind", [str, os.fsencode, Path])
def test_the_folder_may_be_any_path_and_x_and_y_may_come_alone(tmp_path, kind):
    make(tmp_path, CLOTHES)
    X, y = load_image_folder(kind(tmp_path), return_X_y=True)
    clothes = load_image_folder(tmp_path)
    assert_array_equal(X, clothes.data)
    assert_array_equal(y, clothes.target)


def test_a_relative_folder_gives_relative_paths(tmp_path, monkeypatch):
    make(tmp_path / "clothes", CLOTHES)
    monkeypatch.chdir(tmp_path)
    assert load_image_folder("clothes").data[0] == os.path.join("clothes", "dress", "1.jpeg")


def test_hidden_files_are_left_out_and_other_files_are_counted(tmp_path):
    others = ["dress/notes.txt", "dress/Thumbs.db", "dress/README", "t-shirt/deep/b.txt"]
    hidden = ["dress/._1.jpeg", ".git/a.jpg", ".DS_Store", "dress/.cache/a.jpg"]
    clothes = load_image_folder(make(tmp_path, [*CLOTHES, *others, *hidden]))
    assert len(clothes.data) == len(CLOTHES)
    assert clothes.n_ignored == 4
    assert clothes.target_names.tolist() == ["dress", "long sleeve", "t-shirt"]
    assert "Ignored files: 2 (.txt), 1 (" in clothes.DESCR
    assert "1 (.db)" in clothes.DESCR
    assert "1 (no ending)" in clothes.DESCR


def test_extensions(tmp_path):
    make(tmp_path, ["a/1.jpg", "a/2.PNG", "b/3.jpg", "b/4.gif"])
    assert len(load_image_folder(tmp_path, extensions=".jpg").data) == 2
    found = load_image_folder(tmp_path, extensions=[".JPG", ".png"])
    assert [Path(path).name for path in found.data] == ["1.jpg", "2.PNG", "3.jpg"]
    assert found.n_ignored == 1


@pytest.mark.parametrize("extensions", ["jpg", "", [], [".jpg", "png"], [1], ["."]])
def test_extensions_begin_with_a_dot(tmp_path, extensions):
    with pytest.raises(ValueError, match=r"extensions must begin with a dot, such as '\.jpg'; got"):
        load_image_folder(tmp_path, extensions=extensions)


def test_subfolders_of_a_class_belong_to_it(tmp_path):
    make(tmp_path, ["dress/red/1.jpg", "dress/2.jpg", "dress/red/dark/3.jpg", "shirt/4.jpg"])
    clothes = load_image_folder(tmp_path)
    assert clothes.target.tolist() == ["dress", "dress", "dress", "shirt"]


def test_an_empty_class(tmp_path):
    make(tmp_path, [*CLOTHES, "skirt/notes.txt"])
    with pytest.raises(ValueError, match=r"skirt' contains no pictures, which end in \.avif"):
        load_image_folder(tmp_path)


@pytest.mark.parametrize(
    ("names", "found"), [([], "no subfolders"), (["a.jpg", "b.jpg"], "2 pictures and no subfolder")]
)
def test_a_folder_without_classes(tmp_path, names, found):
    make(tmp_path, names)
    with pytest.raises(ValueError, match=f"Expected one subfolder per class in .*found {found}"):
        load_image_folder(tmp_path)


def test_pictures_outside_of_the_classes_are_warned_of(tmp_path):
    make(tmp_path, [*CLOTHES, *(f"{i}.jpg" for i in range(7)), "labels.csv"])
    with pytest.warns(UserWarning, match=r"7 pictures in .* 0\.jpg, .*4\.jpg, \.\.\.\. Move them"):
        clothes = load_image_folder(tmp_path)
    assert len(clothes.data) == len(CLOTHES)
    assert clothes.n_ignored == 7


@pytest.mark.parametrize(
    ("name", "error"), [("missing", FileNotFoundError), ("file", NotADirectoryError)]
)
def test_what_is_no_folder(tmp_path, name, error):
    (tmp_path / "file").touch()
    with pytest.raises(error):
        load_image_folder(tmp_path / name)


def test_what_is_no_path():
    with pytest.raises(ValueError, match="The 'folder' parameter of load_image_folder must be"):
        load_image_folder(3)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
@pytest.mark.parametrize("name", [b"dress/\xff.jpg", b"dr\xffss/1.jpg", b"\xff.jpg"])
def test_a_damaged_name(tmp_path, name):
    path = os.path.join(os.fsencode(make(tmp_path, CLOTHES)), name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb"):
        pass
    with pytest.raises(ValueError, match=r"The name b'.*\\xff.* is not valid utf-8\. Rename it"):
        load_image_folder(tmp_path)


def test_labels_of_other_scripts_are_in_composed_form(tmp_path):
    names = [unicodedata.normalize("NFD", "Röcke"), "スカート", "юбка"]
    clothes = load_image_folder(make(tmp_path, [f"{name}/1.jpg" for name in names]))
    assert clothes.target.tolist() == [unicodedata.normalize("NFC", "Röcke"), "юбка", "スカート"]
    assert all(os.path.exists(path) for path in clothes.data)


@pytest.mark.skipif(sys.platform == "darwin", reason="both names are one there")
def test_two_folders_of_one_name_are_refused(tmp_path):
    make(tmp_path, [f"{unicodedata.normalize(form, 'Röcke')}/1.jpg" for form in ("NFC", "NFD")])
    with pytest.raises(ValueError, match="two subfolders for the class 'Röcke'"):
        load_image_folder(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_are_followed_but_not_in_circles(tmp_path):
    make(tmp_path / "elsewhere", ["1.jpg", "more/2.jpg"])
    folder = make(tmp_path / "clothes", ["dress/0.jpg"])
    (folder / "shirt").symlink_to(tmp_path / "elsewhere")
    (folder / "dress" / "linked.jpg").symlink_to(tmp_path / "elsewhere" / "1.jpg")
    clothes = load_image_folder(folder)
    assert clothes.target.tolist() == ["dress", "dress", "shirt", "shirt"]
    (folder / "dress" / "again").symlink_to(folder / "dress")
    with pytest.raises(ValueError, match="again' is reached twice, by a link"):
        load_image_folder(folder)
    (folder / "dress" / "again").unlink()
    (folder / "skirt").symlink_to(folder / "shirt")
    with pytest.raises(ValueError, match="skirt' is reached twice, by a link"):
        load_image_folder(folder)


def test_the_endings_are_those_of_formats_that_are_read():
    from PIL import Image

    Image.init()
    known = {ending: name for ending, name in Image.EXTENSION.items() if ending in EXTENSIONS}
    assert set(known.values()) <= set(FORMATS)
    assert {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif"} <= set(known)
