"""Small faults in the code that reads and writes files, of which the tests find most.

Each mutant is one change of one module: a comparison, a constant, a condition, an exception that
is caught, or a statement left out. Messages of errors and docstrings are not changed. The tests
that reach the changed line run, the quickest first, or all tests of the module if none reaches it.
A mutant that no test finds is printed with its line.

    python benchmarks/mutants.py [module ...]
"""

import argparse
import ast
import contextlib
import importlib
import io
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The tests of each module, the quickest first.
TESTS = {
    "skfashion/_files.py": ["files"],
    "skfashion/datasets/_idx.py": ["read_files", "hostile_files", "fetch_fashion_mnist"],
    "skfashion/datasets/_csv.py": ["read_files", "hostile_files"],
    "skfashion/datasets/_fashion_mnist.py": ["docstrings", "fetch_fashion_mnist"],
    "skfashion/datasets/_download.py": ["fetch_fashion_mnist"],
    "skfashion/preprocessing/_photographs.py": [
        "photographs",
        "hostile_photographs",
        "fashion_mnist_loader",
        "image_loader",
        "image_encoder",
    ],
    "skfashion/neural_network/runtime/_serialization.py": [
        "serialization",
        "tampered_networks",
    ],
    "skfashion/neural_network/training/_checkpoint.py": ["checkpoint_files"],
    "skfashion/neural_network/training/_fingerprint.py": ["fingerprint"],
    # Of these, __setstate__ and what it calls.
    "skfashion/neural_network/runtime/_trained_network.py": ["serialization", "tampered_networks"],
    "skfashion/neighbors/_search_methods.py": ["loaded_neighbors", "tampered_files"],
    "skfashion/neighbors/_vectorized_knn.py": ["loaded_neighbors", "tampered_files"],
    "skfashion/_base.py": ["loaded_neighbors", "tampered_files"],
}
ONLY = {
    "skfashion/neural_network/runtime/_trained_network.py": {"__setstate__"},
    "skfashion/neighbors/_search_methods.py": {"__setstate__", "_check_parts", "_check_shapes"},
    "skfashion/neighbors/_vectorized_knn.py": {"__setstate__"},
    "skfashion/_base.py": {"__setstate__"},
}
LOADED_ONCE = (
    "numpy", "scipy.sparse", "sklearn.neighbors", "sklearn.pipeline", "pandas", "PIL.Image",
    "joblib", "hypothesis", "skops.io", "pooch", "requests", "numba", "tensorflow", "keras",
    "scikeras.wrappers", "pytest", "coverage",
)  # fmt: skip
COMPARISONS = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==",
    ast.Is: "is not", ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in",
}  # fmt: skip
OPERATIONS = {
    ast.Add: "-", ast.Sub: "+", ast.Mult: "//", ast.Div: "*", ast.FloorDiv: "*", ast.Mod: "*",
    ast.Pow: "*", ast.BitOr: "&", ast.BitAnd: "|", ast.LShift: ">>", ast.RShift: "<<",
}  # fmt: skip


def mutants(source, only):
    """Yield (line, what is changed, changed source) of each mutant."""
    tree = ast.parse(source)
    lines = [0]
    for line in source.encode().splitlines(keepends=True):
        lines.append(lines[-1] + len(line))

    def place(node):
        return (
            lines[node.lineno - 1] + node.col_offset,
            lines[node.end_lineno - 1] + node.end_col_offset,
        )

    def replaced(node, text):
        begin, end = place(node)
        raw = source.encode()
        before = " ".join(raw[begin:end].decode().split())
        changed = (raw[:begin] + text.encode() + raw[end:]).decode()
        return node.lineno, f"{before[:60]} -> {' '.join(text.split())[:60]}", changed

    def visit(node, inside, told):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            inside = inside or node.name in only
        told = told or is_told(node)
        if inside:
            for text, changed in changes(node, told):
                yield replaced(changed, text)
        body = getattr(node, "body", None)
        left_out = [getattr(node, name, None) for name in ("annotation", "returns")]
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
            left_out += filter(is_string, node.comparators)  # changed as a whole
        for child in ast.iter_child_nodes(node):
            if isinstance(body, list) and body and child is body[0] and is_text(child):
                continue
            if child in left_out or is_for_types_only(child):
                continue
            yield from visit(child, inside, told)

    yield from visit(tree, not only, False)


def is_text(node):
    return isinstance(node, ast.Expr) and is_string(node.value)


def is_string(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def is_for_types_only(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def is_told(node):
    """Tell whether a node is (of) the words of an error or a warning, whose wording is free."""
    if isinstance(node, ast.JoinedStr):
        return True
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and " " in node.value
    if isinstance(node, ast.keyword):  # not of errors, but nothing that a file could reach
        return node.arg in ("strict", "prefer_skip_nested_validation")
    if isinstance(node, ast.Call):
        name = ast.unparse(node.func)
        return name.endswith(("Error", "warn", "Warning"))
    return False


def changes(node, told):
    """Yield (text, node that it replaces) of each way to change one node."""
    match node:
        case ast.Compare(ops=[op], comparators=[right]):
            left = ast.unparse(node.left)
            yield f"({left} {COMPARISONS[type(op)]} {ast.unparse(right)})", node
            if isinstance(op, ast.In | ast.NotIn) and is_string(right):
                yield repr(right.value[:-1]), right
        case ast.Compare():
            for i, op in enumerate(node.ops):
                ops = [*map(symbol, node.ops)]
                ops[i] = COMPARISONS[type(op)]
                parts = [ast.unparse(node.left)]
                for one, value in zip(ops, node.comparators, strict=True):
                    parts += [one, ast.unparse(value)]
                yield f"({' '.join(parts)})", node
        case ast.BoolOp(op=op, values=values):
            word = " or " if isinstance(op, ast.And) else " and "
            yield "(" + word.join(f"({ast.unparse(value)})" for value in values) + ")", node
            for left_out in range(len(values)) if len(values) > 2 else ():
                rest = [value for i, value in enumerate(values) if i != left_out]
                word_kept = " and " if isinstance(op, ast.And) else " or "
                yield "(" + word_kept.join(f"({ast.unparse(v)})" for v in rest) + ")", node
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield f"({ast.unparse(operand)})", node
        case ast.BinOp(op=op) if type(op) in OPERATIONS and not told:
            left, right = ast.unparse(node.left), ast.unparse(node.right)
            yield f"(({left}) {OPERATIONS[type(op)]} ({right}))", node
        case ast.Constant(value=bool() as value) if not told:
            yield repr(not value), node
        case ast.Constant(value=int() | float() as value) if not told:
            yield repr(value + 1), node
        case ast.Constant(value=str() | bytes() as value) if not told and value:
            yield repr(value + ("X" if isinstance(value, str) else b"X")), node
        case ast.If(test=test) | ast.IfExp(test=test) if not isinstance(
            test, (ast.Compare, ast.BoolOp, ast.UnaryOp)
        ):
            yield f"(not ({ast.unparse(test)}))", test
        case ast.Expr(value=ast.Call() | ast.Yield() | ast.YieldFrom()):
            if not isinstance(node.value, ast.Yield):
                yield "pass", node
        case ast.Raise():
            yield "pass", node
        case ast.Return(value=value) if value is not None and not (
            isinstance(value, ast.Constant) and value.value is None
        ):
            yield "return None", node
        case ast.Continue():
            yield "break", node
        case ast.Break():
            yield "continue", node
        case ast.AugAssign():
            yield "pass", node
        case ast.ExceptHandler(type=ast.Tuple(elts=kinds)):
            for left_out in range(len(kinds)):
                rest = [ast.unparse(kind) for i, kind in enumerate(kinds) if i != left_out]
                yield f"({', '.join(rest)},)", node.type
        case ast.ExceptHandler(type=kind) if kind is not None:
            yield "ZeroDivisionError", kind
        case ast.With(items=[item]) if isinstance(item.context_expr, ast.Call):
            if "suppress" in ast.unparse(item.context_expr.func):
                yield "__import__('contextlib').nullcontext()", item.context_expr


def symbol(op):
    return {
        ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
        ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
    }[type(op)]  # fmt: skip


class Watched:
    """A plugin of pytest: which tests reach which lines, and how long they take."""

    def __init__(self, coverage):
        self.coverage, self.seconds = coverage, {}

    def pytest_runtest_logstart(self, nodeid):  # noqa: D102
        self.coverage.switch_context(nodeid)

    def pytest_runtest_logreport(self, report):  # noqa: D102
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0) + report.duration


def in_child(work, seconds, tree):
    """Run `work` in a forked process; return its status, or None after so many seconds."""
    child = os.fork()
    if not child:
        os.setpgid(0, 0)
        quiet = os.open(tree / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        os.chdir(tree)
        sys.path.insert(0, str(tree))
        os.environ["PYTHONPATH"] = str(tree)
        status = 99
        try:
            status = int(work())
        except BaseException:  # noqa: BLE001 -- a fork must not go on as its parent
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    stop = time.monotonic() + seconds
    while time.monotonic() < stop:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def run_tests(tests, *, plugins=()):
    import pytest

    always = ["-x", "-q", "-n0", "-p", "no:cacheprovider", "--assert=plain"]
    return pytest.main([*always, *tests], plugins=list(plugins))


def reached(module, files, tree):
    """Return {line: tests that reach it, the quickest first} and the seconds of all of them."""
    out = tree / "reached.json"

    def work():
        import coverage

        # Without the project's own configuration, which measures all modules.
        watch = coverage.Coverage(data_file=None, config_file=False, include=[str(tree / module)])
        plugin = Watched(watch)
        watch.start()
        status = run_tests(files, plugins=[plugin])
        watch.stop()
        data = watch.get_data()
        lines = {
            line: [test for test in tests if test]
            for name in data.measured_files()
            for line, tests in data.contexts_by_lineno(name).items()
        }
        out.write_text(json.dumps([lines, plugin.seconds]))
        return status

    begin = time.monotonic()
    status = in_child(work, 3600, tree)
    if status != 0:
        output = (tree / "output").read_text()[-3000:]
        raise SystemExit(f"the tests of {module} fail without a mutant ({status}):\n{output}")

    lines, seconds = json.loads(out.read_text())
    # A name that pytest does not find again would fail with every mutant.
    if in_child(lambda: run_tests(["--collect-only", *seconds]), 600, tree) != 0:
        raise SystemExit(f"pytest does not find the tests of {module} by their names")
    by_line = {
        int(line): sorted(tests, key=lambda test: seconds.get(test, 0))
        for line, tests in lines.items()
    }
    return by_line, seconds, time.monotonic() - begin


def tried(module, tree, share, log):
    """Return (number of mutants, [survivors]) of one module."""
    source = (tree / module).read_text()
    files = [f"tests/test_{name}.py" for name in TESTS[module]]
    by_line, seconds, whole = reached(module, files, tree)
    found = list(mutants(source, ONLY.get(module, ())))
    if share < 1:
        found = random.Random(0).sample(found, max(1, round(len(found) * share)))
        found.sort(key=lambda mutant: mutant[0])
    survivors, compiled = [], 0
    for line, what, changed in found:
        try:
            compile(changed, module, "exec")
        except SyntaxError:
            continue
        compiled += 1
        (tree / module).write_text(changed)
        # A line that no test reaches may be one that their own processes reach.
        near = by_line.get(line) or files
        limit = 60 + 4 * sum(seconds.get(test, whole) for test in near)
        begin = time.monotonic()
        lived = in_child(lambda near=near: run_tests(near), limit, tree) == 0
        took = time.monotonic() - begin
        outcome = f"{'lives' if lived else 'found'}, {took:.1f} s"
        print(f"{module}:{line}: {what}: {outcome}", file=log, flush=True)
        if lived:
            survivors.append((line, what))
            print(f"  {module}:{line}: {what}", flush=True)
    (tree / module).write_text(source)
    return compiled, survivors


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("modules", nargs="*", default=list(TESTS), help="paths; all by default")
    parser.add_argument("--share", type=float, default=1, help="of the mutants, drawn at random")
    parser.add_argument("--log", default=os.devnull, help="a file for a line a mutant")
    options = parser.parse_args()
    # No stale byte code of another mutant of equal size.
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.dont_write_bytecode = True
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for name in LOADED_ONCE:
        with contextlib.redirect_stderr(io.StringIO()):
            importlib.import_module(name)
    total = lived = 0
    with tempfile.TemporaryDirectory() as folder, open(options.log, "a") as log:
        tree = Path(folder) / "tree"
        ignore = shutil.ignore_patterns("__pycache__", ".git", "docs", ".venv*", "dist")
        shutil.copytree(ROOT, tree, ignore=ignore)
        for module in options.modules:
            number, survivors = tried(module, tree, options.share, log)
            total, lived = total + number, lived + len(survivors)
            print(f"{module}: {len(survivors)} of {number} live", flush=True)
    print(f"{lived} of {total} mutants live")


if __name__ == "__main__":
    main()
