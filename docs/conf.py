"""The documentation, built by Sphinx: python -m sphinx -W -b html docs docs/_build/html."""

import os
import re
import warnings
from pathlib import Path

import skfashion

# Before examples load it: TensorFlow's own messages are no part of what they show.
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

ROOT = Path(__file__).resolve().parent.parent

project = "skfashion"
author = "The skfashion developers"
project_copyright = "2026, The skfashion developers"
version = release = skfashion.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "auto_examples/**/*.md5", "auto_examples/**/*.py"]
templates_path = ["_templates"]

autosummary_generate = True
numpydoc_show_class_members = False
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": str(ROOT / "examples"),
    "gallery_dirs": "auto_examples",
    # What begins with "plot_" runs with every build, in under a minute; the others take longer.
    "filename_pattern": r"/plot_",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "doc_module": ("skfashion",),
    "backreferences_dir": "generated/backreferences",
    "inspect_global_variables": False,
    "show_memory": False,
    "remove_config_comments": True,
    "matplotlib_animations": False,
}
warnings.filterwarnings("ignore", "FigureCanvasAgg is non-interactive", UserWarning)

html_theme = "pydata_sphinx_theme"
html_title = "skfashion"
html_static_path = ["_static"]
html_css_files = ["skfashion.css"]
html_logo = "_static/logo.svg"
html_favicon = "_static/logo.svg"
html_show_sourcelink = False
html_copy_source = False
html_context = {"default_mode": "auto"}
toc_object_entries_show_parents = "hide"
html_theme_options = {
    "github_url": "https://github.com/skfashion/skfashion",
    "logo": {"text": "skfashion"},
    "navbar_align": "left",
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "secondary_sidebar_items": {"**": ["page-toc"], "index": []},
}
html_sidebars = {name: [] for name in ("index", "installation", "project", "api")}

_LABEL = re.compile(r":ref:`(?:([^`<]+?)\s*<[^`>]+>|([^`]+))`")


def without_scikit_learns_labels(app, what, name, obj, options, lines):
    """Make text of references, in docstrings inherited from scikit-learn, to its user guide."""
    if str(getattr(obj, "__module__", "")).startswith("sklearn."):
        lines[:] = [_LABEL.sub(lambda found: found[1] or "its user guide", line) for line in lines]


def setup(app):
    """Have Sphinx call what is above."""
    app.connect("autodoc-process-docstring", without_scikit_learns_labels)
