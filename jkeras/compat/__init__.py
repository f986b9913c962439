"""Run programs that were written for Keras: `import keras` imports jkeras.

    python -m jkeras script.py             # in a process of its own
    with jkeras.as_keras():                # in a program
        import keras_tuner

Nothing on disk changes. `hook.py` answers the imports, `private.py` those of Keras's private modules, `tensorflow.py`
stands in for TensorFlow where it is not installed, `report.py` lists the names of Keras that a program uses, without
running it.
"""
