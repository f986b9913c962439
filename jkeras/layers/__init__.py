"""The layers."""

from jkeras.layers import (
    activation,
    attention,
    attention_heads,
    batch_normalization,
    conv_lstm,
    convolutional,
    core,
    einsum_dense,
    embedding,
    merging,
    normalization,
    pooling,
    recurrent,
    recurrent_cells,
    regularization,
    reshaping,
    reversible_embedding,
    separable,
    sequence_wrappers,
    serialization,
    spectral_normalization,
    wrapper,
)
from jkeras.layers.activation import *  # noqa: F403
from jkeras.layers.attention import *  # noqa: F403
from jkeras.layers.attention_heads import *  # noqa: F403
from jkeras.layers.base import Layer
from jkeras.layers.batch_normalization import *  # noqa: F403
from jkeras.layers.conv_lstm import *  # noqa: F403
from jkeras.layers.convolutional import *  # noqa: F403
from jkeras.layers.core import *  # noqa: F403
from jkeras.layers.einsum_dense import *  # noqa: F403
from jkeras.layers.embedding import *  # noqa: F403
from jkeras.layers.input_layer import Input, InputLayer
from jkeras.layers.input_spec import InputSpec
from jkeras.layers.merging import *  # noqa: F403
from jkeras.layers.normalization import *  # noqa: F403
from jkeras.layers.pooling import *  # noqa: F403
from jkeras.layers.preprocessing import (
    box_count,
    categories,
    colors,
    distortions,
    framing,
    geometry,
    hashing,
    histograms,
    lookup,
    mixing,
    pipeline,
    policies,
    rescaling,
    sharpness,
    spectrograms,
    text_vectorization,
)
from jkeras.layers.preprocessing import normalization as data_normalization
from jkeras.layers.preprocessing.box_count import *  # noqa: F403
from jkeras.layers.preprocessing.categories import *  # noqa: F403
from jkeras.layers.preprocessing.colors import *  # noqa: F403
from jkeras.layers.preprocessing.distortions import *  # noqa: F403
from jkeras.layers.preprocessing.framing import *  # noqa: F403
from jkeras.layers.preprocessing.geometry import *  # noqa: F403
from jkeras.layers.preprocessing.hashing import *  # noqa: F403
from jkeras.layers.preprocessing.histograms import *  # noqa: F403
from jkeras.layers.preprocessing.lookup import *  # noqa: F403
from jkeras.layers.preprocessing.mixing import *  # noqa: F403
from jkeras.layers.preprocessing.normalization import *  # noqa: F403
from jkeras.layers.preprocessing.pipeline import *  # noqa: F403
from jkeras.layers.preprocessing.policies import *  # noqa: F403
from jkeras.layers.preprocessing.rescaling import *  # noqa: F403
from jkeras.layers.preprocessing.sharpness import *  # noqa: F403
from jkeras.layers.preprocessing.spectrograms import *  # noqa: F403
from jkeras.layers.preprocessing.text_vectorization import *  # noqa: F403
from jkeras.layers.recurrent import *  # noqa: F403
from jkeras.layers.recurrent_cells import *  # noqa: F403
from jkeras.layers.regularization import *  # noqa: F403
from jkeras.layers.reshaping import *  # noqa: F403
from jkeras.layers.reversible_embedding import *  # noqa: F403
from jkeras.layers.separable import *  # noqa: F403
from jkeras.layers.sequence_wrappers import *  # noqa: F403
from jkeras.layers.serialization import *  # noqa: F403
from jkeras.layers.spectral_normalization import *  # noqa: F403
from jkeras.layers.wrapper import *  # noqa: F403
from jkeras.serialization import publish
from jkeras.serialization.namespace import namespace

_FAMILIES = (
    *(core, einsum_dense, embedding, activation, regularization, reshaping, merging, convolutional, separable, pooling),
    *(
        normalization,
        batch_normalization,
        wrapper,
        spectral_normalization,
        recurrent,
        recurrent_cells,
        conv_lstm,
        sequence_wrappers,
    ),
    *(attention, attention_heads, reversible_embedding),
    *(rescaling, data_normalization, framing, geometry, colors, sharpness, distortions, histograms, mixing),
    *(policies, spectrograms, box_count, categories, pipeline, lookup, text_vectorization, hashing),
)
__all__ = ["Input", "InputLayer", "InputSpec", "Layer", *(name for family in _FAMILIES for name in family.__all__)]

publish("keras.layers", {name: globals()[name] for name in __all__})
__all__ += serialization.__all__

__getattr__, __dir__ = namespace(__name__, __all__)
