"""`make demo`: the tutorial's model on real data, from import to prediction.

Two measurements of each of 569 breast tumours (scikit-learn's bundled Wisconsin data), standardized; the model tells
malignant from benign.
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

import jkeras
from jkeras.layers import Dense
from jkeras.models import Sequential
from jkeras.utils import to_categorical

PICTURE = Path("learning_curves.png")


def load() -> tuple:
    """Mean radius and mean concavity of the tumours, standardized, and their classes, one-hot."""
    data = load_breast_cancer()
    features = [list(data.feature_names).index(name) for name in ("mean radius", "mean concave points")]
    x = data.data[:, features]
    x = ((x - x.mean(axis=0)) / x.std(axis=0)).astype("float32")
    return (*train_test_split(x, to_categorical(data.target), test_size=0.25, random_state=0), data.target_names)


def plot(history: dict, path: Path) -> None:
    """Save the learning curves."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), constrained_layout=True)
    for axis, name in zip(axes, ("loss", "accuracy"), strict=True):
        axis.plot(np.arange(1, len(history[name]) + 1), history[name], label="training")
        axis.plot(np.arange(1, len(history[name]) + 1), history[f"val_{name}"], label="validation")
        axis.set(xlabel="epoch", ylabel=name)
        axis.grid(alpha=0.3)
        axis.legend()
    figure.suptitle("The tutorial's model on the breast cancer data")
    figure.savefig(path, dpi=120)


def main() -> None:
    """Train, evaluate, predict, plot."""
    jkeras.utils.set_random_seed(0)
    x_train, x_test, y_train, y_test, names = load()

    model = Sequential()
    model.add(Dense(units=5, activation="relu", input_dim=2))
    model.add(Dense(units=2, activation="softmax"))
    model.summary()
    model.compile(loss="categorical_crossentropy", optimizer="sgd", metrics=["accuracy"])
    history = model.fit(x_train, y_train, epochs=100, batch_size=5, validation_split=0.2)

    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"\nTest loss {loss:.4f}, test accuracy {accuracy:.1%}")
    print("A few predictions:")
    for probabilities, truth in zip(model.predict(x_test[:5], verbose=0), y_test[:5], strict=True):
        shown = ", ".join(f"{name} {p:.1%}" for name, p in zip(names, probabilities, strict=True))
        print(f"  {shown}  (truly {names[truth.argmax()]})")
    plot(history.history, PICTURE)
    print(f"Learning curves saved in {PICTURE}")


if __name__ == "__main__":
    main()
