"""All layers."""

from jkeras.layers.activation import *  # noqa: F403
from jkeras.layers.adaptive_pooling import *  # noqa: F403
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
from jkeras.layers.jax_layer import *  # noqa: F403
from jkeras.layers.merging import *  # noqa: F403
from jkeras.layers.normalization import *  # noqa: F403
from jkeras.layers.pooling import *  # noqa: F403
from jkeras.layers.preprocessing.box_count import *  # noqa: F403
from jkeras.layers.preprocessing.categories import *  # noqa: F403
from jkeras.layers.preprocessing.colors import *  # noqa: F403
from jkeras.layers.preprocessing.distortions import *  # noqa: F403
from jkeras.layers.preprocessing.framing import *  # noqa: F403
from jkeras.layers.preprocessing.geometry import *  # noqa: F403
from jkeras.layers.preprocessing.hashing import *  # noqa: F403
from jkeras.layers.preprocessing.histograms import *  # noqa: F403
from jkeras.layers.preprocessing.hue import *  # noqa: F403
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
from jkeras.layers.rnn import *  # noqa: F403
from jkeras.layers.separable import *  # noqa: F403
from jkeras.layers.sequence_wrappers import *  # noqa: F403
from jkeras.layers.serialization import *  # noqa: F403
from jkeras.layers.spectral_normalization import *  # noqa: F403
from jkeras.layers.wrapper import *  # noqa: F403
from jkeras.serialization import publish
from jkeras.serialization.namespace import namespace

# Where several names lead to one class, files are written with the first.
__all__ = [
    "Input", "InputLayer", "InputSpec", "Layer", "Activation", "Dense", "Identity", "Lambda", "Masking", "EinsumDense",
    "Embedding", "FlaxLayer", "JaxLayer",
    "ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax", "ActivityRegularization", "AlphaDropout", "Dropout",
    "GaussianDropout", "GaussianNoise", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "Cropping1D",
    "Cropping2D", "Cropping3D", "Flatten", "Permute", "RepeatVector", "Reshape", "UpSampling1D", "UpSampling2D",
    "UpSampling3D", "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D", "Add", "Average", "Concatenate", "Dot", "Maximum",
    "Minimum", "Multiply", "Subtract", "add", "average", "concatenate", "dot", "maximum", "minimum", "multiply",
    "subtract", "Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", "Convolution1D",
    "Convolution2D", "Convolution3D", "Convolution1DTranspose", "Convolution2DTranspose", "Convolution3DTranspose",
    "DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D", "SeparableConvolution1D",
    "SeparableConvolution2D", "MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "AveragePooling1D", "AveragePooling2D",
    "AveragePooling3D", "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D", "GlobalAveragePooling1D",
    "GlobalAveragePooling2D", "GlobalAveragePooling3D", "AdaptiveMaxPooling1D", "AdaptiveMaxPooling2D",
    "AdaptiveMaxPooling3D", "AdaptiveAveragePooling1D", "AdaptiveAveragePooling2D", "AdaptiveAveragePooling3D",
    "MaxPool1D", "MaxPool2D", "MaxPool3D", "AvgPool1D", "AvgPool2D", "AvgPool3D", "GlobalMaxPool1D", "GlobalMaxPool2D",
    "GlobalMaxPool3D", "GlobalAvgPool1D", "GlobalAvgPool2D", "GlobalAvgPool3D", "GroupNormalization",
    "LayerNormalization", "RMSNormalization", "UnitNormalization", "BatchNormalization", "Wrapper",
    "SpectralNormalization", "GRU", "LSTM", "RNN", "SimpleRNN", "GRUCell", "LSTMCell", "SimpleRNNCell",
    "StackedRNNCells", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Bidirectional", "TimeDistributed", "AdditiveAttention",
    "Attention", "GroupQueryAttention", "MultiHeadAttention", "ReversibleEmbedding", "Rescaling", "Normalization",
    "CenterCrop", "RandomCrop", "Resizing", "RandomFlip", "RandomRotation", "RandomShear", "RandomTranslation",
    "RandomZoom", "RandomBrightness", "RandomColorDegeneration", "RandomColorJitter", "RandomContrast",
    "RandomGrayscale", "RandomHue", "RandomInvert", "RandomPosterization", "RandomSaturation", "RandomGaussianBlur",
    "RandomSharpness", "RandomElasticTransform", "RandomErasing", "RandomPerspective", "AutoContrast",
    "ContrastLimitedAdaptiveHistogramEqualization", "Equalization", "Solarization", "CutMix", "MixUp", "AugMix",
    "RandAugment", "MelSpectrogram", "STFTSpectrogram", "MaxNumBoundingBoxes", "CategoryEncoding", "Discretization",
    "Pipeline", "IntegerLookup", "StringLookup", "TextVectorization", "HashedCrossing", "Hashing", "deserialize",
    "serialize",
]  # fmt: skip
publish("keras.layers", {name: globals()[name] for name in __all__ if name not in ("deserialize", "serialize")})

__getattr__, __dir__ = namespace(__name__, __all__)
