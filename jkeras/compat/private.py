"""Keras's private modules, as far as programs import them.

A name of `keras.src.layers.core.dense` is looked up in the public namespaces: first in the one that the path names (`layers`), then
in the others. So a program that imports a public class from its private place gets it. `private_names.py` has what no public
namespace has.
"""

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

from jkeras.compat.private_names import ALIASES, LAZY, OWN, LazyModule

NAMESPACES = (
    *(
        "layers",
        "ops",
        "models",
        "losses",
        "metrics",
        "optimizers",
        "optimizers.schedules",
        "callbacks",
        "initializers",
        "regularizers",
    ),
    *(
        "constraints",
        "activations",
        "random",
        "saving",
        "utils",
        "config",
        "dtype_policies",
        "backend",
        "tree",
        "wrappers",
        "",
    ),
)
# The names of Keras's private modules and folders.
MODULES = frozenset(
    """
accuracy_metrics activation activations activity_regularization adadelta adafactor adagrad adam adamax adamw
adaptive_average_pooling1d adaptive_average_pooling2d adaptive_average_pooling3d adaptive_max_pooling1d
adaptive_max_pooling2d adaptive_max_pooling3d add additive_attention alpha_dropout api_export applications
argument_validation array_data_adapter array_slicing attention audio_dataset_utils aug_mix auto_contrast average
average_pooling1d average_pooling2d average_pooling3d awq awq_config awq_core backend backend_utils backup_and_restore
base_adaptive_pooling base_conv base_conv_transpose base_depthwise_conv base_global_pooling base_image_preprocessing_layer
base_merge base_optimizer base_pooling base_separable_conv batch_normalization bidirectional boston_housing bounding_box
bounding_boxes california_housing callback callback_list callbacks category_encoding center_crop cifar cifar10 cifar100 clahe
cloning code_stats common compile_utils concatenate config confusion_metrics constant_initializers constraints conv1d
conv1d_transpose conv2d conv2d_transpose conv3d conv3d_transpose conv_lstm conv_lstm1d conv_lstm2d conv_lstm3d converters
convolutional core correlation_metrics cropping1d cropping2d cropping3d csv_logger cut_mix data_adapter data_adapter_utils
data_adapters data_layer dataset_utils datasets dense depthwise_conv1d depthwise_conv2d discretization distillation
distillation_loss distiller distribution distribution_lib dmtree_impl dot draw_bounding_boxes draw_segmentation_masks dropout
dropout_rnn_cell dtype_policies dtype_policy dtype_policy_map dtype_utils dtypes early_stopping einops einsum_dense elu
embedding epoch_iterator equalization export f_score_metrics fashion_mnist feature_space file_editor file_utils fixes flatten
formats ftrl function functional gaussian_dropout gaussian_noise generator_data_adapter global_average_pooling1d
global_average_pooling2d global_average_pooling3d global_max_pooling1d global_max_pooling2d global_max_pooling3d global_state
gptq gptq_config gptq_core grain_dataset_adapter grain_utils group_normalization grouped_query_attention gru hashed_crossing
hashing hinge_metrics history identity image image_dataset_utils image_preprocessing image_utils imdb index_lookup
initializer initializers input_layer input_spec integer_lookup io_utils iou iou_metrics jax jax_layer jax_utils
keras_saveable keras_tensor lamb lambda_callback lambda_layer layer layer_normalization layers leaky_relu
learning_rate_schedule learning_rate_scheduler legacy linalg lion loss loss_scale_optimizer losses lstm masking math
max_num_bounding_box max_pooling1d max_pooling2d max_pooling3d maximum mel_spectrogram merging metric metrics metrics_utils
minimum mix_up mnist model model_checkpoint model_visualization models module_utils monitor_callback multi_head_attention
multi_optimizer multiply muon nadam name_scope naming nn node normalization npz_utils numerical_utils numpy
object_registration operation operation_utils ops optimizer optimizers optree_impl orbax_checkpoint orbax_util permute
pipeline plot_bounding_box_gallery plot_image_gallery plot_segmentation_mask_gallery pooling prelu preprocessing
probabilistic_metrics progbar progbar_logger py_dataset_adapter python_utils quantization_config quantizers rand_augment
random random_brightness random_color_degeneration random_color_jitter random_contrast random_crop random_elastic_transform
random_erasing random_flip random_gaussian_blur random_grayscale random_hue random_initializers random_invert
random_perspective random_posterization random_rotation random_saturation random_sharpness random_shear random_translation
random_zoom reduce_lr_on_plateau reduction_metrics regression_metrics regularization regularizers relu remat remote_monitor
repeat_vector rescaling reshape reshaping resizing reuters reversible_embedding rms_normalization rmsprop rng_utils rnn
saving saving_api saving_lib schedule_free_adamw schedules seed_generator separable_conv1d separable_conv2d sequence_utils
sequential serialization_lib sgd simple_rnn sklearn_wrapper softmax solarization sparse spatial_dropout
spectral_normalization stacked_rnn_cells stateless_scope stft_spectrogram string_lookup subtract summary_utils
swap_ema_weights symbolic_arguments symbolic_scope tensor_attributes tensorboard terminate_on_nan testing tests
text_dataset_utils text_vectorization tf_dataset_adapter tf_utils time_distributed timeseries_dataset_utils
torch_data_loader_adapter torch_utils torchtree_impl traceback_utils tracking trainer trainers tree tree_api
unit_normalization up_sampling1d up_sampling2d up_sampling3d utils validation variable_mapping variables version
visualization wrapper wrappers zero_padding1d zero_padding2d zero_padding3d
""".split()  # noqa: SIM905 (a list of them takes 350 lines)
)


def module(fullname: str, path: str, view: Callable) -> ModuleType:
    """The view for a private module.

    Args:
        fullname: under which it is imported: `"keras.src.layers.core.dense"`.
        path: what follows `keras.src.`.
        view: the class of the module.

    Raises:
        ModuleNotFoundError: Keras has no such module.
    """
    if path and path.rpartition(".")[2] not in MODULES:
        raise ModuleNotFoundError(f"Keras has no module {fullname}.", name=fullname)
    first = path.partition(".")[0]
    order = [first, *NAMESPACES] if first in NAMESPACES else list(NAMESPACES)

    def find(name: str) -> Any:
        if path.endswith("module_utils") and name in LAZY:
            return LazyModule(name)
        wanted = ALIASES.get(name, name)
        for namespace in order:
            public = importlib.import_module(f"jkeras.{namespace}".rstrip("."))
            found = getattr(public, wanted, None) if wanted in dir(public) else None
            if found is not None and not (isinstance(found, ModuleType) and name in MODULES):
                return found
        if name in OWN:
            return OWN[name]
        if name in MODULES:
            return module(f"{fullname}.{name}", f"{path}.{name}".lstrip("."), view)
        raise AttributeError(
            f"{fullname} is a private module of Keras, and jkeras has no public name {name!r} that could replace it.",
            name=name,
        )

    return view(fullname, find, lambda: [], f"Names of {fullname}, looked up in jkeras's public namespaces.")
