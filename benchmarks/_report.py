"""Tools of the benchmarks: measurements in turns, new interpreters, and the Markdown report."""

import argparse
import datetime
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
PACKAGES = ("skfashion", "scikit-learn", "keras", "tensorflow", "scikeras", "numpy")
COLUMNS = ("", "peer, median (min to max)", "ours, median (min to max)", "ours / peer", "target")


def arguments(description, sections=()):
    """Parse the command line: `--trial`, and names of `sections` if there are any."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument(
        "--trial",
        action="store_true",
        help="check within minutes that the script runs: few images and repetitions, no report",
    )
    if sections:
        parser.add_argument("sections", nargs="*", help=f"of {', '.join(sections)}; default: all")
    arguments = parser.parse_args()
    if unknown := set(getattr(arguments, "sections", ())) - set(sections):
        parser.error(f"no such section: {', '.join(sorted(unknown))}; there are {list(sections)}")
    return arguments


def seconds(function, *args):
    """Return a function that calls `function` with `args` and returns the time in seconds."""

    def measure():
        start = time.perf_counter()
        function(*args)
        return time.perf_counter() - start

    return measure


def in_turns(measures, repetitions, warm_ups=1):
    """Call the functions in turns, A B A B ..., and return the results of each as a list.

    Parameters
    ----------
    measures : dict of str to callable
        Each returns one measured value.
    repetitions : int
        Number of values of each.
    warm_ups : int, default=1
        Number of rounds before the measurement, whose values are dropped.

    Returns
    -------
    dict of str to list of float
    """
    rounds = [[measure() for measure in measures.values()] for _ in range(warm_ups + repetitions)]
    columns = zip(*rounds[warm_ups:], strict=True)
    return dict(zip(measures, map(list, columns), strict=True))


def fresh_python(code):
    """Run `code` in a new interpreter, in this folder, and return the last number printed."""
    # TensorFlow writes start-up messages to standard error. They are shown only after an error.
    done = subprocess.run([sys.executable, "-c", code], cwd=HERE, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{code}\n{done.stderr}")
    return float(done.stdout.split()[-1])


def compare(what, peer, ours, *, unit, target=None):
    """Return a row of a table with `COLUMNS`: medians, their ratio and the range of the ratios.

    Parameters
    ----------
    what : str
        First cell.
    peer, ours : list of float
        Values measured in turns: values at the same position belong together.
    unit : {"s", "ms", "MiB"}
        Unit to print. Values for "ms" are in seconds.
    target : float, default=None
        Highest ratio that meets the target.
    """
    factor = 1000 if unit == "ms" else 1
    ratio = median(ours) / median(peer)
    ratios = [b / a for a, b in zip(peer, ours, strict=True)]
    return (
        what,
        *(f"{_spread([value * factor for value in values])} {unit}" for values in (peer, ours)),
        f"**{ratio:.3f}** ({min(ratios):.3f} to {max(ratios):.3f})",
        "" if target is None else verdict(f"<= {target:g}", ratio <= target),
    )


def verdict(target, met):
    """Return a cell that says whether a target was met."""
    return f"{target}: {'met' if met else 'MISSED'}"


def _spread(values):
    def short(value):
        return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"

    return f"{short(median(values))} ({short(min(values))} to {short(max(values))})"


def table(columns, rows):
    """Return a Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def header(name, description, packages=PACKAGES, sections=()):
    """Return the beginning of a report: description, date, machine and versions."""
    title, _, text = description.partition("\n")
    command = " ".join([f"python benchmarks/{name}.py", *sections])
    packages = ", ".join(f"{package} {version(package)}" for package in packages)
    return (
        f"# {title.rstrip('.')}\n{text.rstrip()}\n\n"
        f"`{command}`, {datetime.date.today().isoformat()}, on {_processor()}, "
        f"{os.cpu_count()} cores.\n\n"
        f"Python {platform.python_version()}, {packages}."
    )


def _processor():
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return f"{line.partition(':')[2].strip()} ({platform.machine()})"
    return platform.processor() or platform.machine()


def write(name, parts):
    """Write a report to docs/benchmarks."""
    path = HERE.parent / "docs" / "benchmarks" / f"{name}.md"
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    print(f"\nwritten: {path}")
