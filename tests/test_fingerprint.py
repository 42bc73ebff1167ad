"""What makes one training another: values, functions, classes and objects of any kind."""

import functools
import json
import math
import sys
import threading

import keras
import numpy as np
import pytest

from skfashion.neural_network.training import _fingerprint
from skfashion.neural_network.training._fingerprint import fingerprint


def module(text):
    """Return the names that a user's module of this text defines."""
    names = {"__name__": "module_of_a_user"}
    exec(text, names)
    return names


def named(text, name="f"):
    return module(text)[name]


def layer(units=3, *, seed=0, name=None, **options):
    keras.utils.set_random_seed(seed)
    made = keras.layers.Dense(units, name=name, **options)
    made.build((None, 2))
    return made


class Holder:
    def __init__(self, **attributes):
        vars(self).update(attributes)

    def method(self):
        return self


class Listed(list):
    pass


class Named:
    def __init__(self, name):
        self.name = name

    def __reduce__(self):
        return self.name


class Recorder(keras.callbacks.Callback):
    def __init__(self, setting, live=None):
        super().__init__()
        self.setting, self.live = setting, live


FUNCTION = "def f(x, scale=1, *, shift=0):\n    return x * scale + shift"
SHARED, OTHER = Holder(a=1), Holder(a=2)
STATIC = "class f:\n    __slots__ = ('a',)\n    @staticmethod\n    def g():\n        return 1\n"
KLASS = "class f:\n    unit = 1\n    def g(self):\n        return 1\n"
PAIRS = {  # a value, the same value made again, and others
    "numbers": (1, 1, [2, 1.5, "1", None]),
    "arrays": (np.arange(3), np.arange(3), [np.arange(4), np.arange(3.0)]),
    "dtypes": (np.dtype("f4"), np.dtype("f4"), [np.dtype("f8")]),
    "lists": ([1, 2], [1, 2], [[2, 1], [1, 2, 3]]),
    "sets": ({"a", "b", "c"}, {"c", "b", "a"}, [{"a", "b"}]),
    "frozen sets": (frozenset("ab"), frozenset("ba"), [frozenset("a")]),
    "dicts": ({"a": 1}, {"a": 1}, [{"a": 2}, {"b": 1}]),
    "modules": (np, np, [json]),
    "shared objects": (
        [SHARED, SHARED],
        [SHARED, SHARED],
        [[Holder(a=1), Holder(a=1)]],
    ),
    "one of several objects": (
        [SHARED, OTHER, SHARED],
        [SHARED, OTHER, SHARED],
        [[SHARED, OTHER, OTHER], [OTHER, SHARED, OTHER]],
    ),
    "objects that are lists": (Listed([1, 2]), Listed([1, 2]), [Listed([1, 3])]),
    "objects known by a name": (Named("a"), Named("a"), [Named("b")]),
    "abstract classes": (
        named("import abc\nclass f(abc.ABC):\n    unit = 1"),
        named("import abc\nclass f(abc.ABC):\n    unit = 1"),
        [named("import abc\nclass f(abc.ABC):\n    unit = 2")],
    ),
    "objects": (Holder(a=[1]), Holder(a=[1]), [Holder(a=[2]), Holder(b=[1])]),
    "methods": (
        Holder(a=1).method,
        Holder(a=1).method,
        [Holder(a=2).method, named("def f(self):\n    return self").__get__(Holder(a=1))],
    ),
    "partial functions": (
        functools.partial(max, 1, default=2),
        functools.partial(max, 1, default=2),
        [
            functools.partial(min, 1, default=2),
            functools.partial(max, 2, default=2),
            functools.partial(max, 1, default=3),
        ],
    ),
    "built-in functions": (len, len, [max, math.sin]),
    "functions of numpy": (np.add, np.add, [np.subtract]),
    "functions of libraries": (json.dumps, json.dumps, [json.loads]),
    "generators": (
        np.random.RandomState(0),
        np.random.RandomState(0),
        [np.random.RandomState(1)],
    ),
    "functions": (
        named(FUNCTION),
        named(FUNCTION),
        [
            named(FUNCTION.replace("+", "-")),
            named(FUNCTION.replace("scale=1", "scale=2")),
            named(FUNCTION.replace("shift=0", "shift=1")),
            named(FUNCTION.replace("def f", "def g"), "g"),
        ],
    ),
    "constants": (
        named("def f(x):\n    return x in {'a', 'b'}, 1.5"),
        named("def f(x):\n    return x in {'b', 'a'}, 1.5"),
        [
            named("def f(x):\n    return x in {'a', 'c'}, 1.5"),
            named("def f(x):\n    return x in {'a', 'b'}, 2.5"),
        ],
    ),
    "attributes of functions": (
        functools.update_wrapper(named(FUNCTION), len),
        functools.update_wrapper(named(FUNCTION), len),
        [functools.update_wrapper(named(FUNCTION), max)],
    ),
    "functions within": (
        named("def f(x):\n    def g():\n        return x + 1\n    return g"),
        named("def f(x):\n    def g():\n        return x + 1\n    return g"),
        [named("def f(x):\n    def g():\n        return x + 2\n    return g")],
    ),
    "closures": (
        named("def make(n):\n    return lambda: n\nf = make(1)"),
        named("def make(n):\n    return lambda: n\nf = make(1)"),
        [named("def make(n):\n    return lambda: n\nf = make(2)")],
    ),
    "globals": (
        named("LIMIT = 1\ndef f():\n    return LIMIT"),
        named("OTHER = 5\nLIMIT = 1\ndef f():\n    return LIMIT"),
        [named("LIMIT = 2\ndef f():\n    return LIMIT")],
    ),
    "globals of functions within": (
        named("LIMIT = 1\ndef f():\n    return [LIMIT for _ in range(3)], lambda: LIMIT"),
        named("LIMIT = 1\ndef f():\n    return [LIMIT for _ in range(3)], lambda: LIMIT"),
        [named("LIMIT = 2\ndef f():\n    return [LIMIT for _ in range(3)], lambda: LIMIT")],
    ),
    "functions that call others": (
        named("def g():\n    return 1\ndef f():\n    return g()"),
        named("def g():\n    return 1\ndef f():\n    return g()"),
        [named("def g():\n    return 2\ndef f():\n    return g()")],
    ),
    "functions that call themselves": (
        named("def f(n):\n    return n and f(n - 1)"),
        named("def f(n):\n    return n and f(n - 1)"),
        [named("def f(n):\n    return n and f(n - 2)")],
    ),
    "classes": (
        named(KLASS),
        named("class f:\n    '''Of this.'''\n    unit = 1\n    def g(self):\n        return 1\n"),
        [
            named(KLASS.replace("unit = 1", "unit = 2")),
            named(KLASS.replace("return 1", "return 2")),
            named(KLASS.replace("class f", "class f(dict)")),
            named(KLASS.replace("class f", "class h") + "f = h"),
        ],
    ),
    "static methods and slots": (
        named(STATIC),
        named(STATIC),
        [named(STATIC.replace("return 1", "return 2")), named(STATIC.replace("'a'", "'b'"))],
    ),
    "properties": (
        named("class f:\n    g = property(lambda s: 1, lambda s, v: 1, lambda s: 1)\n"),
        named("class f:\n    g = property(lambda s: 1, lambda s, v: 1, lambda s: 1)\n"),
        [
            named("class f:\n    g = property(lambda s: 2, lambda s, v: 1, lambda s: 1)\n"),
            named("class f:\n    g = property(lambda s: 1, lambda s, v: 2, lambda s: 1)\n"),
            named("class f:\n    g = property(lambda s: 1, lambda s, v: 1, lambda s: 2)\n"),
        ],
    ),
    "layers": (
        layer(name="first"),
        layer(name="second"),
        [layer(4), layer(seed=1), layer(activation="relu")],
    ),
    "functions of layers": (
        keras.layers.Lambda(named("def f(x):\n    return x + 1")),
        keras.layers.Lambda(named("def f(x):\n    return x + 1")),
        [keras.layers.Lambda(named("def f(x):\n    return x + 2"))],
    ),
    "optimizers": (
        keras.optimizers.Adam(0.1),
        keras.optimizers.Adam(0.1),
        [keras.optimizers.Adam(0.2), keras.optimizers.Nadam(0.1)],
    ),
    "callbacks of keras": (Recorder(1), Recorder(1), [Recorder(2), keras.callbacks.Callback()]),
}  # fmt: skip


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("kind", PAIRS)
def test_equal_values_are_known_again_and_others_are_not(kind):
    value, again, others = PAIRS[kind]
    known = fingerprint(value)
    assert fingerprint(again) == known
    found = [fingerprint(other) for other in others]
    assert known not in found
    assert len({*found}) == len(found)


def test_what_a_module_of_the_users_holds_counts_if_it_is_read(monkeypatch):
    settings = type(json)("settings_of_a_user")
    settings.__file__ = "/home/user/settings_of_a_user.py"
    settings.limit, settings.other = 1, 1
    monkeypatch.setitem(sys.modules, settings.__name__, settings)
    names = {"__name__": "module_of_a_user", "settings": settings}
    exec("def f():\n    return settings.limit", names)
    f = names["f"]
    before = fingerprint(f)
    settings.other = 2
    assert fingerprint(f) == before
    settings.limit = 2
    assert fingerprint(f) != before


def test_callbacks_that_hold_something_live_count_by_what_they_are():
    first, second = Recorder(1, live=threading.Lock()), Recorder(1, live=threading.Lock())
    assert fingerprint(callbacks=[first]) == fingerprint(callbacks=[second])
    assert fingerprint(callbacks=[first]) != fingerprint(callbacks=[Recorder(2, first.live)])
    assert fingerprint(callbacks=[first]) != fingerprint(callbacks=[Recorder(1, live=1)])


def test_functions_among_callbacks_count_what_they_share_by_its_type():
    def factory(shared, setting=1):
        return lambda: (shared, setting)

    class WithLock:
        def __init__(self, number):
            self.lock, self.number = threading.Lock(), number

    class OfAnotherType(WithLock):
        pass

    known = fingerprint(callbacks=[factory(WithLock(1))])
    assert fingerprint(callbacks=[factory(OfAnotherType(1))]) != known
    assert fingerprint(callbacks=[factory(WithLock(2))]) == known
    assert fingerprint(callbacks=[factory(Holder(a=1))]) != known
    assert fingerprint(callbacks=[factory(WithLock(1), 2)]) != known
    # What can be copied is not shared.
    assert fingerprint(callbacks=[factory(Holder(a=1))]) != fingerprint(
        callbacks=[factory(Holder(a=2))]
    )
    # A callback itself is copied for each fit, and what it holds counts.
    assert fingerprint(callbacks=[Recorder(1, Holder(a=1, lock=Recorder))]) != fingerprint(
        callbacks=[Recorder(1, Holder(a=2, lock=Recorder))]
    )
    assert fingerprint(callbacks=[Recorder(1, threading.Lock())]) != fingerprint(
        callbacks=[Recorder(1, threading.Event())]
    )


@pytest.mark.parametrize("folder", ["site-packages", "dist-packages"])
def test_functions_of_libraries_count_by_name_and_by_what_they_enclose(monkeypatch, folder):
    library = type(json)("library")
    library.__file__ = f"/usr/lib/python3/{folder}/library.py"
    monkeypatch.setitem(sys.modules, "library", library)

    def defined(text):
        names = {"__name__": "library"}
        exec(text, names)
        return names

    assert fingerprint(defined("def f():\n    return 1")["f"]) == fingerprint(
        defined("def f():\n    return 2")["f"]
    )
    make = defined("def make(a):\n    def f():\n        return a\n    return f")["make"]
    assert fingerprint(make(1)) != fingerprint(make(2))
    assert fingerprint(make(1)) == fingerprint(make(1))
    # What a function at the top encloses, such as its class, is of the library.
    klass = "class C:\n    def f(self):\n        return __class__, {}\nf = C.f"
    assert fingerprint(defined(klass.format(1))["f"]) == fingerprint(defined(klass.format(2))["f"])


@pytest.mark.parametrize("name", ["builtins", "zipimport", "json", "numpy", "skfashion"])
def test_modules_of_libraries(name):
    assert _fingerprint._is_library(name)
    assert not _fingerprint._is_library("module_of_a_user")


def test_annotations_and_docstrings_of_classes_do_not_count():
    plain = named("class f:\n    a = 1\n")
    assert fingerprint(plain) == fingerprint(named("class f:\n    'Text.'\n    a: int = 1\n"))


def test_objects_that_are_made_to_be_described_are_told_apart():
    class Fresh:
        def __init__(self, *parts):
            self.parts = parts

        def __reduce__(self):
            return Fresh, tuple(Holder(a=part) for part in self.parts)

    several = [fingerprint([*map(Fresh, range(50)), Fresh(i)]) for i in range(60, 80)]
    assert len({*several}) == 20


def test_a_method_get_config_makes_no_keras_object():
    class Configured:
        def __init__(self, a):
            self.a = a

        def get_config(self):
            return {}

    assert fingerprint(Configured(1)) != fingerprint(Configured(2))


def test_a_layer_without_a_config_is_refused():
    class Own(keras.layers.Layer):
        def __init__(self, size, **options):
            super().__init__(**options)

    with pytest.raises(ValueError, match="must be picklable"):
        fingerprint(Own(object()))


def test_an_array_on_disk_is_known_as_one_in_memory(tmp_path):
    array = np.memmap(tmp_path / "array", np.uint8, "w+", shape=(2, 3))
    array[:] = 7
    assert fingerprint(array) == fingerprint(np.array(array))


@pytest.mark.parametrize(
    "value", [nested(5000), threading.Lock(), Holder(lock=threading.Lock()), (n for n in range(3))]
)
def test_what_cannot_be_known_is_refused(value):
    with pytest.raises(ValueError, match="must be picklable"):
        fingerprint(value)


def test_an_object_is_known_again_after_it_was_pickled():
    value = named("class f:\n    def __init__(self):\n        self.a = 1\n")()
    before = fingerprint(value)
    value.__reduce_ex__(4)  # which leaves a trace in its class
    assert fingerprint(value) == before
