"""Random choices among the layers that change images, in training only."""

from typing import Any

import jax
import jax.numpy as jnp

from jkeras import random
from jkeras.layers.options import sizes
from jkeras.layers.preprocessing.colors import RandomBrightness, RandomColorDegeneration, RandomContrast, RandomPosterization
from jkeras.layers.preprocessing.geometry import (
    INTERPOLATIONS,
    RandomRotation,
    RandomShear,
    RandomTranslation,
)
from jkeras.layers.preprocessing.histograms import AutoContrast, Equalization, Solarization
from jkeras.layers.preprocessing.images import (
    ImageLayer,
    RandomImageLayer,
    Shape,
    Transformation,
    checked_range,
    chosen,
    interval,
)
from jkeras.layers.preprocessing.sharpness import RandomSharpness

__all__ = ["AugMix", "RandAugment"]


class _Policy(RandomImageLayer):
    """Draws a transformation for each of its layers, and which of them are applied."""

    order: tuple[str, ...]  # the attributes that hold the layers, in the order in which they draw

    def __init__(self, value_range: Any, factor: Any, interpolation: str, seed: int | None, kwargs: dict):
        super().__init__(seed, **kwargs)
        self.value_range = checked_range(self, value_range)
        self.factor = interval(self, "factor", factor, 0.0)
        self.interpolation = chosen(self, "interpolation", interpolation, INTERPOLATIONS)

    def make_layers(self) -> None:
        """Make the layers of `order`."""
        both: dict[str, Any] = {"data_format": self.data_format, "dtype": self.dtype_policy}
        drawn = both | {"seed": self.seed}
        moving, colored = drawn | {"interpolation": self.interpolation}, drawn | {"value_range": self.value_range}
        factor, fixed = self.factor, both | {"value_range": self.value_range}
        make = {
            "random_shear": lambda: RandomShear(factor, factor, **moving),
            "random_translation": lambda: RandomTranslation(factor, factor, **moving),
            "random_rotation": lambda: RandomRotation(factor, **moving),
            "random_brightness": lambda: RandomBrightness(factor, **colored),
            "random_color_degeneration": lambda: RandomColorDegeneration(factor, **colored),
            "random_contrast": lambda: RandomContrast(factor, **colored),
            "random_sharpness": lambda: RandomSharpness(factor, **colored),
            "random_posterization": lambda: RandomPosterization(max(1, int(8 * factor[1])), **colored),
            "solarization": lambda: Solarization(factor, factor, **colored),
            "auto_contrast": lambda: AutoContrast(**fixed),
            "equalization": lambda: Equalization(**fixed),
        }
        for name in self.order:
            setattr(self, name, make[name]())

    @property
    def parts(self) -> list[ImageLayer]:
        """The layers, in the order of their numbers."""
        return [getattr(self, name) for name in self.order]

    def draw_all(self, shape: Shape, seed: Any) -> Transformation:
        """A transformation for each layer, by its name."""
        return {name: part.draw(shape, seed) for name, part in zip(self.order, self.parts, strict=True)}


class RandAugment(_Policy):
    """A layer that in training applies a few layers, chosen at random for the batch (Cubuk et al. 2019,
    arXiv:1909.13719).

    It chooses among `RandomShear`, `RandomTranslation`, `RandomRotation`, `RandomBrightness`, `RandomColorDegeneration`,
    `RandomContrast`, `RandomSharpness`, `RandomPosterization`, `Solarization`, `AutoContrast` and `Equalization`.

    Args:
        value_range: the least and the largest value of a pixel.
        num_ops: how many layers are applied, one after another.
        factor: how strong they are: two numbers from 0 to 1 to draw from, or one number f for (0, f).
        interpolation: `"bilinear"` or `"nearest"`.
        seed: an integer; by default a random one.
        data_format: `"channels_last"` or `"channels_first"`; None for the setting in `jkeras.config`.

    Raises:
        ValueError: a factor that is not from 0 to 1, or `num_ops` is no integer from 0 on.

    >>> import numpy as np
    >>> RandAugment(seed=1)(np.ones((2, 8, 8, 3)), training=True).shape
    (2, 8, 8, 3)
    """

    order = (
        *("random_shear", "random_translation", "random_rotation", "random_brightness", "random_color_degeneration"),
        *("random_contrast", "random_sharpness", "random_posterization", "solarization", "auto_contrast", "equalization"),
    )

    def __init__(
        self,
        value_range: Any = (0, 255),
        num_ops: int = 2,
        factor: Any = 0.5,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(value_range, factor, interpolation, seed, {"data_format": data_format, **kwargs})
        (self.num_ops,) = sizes(self, "num_ops", num_ops, 1, zero=True)
        self.make_layers()

    def draw(self, shape: Shape, seed: Any) -> Transformation:
        seed = self.generator if seed is None else seed
        numbers = random.randint((self.num_ops,), 0, len(self.order), seed=seed)
        return {"layer_idxes": numbers, "transforms": self.draw_all(shape, seed)}

    def change(self, images: jax.Array, transformation: Transformation) -> jax.Array:
        return self._apply("change", images, transformation)

    def change_masks(self, masks: jax.Array, transformation: Transformation) -> jax.Array:
        return self._apply("change_masks", masks, transformation)

    def move_boxes(self, boxes: jax.Array, transformation: Transformation) -> jax.Array:
        return self._apply("move_boxes", boxes, transformation)

    def _apply(self, method: str, values: jax.Array, transformation: Transformation) -> jax.Array:
        shape = {"input_shape": transformation.get("input_shape")}

        def branch(name: str, part: ImageLayer) -> Any:
            def run(values: jax.Array) -> jax.Array:
                result = getattr(part, method)(values, transformation["transforms"][name] | shape)
                return values if result is None else result.astype(values.dtype)

            return run

        branches = [branch(name, part) for name, part in zip(self.order, self.parts, strict=True)]
        for number in transformation["layer_idxes"]:
            values = jax.lax.switch(number, branches, values)
        return values


class AugMix(_Policy):
    """A layer that in training mixes the images with chains of changes, chosen at random for the batch (Hendrycks et
    al. 2019, arXiv:1912.02781).

    Each of `num_chains` chains applies up to `chain_depth` layers to the images. The results are averaged with random
    weights, and the average is mixed with the images themselves. Boxes stay where they are.

    Args:
        value_range: the least and the largest value of a pixel.
        num_chains: how many chains are averaged.
        chain_depth: how many layers a chain has at most.
        factor: how strong they are: two numbers from 0 to 1 to draw from, or one number f for (0, f).
        alpha: of the Dirichlet and the Beta distribution that the weights are drawn from.
        all_ops: whether changes of brightness, colour, contrast and sharpness are among the layers, which the authors
            leave out because they use them for tests.
        interpolation: `"bilinear"` or `"nearest"`.
        seed: an integer; by default a random one.
        data_format: `"channels_last"` or `"channels_first"`; None for the setting in `jkeras.config`.

    Raises:
        ValueError: a factor that is not from 0 to 1, or a count that is no positive integer.

    >>> import numpy as np
    >>> AugMix(num_chains=2, chain_depth=2, seed=1)(np.ones((2, 8, 8, 3)), training=True).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        value_range: Any = (0, 255),
        num_chains: int = 3,
        chain_depth: int = 3,
        factor: Any = 0.3,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(value_range, factor, interpolation, seed, {"data_format": data_format, **kwargs})
        (self.num_chains,) = sizes(self, "num_chains", num_chains, 1)
        (self.chain_depth,) = sizes(self, "chain_depth", chain_depth, 1)
        self.alpha, self.all_ops = alpha, all_ops
        self.order = (
            *("random_shear", "random_translation", "random_rotation", "random_posterization", "solarization"),
            *("auto_contrast", "equalization"),
        )
        if all_ops:
            self.order += ("random_brightness", "random_color_degeneration", "random_contrast", "random_sharpness")
        self.make_layers()

    def draw(self, shape: Shape, seed: Any) -> Transformation:
        seed = self.generator if seed is None else seed
        shares = random.gamma((self.num_chains,), self.alpha, seed=seed)
        weight = random.beta((), self.alpha, self.alpha, seed=seed)
        links = (self.num_chains, self.chain_depth)
        numbers = random.randint(links, 0, len(self.order) + 1, seed=seed)  # the last number stands for no change
        stacked = self.draw_all((self.num_chains * self.chain_depth * shape[0], *shape[1:]), seed)
        transforms = jax.tree.map(lambda x: x.reshape((*links, shape[0], *x.shape[1:])), stacked)
        return {
            "chain_mixing_weights": shares / jnp.sum(shares),
            "weight_sample": weight,
            "layer_idxes": numbers,
            "transforms": transforms,
        }

    def change(self, images: jax.Array, transformation: Transformation) -> jax.Array:
        return jnp.clip(self._mix("change", images, transformation), *self.value_range)

    def change_masks(self, masks: jax.Array, transformation: Transformation) -> jax.Array:
        return self._mix("change_masks", masks.astype(self.float_dtype), transformation)

    def _mix(self, method: str, images: jax.Array, transformation: Transformation) -> jax.Array:
        def branch(name: str, part: ImageLayer) -> Any:
            def run(values: jax.Array, transforms: Transformation) -> jax.Array:
                return getattr(part, method)(values, transforms[name]).astype(values.dtype)

            return run

        branches = [branch(name, part) for name, part in zip(self.order, self.parts, strict=True)]
        branches.append(lambda values, transforms: values)

        def link(values: jax.Array, this: tuple) -> tuple[jax.Array, None]:
            number, transforms = this
            return jax.lax.switch(number, branches, values, transforms), None

        def chain(total: jax.Array, this: tuple) -> tuple[jax.Array, None]:
            share, numbers, transforms = this
            changed, _ = jax.lax.scan(link, images, (numbers, transforms))
            return total + changed * share.astype(images.dtype), None

        chains = tuple(transformation[key] for key in ("chain_mixing_weights", "layer_idxes", "transforms"))
        mixed, _ = jax.lax.scan(chain, jnp.zeros_like(images), chains)
        weight = transformation["weight_sample"].astype(images.dtype)
        return weight * images + (1 - weight) * mixed
