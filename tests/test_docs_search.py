"""The documentation's search finds the right page by the words that users type."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAGES = {
    "test-time augmentation": "guide/networks",
    "resume training": "guide/saving",
    "own images": "guide/photographs",
    "hyperparameter": "guide/searching",
    "confusion matrix": "guide/inspection",
    "GPU": "installation",
    "save model": "guide/saving",
    "embedding": "guide/networks",
    "imbalanced": "guide/networks",
    "transfer learning": "guide/photographs",
    "overfitting": "guide/networks",
    "validation set": "guide/networks",
    "reproducible": "guide/networks",
    "augmentation": "guide/networks",
    "early stopping": "guide/networks",
    "out of memory": "guide/searching",
    "Windows": "installation",
}


@pytest.fixture(scope="module")
def found():
    """The pages of the results for each term, best first."""
    built = os.environ.get("SKFASHION_BUILT_DOCS")
    if not built:
        pytest.skip("SKFASHION_BUILT_DOCS does not name a folder of built documentation")
    node = shutil.which("node")
    assert node, "the search runs in node: apt-get install nodejs"
    done = subprocess.run(
        [node, HERE / "search_docs.js", built],
        input=json.dumps([*PAGES]),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(PAGES, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("term", PAGES)
def test_the_right_page_is_among_the_first_three(found, term):
    assert PAGES[term] in found[term][:3], found[term][:8]
