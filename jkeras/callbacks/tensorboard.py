"""`TensorBoard`: results, weights and traces in files that TensorBoard shows."""

import functools
import importlib.util
import os
import re
import time
import warnings
from collections.abc import Iterable
from numbers import Integral
from typing import Any

import jax
import numpy as np

from jkeras.callbacks.base import Callback
from jkeras.callbacks.folders import make_writable
from jkeras.callbacks.learning_rate import log_rates
from jkeras.runtime.mesh import is_first_process

INSTALL = 'TensorBoard(...) writes with the library tensorboardX. Install it:\n    pip install "jkeras[tensorboard]"'


class TensorBoard(Callback):
    """A callback that writes results for TensorBoard (`tensorboard --logdir logs`), into the folders `train` and
    `validation` of `log_dir`.

    The tags are Keras's: `epoch_loss`, `batch_loss`, `evaluation_loss_vs_iterations`, `kernel/histogram`, ... Results of
    every batch do not slow the compiled loop down: it records them, and they are written after it has returned.

    Args:
        log_dir: the folder to write to; it is made if it is not there.
        histogram_freq: write a histogram of each weight every so many epochs; 0 for never.
        write_graph: whether to write the config of a functional or sequential model, which TensorBoard draws as a graph.
        write_images: whether to write weights of one to three dimensions as images with the histograms. Black is the
            smallest number of a weight, white the largest.
        write_steps_per_second: whether to write how many steps a second takes; with results of batches, for these as well.
            If it is asked for every batch, the loop returns after every batch.
        update_freq: `"epoch"`, `"batch"` for the results of every batch as well, or a number for those of every so many
            batches. The results of a batch are those of the epoch so far.
        profile_batch: the batch of the run to trace with JAX's profiler, counted from 1, or a pair of the first and the last
            one (also as text, `"10,20"`); 0 for none.
        embeddings_freq: write the vectors of `Embedding` layers every so many epochs; 0 for never.
        embeddings_metadata: the name of a file with one label per line and row of the embeddings, or a dict of the layers'
            names to such names.

    Raises:
        ImportError: tensorboardX is not installed.
        OSError: the folder cannot be written; this is found out before training begins.
        ValueError: an `update_freq` or a `profile_batch` that is none of the above, or `embeddings_metadata` for layers that the
            model does not have.

    >>> import jkeras, numpy as np, os, tempfile
    >>> model = jkeras.Sequential([jkeras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> folder = tempfile.mkdtemp()
    >>> x, y = np.ones((8, 2)), np.ones((8, 1))
    >>> history = model.fit(x, y, validation_data=(x, y), verbose=0, callbacks=[TensorBoard(folder)])
    >>> sorted(os.listdir(folder))
    ['train', 'validation']
    """

    def __init__(
        self,
        log_dir: str | os.PathLike = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: Any = "epoch",
        profile_batch: int | str | tuple[int, int] = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: str | dict | None = None,
    ):
        super().__init__()
        if importlib.util.find_spec("tensorboardX") is None:
            raise ImportError(INSTALL)
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq, self.write_graph, self.write_images = histogram_freq, write_graph, write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        if self.update_freq != "epoch" and not _is_count(self.update_freq):
            raise ValueError(
                f"TensorBoard(update_freq={update_freq!r}) must be 'epoch', 'batch', or a number of batches, 1 or more."
            )
        self.embeddings_freq, self.embeddings_metadata = embeddings_freq, embeddings_metadata
        self._start_batch, self._stop_batch = _profiled(profile_batch)
        self._writers: dict[str, Any] = {}
        self._global_train_batch = 0
        self._due = 0  # with a trace to make: the step that the hooks are called for
        self._is_tracing = self._is_training = False
        self._graph_written = False

    @property
    def batch_calls(self) -> Any:
        """The steps after which the batch hooks are called: none if only epochs are written; otherwise every batch
        (later, with recorded logs), every n-th batch, or those around the traced batches.
        """
        if self._start_batch:
            return self._next_step
        if self.update_freq == "epoch":
            return []
        if self.update_freq == 1:
            return "each" if self.write_steps_per_second else "later"
        return self.update_freq

    def _next_step(self, step: int) -> int | None:
        wanted = [number - 1 for number in (self._start_batch, self._stop_batch)]
        if self.update_freq != "epoch":
            wanted.append(step + self.update_freq - 1 - step % self.update_freq)
        due = min((number for number in wanted if number >= step), default=None)
        self._due = step if due is None else due
        return due

    # -- the hooks ----------------------------------------------------------------------------------------------------

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        self._train_dir, self._val_dir = (os.path.join(self.log_dir, name) for name in ("train", "validation"))
        self._close()
        self._graph_written = False
        if self.embeddings_freq and isinstance(self.embeddings_metadata, dict):
            unknown = set(self.embeddings_metadata) - {layer.name for layer in self._embeddings()}
            if unknown:
                raise ValueError(
                    f"Unrecognized `Embedding` layer names passed to TensorBoard's `embeddings_metadata` argument: {sorted(unknown)}. "
                    f"The model has {[layer.name for layer in self._embeddings()]}."
                )

    def get_state(self) -> dict:
        return {"batch": self._global_train_batch}

    def set_state(self, state: dict) -> None:
        self._global_train_batch = state["batch"]

    def on_train_begin(self, logs: dict | None = None) -> None:
        make_writable(self.log_dir, "TensorBoard")
        self._global_train_batch, self._is_training = 0, True
        if self.write_graph and not self._graph_written:
            self._graph_written = True
            self._write_graph()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._epoch_began, self._steps_before = time.perf_counter(), self._iterations()
        self._batch_began = self._epoch_began

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        if self._start_batch and self._due + 1 == self._start_batch and not self._is_tracing:
            jax.profiler.start_trace(self._train_dir)
            self._is_tracing = True

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        before, kind = self._global_train_batch, self.batch_calls
        if self._start_batch:
            self._global_train_batch = self._due + 1
        else:
            self._global_train_batch += kind if _is_count(kind) else 1
        step = self._global_train_batch
        if self._is_tracing and step >= self._stop_batch:
            self._stop_trace()
        if self.update_freq == "epoch" or step % self.update_freq:
            return
        shown = {name: value for name, value in (logs or {}).items() if name != "batch_loss"}
        if self.write_steps_per_second:
            now = time.perf_counter()
            shown["steps_per_second"] = (step - before) / (now - self._batch_began)
            self._batch_began = now
        self._scalars("train", "batch_{}", shown, step)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if logs:
            train = {name: value for name, value in logs.items() if not name.startswith("val_")}
            validation = {name.removeprefix("val_"): value for name, value in logs.items() if name.startswith("val_")}
            if self.model.optimizer is not None:
                log_rates(self.model, train)
            if self.write_steps_per_second:
                seconds = time.perf_counter() - self._epoch_began
                train["steps_per_second"] = (self._iterations() - self._steps_before) / seconds
            self._scalars("train", "epoch_{}", train, epoch)
            self._scalars("validation", "epoch_{}", validation, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            self._write_embeddings(epoch)
        for writer in self._writers.values():
            writer.flush()

    def on_test_end(self, logs: dict | None = None) -> None:
        if self.model.optimizer is not None:
            self._scalars("validation", "evaluation_{}_vs_iterations", logs or {}, self._iterations())
        if not self._is_training:
            self._close()

    def on_train_end(self, logs: dict | None = None) -> None:
        self._stop_trace()
        self._close()
        self._is_training = False

    def on_train_error(self, error: BaseException) -> None:
        self.on_train_end()

    # -- what is written ----------------------------------------------------------------------------------------------

    def _writer(self, name: str) -> Any:
        from tensorboardX import SummaryWriter  # optional, and slow to import

        if name not in self._writers:
            folder = self._train_dir if name == "train" else self._val_dir
            self._writers[name] = SummaryWriter(folder, write_to_disk=is_first_process())
        return self._writers[name]

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def _iterations(self) -> int:
        return 0 if self.model.optimizer is None else int(self.model.optimizer.iterations)

    def _scalars(self, name: str, tag: str, logs: dict, step: int) -> None:
        """Write the scalars of `logs` as one event, which costs a third of an event for each."""
        from tensorboardX.proto.summary_pb2 import Summary

        values = [
            Summary.Value(tag=_as_tag(tag.format(key)), simple_value=float(value))
            for key, value in logs.items()
            if np.ndim(value) == 0
        ]
        if values:
            self._writer(name).file_writer.add_summary(Summary(value=values), step)

    def _write_weights(self, epoch: int) -> None:
        writer = self._writer("train")
        for layer in self.model.layers:
            for weight in layer.weights:
                tag, value = weight.path.replace(":", "_"), np.asarray(weight.value).astype("float32")
                finite = value[np.isfinite(value)]
                if finite.size:
                    writer.add_histogram(f"{tag}/histogram", finite, epoch)
                if self.write_images and finite.size:
                    image = _as_images(np.nan_to_num(value, nan=finite.min(), posinf=finite.max(), neginf=finite.min()))
                    if image is not None:
                        writer.add_images(f"{tag}/image", image, epoch, dataformats="NHWC")

    def _write_graph(self) -> None:
        """The model's config, as TensorBoard's plugin for Keras models reads it."""
        if not any(kind.__name__ in ("Functional", "Sequential") for kind in type(self.model).__mro__):
            return
        from tensorboardX.proto.summary_pb2 import Summary, SummaryMetadata
        from tensorboardX.proto.tensor_pb2 import TensorProto

        try:
            text = self.model.to_json()
        except Exception as error:
            warnings.warn(f"The model's graph is not written for TensorBoard: {error}", stacklevel=3)
            return
        plugin = SummaryMetadata.PluginData(plugin_name="graph_keras_model", content=b"1")
        content = TensorProto(dtype="DT_STRING", string_val=[text.encode()])
        value = Summary.Value(tag="keras", metadata=SummaryMetadata(plugin_data=plugin), tensor=content)
        self._writer("train").file_writer.add_summary(Summary(value=[value]), 0)

    def _embeddings(self) -> Iterable[Any]:
        return [layer for layer in self.model.layers if any(kind.__name__ == "Embedding" for kind in type(layer).__mro__)]

    def _write_embeddings(self, epoch: int) -> None:
        for layer in self._embeddings():
            named = self.embeddings_metadata
            file = named.get(layer.name) if isinstance(named, dict) else named
            labels = None
            if file is not None:
                with open(os.path.join(self.log_dir, file)) as lines:
                    labels = lines.read().splitlines()
            vectors = np.asarray(layer.embeddings.value).astype("float32")
            self._writer("train").add_embedding(vectors, metadata=labels, tag=layer.name, global_step=epoch)

    def _stop_trace(self) -> None:
        if self._is_tracing:
            self._is_tracing = False
            jax.profiler.stop_trace()


def _is_count(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and value > 0  # type: ignore[operator]


def _profiled(batches: Any) -> tuple[int, int]:
    """The first and the last batch to trace, counted from 1; zeros for none."""
    given = batches
    try:
        if isinstance(batches, str):
            batches = tuple(int(number) for number in batches.split(","))
            batches = batches[0] if len(batches) == 1 else batches
        start, stop = (batches, batches) if isinstance(batches, Integral) else batches
        if 0 <= start <= stop and (start > 0 or stop == 0):  # type: ignore[operator]
            return int(start), int(stop)
    except (TypeError, ValueError):
        pass
    raise ValueError(
        "profile_batch must be a non-negative integer or 2-tuple of positive integers. A pair of positive integers signifies a "
        f"range of batches to profile. Found: {given!r}"
    )


@functools.cache
def _as_tag(name: str) -> str:
    """A name with the characters that TensorBoard allows in a tag."""
    return re.sub(r"[^-/\w.]", "_", name).lstrip("/")


def _as_images(weight: np.ndarray) -> np.ndarray | None:
    """A weight as gray images of shape `(count, height, width, 1)`, between 0 and 1; None for other numbers of dimensions.

    >>> _as_images(np.array([1.0, 2.0, 3.0])).ravel().tolist()
    [0.0, 0.5, 1.0]
    >>> _as_images(np.zeros((5, 2))).shape, _as_images(np.zeros((3, 2, 4))).shape
    ((1, 2, 5, 1), (4, 3, 2, 1))
    """
    weight = np.squeeze(weight)
    span = np.ptp(weight)
    weight = (weight - weight.min()) / (span if span else 1.0)
    if weight.ndim == 1:
        return weight[None, :, None, None]
    if weight.ndim == 2:
        return (weight.T if weight.shape[0] > weight.shape[1] else weight)[None, :, :, None]
    if weight.ndim == 3:
        return weight.transpose(2, 0, 1)[..., None]
    return None
