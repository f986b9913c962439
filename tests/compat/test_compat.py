"""Programs written for Keras run as they are, in processes of their own."""

import json
import os
import re
import subprocess
import sys
import textwrap

import pytest

from jkeras.compat.report import find_uses, report
from tests.forks import Forks


def run(*arguments):
    return subprocess.run([sys.executable, "-m", "jkeras", *map(str, arguments)], capture_output=True, text=True)


@pytest.fixture(scope="module")
def forks():
    with Forks() as forks:
        yield forks


@pytest.fixture
def script(tmp_path):
    def write(text, name="program.py"):
        path = tmp_path / name
        path.write_text(textwrap.dedent(text))
        return path

    return write


PROGRAM = """
    import sys
    import helper
    import keras
    import tensorflow as tf
    from keras import layers, ops
    from keras.models import Sequential
    from keras.layers import Dense as D
    from keras.optimizers.schedules import ExponentialDecay
    from tensorflow import keras as tk
    from tensorflow.keras.layers import Dense
    from tensorflow.keras.utils import to_categorical
    from keras.src.layers.core.dense import Dense as Private
    from keras.src.backend import standardize_dtype, convert_to_tensor
    from keras.src import ops as private_ops
    import tf_keras.losses
    import jkeras

    assert keras.__version__ == "3.15.1" and keras.backend.backend() == "jax"
    assert D is Dense is layers.Dense is tk.layers.Dense is Private is jkeras.layers.Dense is keras.src.layers.Dense
    assert private_ops.relu is ops.relu and standardize_dtype("float") == "float32"
    assert float(tf.reduce_mean(tf.constant([1.0, 3.0]))) == 2.0 and tf.nn.relu is ops.relu and tf.math.exp is ops.exp
    tf.random.set_seed(1)
    model = Sequential([layers.Input((2,)), D(2)])
    model.compile("sgd", "mse")
    model.fit([[1.0, 2.0]], [[0.0, 1.0]], verbose=0)
    print(sys.argv[1:], __name__, helper.VALUE, isinstance(model, keras.Model))
"""


def test_a_script_runs_and_gets_its_arguments(script):
    script("VALUE = 7", "helper.py")
    done = run(script(PROGRAM), "--epochs", "3", "-c")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "['--epochs', '3', '-c'] __main__ 7 True"


def test_code_and_modules(script, tmp_path, forks):
    assert forks.run(tmp_path, "-c", "import keras, sys; print(keras.layers.Dense.__module__, sys.argv)", "a").stdout == (
        "jkeras.layers.core ['-c', 'a']\n"
    )
    script("import keras, sys; print(__name__, keras.__version__, sys.argv[1:])", "tool.py")
    assert forks.run(tmp_path, "-m", "tool", "-v").stdout == "__main__ 3.15.1 ['-v']\n"


def test_inside_of_a_program():
    done = subprocess.run([sys.executable, "-c", textwrap.dedent("""
        import jkeras, sys
        with jkeras.as_keras():
            import keras
            from keras.layers import Dense
            assert Dense is jkeras.layers.Dense
        assert "keras" not in sys.modules and not any(type(f).__name__ == "Finder" for f in sys.meta_path)
        import keras
        assert keras.layers.Dense is not jkeras.layers.Dense
        try:
            jkeras.as_keras().__enter__()
        except RuntimeError as error:
            assert "imported already" in str(error)
        else:
            raise AssertionError
    """)], capture_output=True, text=True, env={**os.environ, "KERAS_BACKEND": "jax"})  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("text,status,message", [
    ("import keras\nx = 1\nkeras.layers.Dens(3)", 1, 'program.py", line 3.*jkeras.layers has no \'Dens\'. Did you mean \'Dense\'?'),
    ("from keras.layers import Dens", 1, 'program.py", line 1.*has no \'Dens\''),
    ("import keras.nothing", 1, 'program.py", line 1.*keras.nothing is not there'),
    ("from keras.src.layers.core.dense import Nothing", 1, "private module of Keras.*'Nothing'"),
    ("from keras.src.utils import nothing_such", 1, "private module of Keras.*'nothing_such'"),
    ("import tensorflow as tf\ntf.GradientTape()", 1, "JAX differentiates functions"),
    ("import tensorflow as tf\ntf.raw_ops", 1, "stand-in for it has no tf.raw_ops"),
    ("from keras.backend import tensorflow_backend", 1, "tensorflow_backend"),
    ("x = (", 1, 'program.py", line 1.*SyntaxError'),
    ("raise SystemExit(3)", 3, ""),
    ("1 / 0", 1, "ZeroDivisionError"),
])  # fmt: skip
def test_errors_point_into_the_script(script, tmp_path, forks, text, status, message):
    done = forks.run(tmp_path, script(text))
    assert done.returncode == status
    assert re.search(message, done.stderr, re.DOTALL), done.stderr
    assert "__main__.py" not in done.stderr and "runpy" not in done.stderr


PRIVATE = """
    from keras.src.backend import get_keras_mask, compute_output_spec, KerasTensor, result_type
    from keras.src.backend.common.stateless_scope import StatelessScope, in_stateless_scope
    from keras.src.backend.common.symbolic_scope import SymbolicScope, in_symbolic_scope
    from keras.src.layers.input_spec import InputSpec
    from keras.src.ops.operation import Operation
    from keras.src.random.seed_generator import SeedGenerator, draw_seed
    from keras.src.saving import serialization_lib
    from keras.src.utils import module_utils, naming
    from keras.src.utils.argument_validation import standardize_tuple
    from keras.src.utils.tracking import Tracker
    from keras.src.api_export import keras_export
    from keras.src import callbacks

    assert not in_stateless_scope() and not in_symbolic_scope()
    with StatelessScope([(SeedGenerator(1).state, [1, 2])]):
        assert in_stateless_scope()
    with SymbolicScope():
        assert in_symbolic_scope()
    assert compute_output_spec(lambda x: x[0], KerasTensor((2, 3))).shape == (3,)
    import keras
    assert keras.src.utils.tracking.Tracker is Tracker and keras.src.layers.Dense is keras.layers.Dense
    assert standardize_tuple(2, 3, "pool_size") == (2, 2, 2) and draw_seed(7).tolist() == [7, 0]
    assert serialization_lib.serialize_keras_object(1) == 1 and callbacks.History
    print(module_utils.scipy.available, naming.to_snake_case("MyLayer"), result_type("int32", float))
"""


def test_private_names_that_packages_import(script, tmp_path, forks):
    done = forks.run(tmp_path, script(PRIVATE))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "True my_layer float32\n"


LEFT_OUT = """
    import keras.applications.resnet50
    import tensorflow as tf
    from keras import *
    from keras.applications import VGG16, efficientnet
    from keras.export import ExportArchive
    from keras.optimizers.legacy import Adam

    TABLE = {"B0": efficientnet.EfficientNetB0, "vgg": keras.applications.vgg16.VGG16}
    assert applications.efficientnet is efficientnet and hasattr(tf.keras.applications, "ResNet50")
    assert not isinstance(layers.Dense(1), VGG16) and not isinstance(3, ExportArchive) and not issubclass(int, Adam)

    def error(use):
        try:
            use()
        except NotImplementedError as refused:
            return str(refused)

    print(error(lambda: TABLE["B0"](weights=None)))
    print(error(lambda: Adam(0.1)))
    print(error(lambda: keras.applications.imagenet_utils.preprocess_input([1])))
    class Own(ExportArchive):
        pass
"""


def test_modules_that_are_left_out_can_be_imported_but_not_used(script, tmp_path, forks):
    done = forks.run(tmp_path, script(LEFT_OUT))
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "jkeras has no keras.applications.efficientnet.EfficientNetB0. Pretrained networks are not covered.",
        "jkeras has no keras.optimizers.legacy.Adam. Keras 2 had optimizers there; those of today take their arguments.",
        "jkeras has no keras.applications.imagenet_utils.preprocess_input. Pretrained networks are not covered.",
    ], done.stderr
    assert re.search('program.py", line 22.*jkeras has no keras.export.ExportArchive. Export', done.stderr, re.DOTALL), (
        done.stderr
    )


def test_another_backend_is_warned_of(script, tmp_path, forks):
    done = forks.run(tmp_path, script("import keras"), KERAS_BACKEND="torch")
    assert done.returncode == 0 and "KERAS_BACKEND='torch' is ignored" in done.stderr


def test_a_script_that_is_not_there(tmp_path, forks):
    done = forks.run(tmp_path, "nowhere.py")
    assert done.returncode == 2 and "can't open file 'nowhere.py'" in done.stderr


# -- the report ----------------------------------------------------------------------------------------------------------


def test_the_names_that_a_program_uses():
    lines = (
        "import tensorflow as tf",
        "from keras import layers as L",
        "from keras.models import Model",
        "L.Dense(units=2)",
    )
    source = "\n".join([*lines, "tf.keras.Input", "Model(1)"])
    found = {(use.line, use.name, use.arguments) for use in find_uses(source)}
    assert found == {
        (2, "keras.layers", ()), (3, "keras.models.Model", ()), (4, "keras.layers.Dense", ("units",)),
        (5, "tensorflow.keras.Input", ()), (6, "keras.models.Model", ()),
    }  # fmt: skip


def test_the_report_lists_what_is_missing_and_what_differs(script, capsys):
    path = script(
        "import keras\nkeras.layers.Dense(3)\nkeras.layers.Denze(3)\nkeras.utils.to_categorical([1], classes=2)\n"
        "keras.callbacks.TerminateOnNaN()"
    )
    assert report([path]) == 1
    out = capsys.readouterr().out
    assert f"{path}:3: keras.layers.Denze: missing: jkeras.layers has no 'Denze'. Did you mean 'Dense'?" in out
    assert f"{path}:4: keras.utils.to_categorical: the argument 'classes' is missing" in out
    assert "keras.callbacks.TerminateOnNaN differs (docs/differences.md:" in out
    assert "keras.layers.Dense:" not in out and out.endswith("2 missing\n")
    assert report([script("import keras\nkeras.layers.Dense(3)", "good.py")]) == 0
    assert report([script("from keras.applications import VGG16", "absent.py")]) == 1
    assert "keras.applications.VGG16: missing: Pretrained networks are not covered." in capsys.readouterr().out


def test_notebooks_and_folders(script, tmp_path, capsys):
    cells = [
        {"cell_type": "code", "source": ["%matplotlib inline\n", "import keras\n", "keras.layers.Nope()"]},
        {"cell_type": "markdown", "source": []},
    ]
    (tmp_path / "book.ipynb").write_text(json.dumps({"cells": cells}))
    assert report([tmp_path]) == 1
    assert "book.ipynb:3: keras.layers.Nope: missing" in capsys.readouterr().out


@pytest.mark.parametrize(
    "name,content", [("book.ipynb", b"{"), ("book.ipynb", b"[]"), ("x.py", b"\xff\xfe\x00"), ("x.py", b"x = (")]
)
def test_what_cannot_be_read_is_an_error(tmp_path, capsys, name, content):
    (tmp_path / name).write_bytes(content)
    assert report([tmp_path / name]) == 2
    assert "cannot be read" in capsys.readouterr().err
    assert report([tmp_path / "empty"]) == 2
