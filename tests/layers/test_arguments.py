"""Arguments that no layer can work with are refused by name, and what the catalogue's rows do not reach."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jkeras
from jkeras import layers
from tests.oracle import assert_close, keras

REFUSED = {
    "Dense units": (lambda: layers.Dense(0), "units=0"),
    "Conv filters": (lambda: layers.Conv2D(0, 3), "filters=0"),
    "Conv groups": (lambda: layers.Conv2D(3, 3, groups=2), "2 equal groups"),
    "Conv kernel": (lambda: layers.Conv2D(3, (3, 3, 3)), "Conv2D needs kernel_size="),
    "Conv zero kernel": (lambda: layers.Conv2D(3, 0), "Conv2D needs kernel_size="),
    "Conv padding": (lambda: layers.Conv2D(3, 3, padding="causal"), "padding='causal'"),
    "Conv strides and dilation": (lambda: layers.Conv1D(3, 3, strides=2, dilation_rate=2), "strides and dilation_rate"),
    "Conv data format": (lambda: layers.Conv1D(3, 3, data_format="channel_last"), "Did you mean 'channels_last'"),
    "Conv typo": (lambda: layers.Conv1D(3, 3, kernel_initialiser="ones"), "Did you mean 'kernel_initializer'"),
    "Conv transpose": (lambda: layers.Conv1DTranspose(3, 3, strides=2, output_padding=2), "output_padding below strides"),
    "pool size": (lambda: layers.MaxPooling2D((2, 2, 2)), "MaxPooling2D needs pool_size="),
    "pool padding": (lambda: layers.MaxPooling2D(padding="full"), "padding='full'"),
    "rate": (lambda: layers.Dropout(1.5), "rate=1.5"),
    "stddev": (lambda: layers.GaussianNoise(-1.0), "stddev=-1.0"),
    "Embedding": (lambda: layers.Embedding(0, 3), "input_dim=0"),
    "groups": (lambda: layers.GroupNormalization(0), "groups=0"),
    "renorm": (lambda: layers.BatchNormalization(renorm=True, renorm_clipping={"max": 1}), "renorm_clipping="),
    "power iterations": (lambda: layers.SpectralNormalization(layers.Dense(2), 0), "power_iterations"),
    "wrapped": (lambda: layers.SpectralNormalization("dense"), "needs layer= a Layer"),
    "Permute": (lambda: layers.Permute((0, 1)), "dims=\\(0, 1\\)"),
    "Reshape": (lambda: layers.Reshape((-1, -1)), "at most one -1"),
    "interpolation": (lambda: layers.UpSampling2D(interpolation="bilinaer"), "Did you mean 'bilinear'"),
    "Cropping": (lambda: layers.Cropping2D((1, 2, 3)), "cropping=\\(1, 2, 3\\)"),
    "Dot": (lambda: layers.Dot((1, 2, 3)), "axes=\\(1, 2, 3\\)"),
    "slope": (lambda: layers.LeakyReLU(-0.5), "negative_slope=-0.5"),
    "max value": (lambda: layers.ReLU(-1.0), "max_value=-1.0"),
    "equation": (lambda: layers.EinsumDense("ab,bc", 3).build((None, 2)), "equation='ab,bc'"),
    "equation's sizes": (lambda: layers.EinsumDense("abc,cd->abd", (4, 2)).build((None, 3, 5)), "axis 'b' has size 3"),
    "normalized axis": (lambda: layers.LayerNormalization(axis=3).build((None, 2)), "axis=3"),
    "merged shapes": (lambda: layers.Add(name="sum").build([(2, 3), (2, 4)]), "'sum'.*shapes"),
    "merged batch": (lambda: layers.Add(name="sum").build([(2, 3), (4, 3)]), "'sum'.*shapes"),
    "one merged": (lambda: layers.Add(name="sum").build((2, 3)), "'sum'.*list"),
    "concatenated": (lambda: layers.Concatenate(name="cat").build([(2, 3), (2, 3, 1)]), "'cat'.*shapes"),
    "two subtracted": (lambda: layers.Subtract(name="less").build([(2, 3)] * 3), "takes 2 inputs"),
    "dotted": (lambda: layers.Dot(1, name="dot").build([(2, 3), (2, 4)]), "'dot'.*one length"),
    "Lambda": (lambda: layers.Lambda(lambda x: x, output_shape=(3,), name="f")(np.ones((1, 2))), "'f'.*output_shape"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_arguments_are_refused_by_name(case):
    make, message = REFUSED[case]
    with pytest.raises((ValueError, TypeError), match=message):
        make()


def test_spectral_normalization_leaves_the_kernel_to_the_optimizer():
    layer = layers.SpectralNormalization(layers.Dense(3))
    layer.build((None, 4))
    before = layer.get_weights()
    layer(np.ones((2, 4), "float32"), training=True)
    after = layer.get_weights()
    assert_close([before[0], before[2]], [after[0], after[2]], rtol=0)
    assert not np.allclose(before[1], after[1])  # vector_u has moved


def test_a_frozen_batch_normalization_uses_and_keeps_its_averages():
    layer = layers.BatchNormalization()
    layer.build((None, 2))
    layer.trainable = False
    x = np.array([[1.0, 5.0], [3.0, 9.0]], "float32")
    assert_close(layer(x, training=True), x / np.sqrt(1 + layer.epsilon), rtol=1e-6)
    assert_close(layer.moving_mean.numpy(), np.zeros(2))


def test_variances_have_exact_second_derivatives():
    """As a penalty on the gradient of a normalized critic needs them."""
    x = jnp.asarray(np.random.default_rng(0).normal(size=(3, 2)), "float32")
    ours = jax.hessian(lambda x: jnp.sum(jnp.sin(jkeras.ops.moments(x, 0)[1])))(x)
    assert_close(ours, jax.hessian(lambda x: jnp.sum(jnp.sin(jnp.var(x, 0))))(x), rtol=1e-5)


@pytest.mark.parametrize("name", ["add", "average", "maximum", "minimum", "multiply", "subtract", "concatenate", "dot"])
def test_merges_are_functions_too(name):
    inputs = [np.array([[1.0, 2.0]], "float32"), np.array([[3.0, 0.5]], "float32")]
    assert_close(getattr(layers, name)(inputs), getattr(keras.layers, name)(inputs))


def test_lambda_gets_what_it_has_arguments_for():
    def scaled(x, factor, training):
        return x * factor if training else x

    layer = layers.Lambda(scaled, arguments={"factor": 2.0})
    assert layer(np.ones(1, "float32"), training=True).tolist() == [2.0]
    assert layer(np.ones(1, "float32")).tolist() == [1.0]


def test_the_initial_table_of_an_embedding():
    table = np.arange(6.0, dtype="float32").reshape(3, 2)
    assert layers.Embedding(3, 2, weights=[table])(np.array([[2]])).tolist() == [[[4.0, 5.0]]]
    with pytest.raises(ValueError, match="shapes"):
        layers.Embedding(3, 3, weights=table)


def test_einsum_initial_weights_are_those_of_keras():
    """The fans are counted by the equation, not by the kernel's shape."""

    def kernel(k):
        k.utils.set_random_seed(7)
        layer = k.layers.EinsumDense("abc,cde->abde", (None, 4, 5))
        layer.build((None, 2, 3))
        return np.asarray(layer.kernel)

    assert_close(kernel(jkeras), kernel(keras), rtol=1e-6)
