"""Which of the methods that Keras calls during an update a user's class overrides.

In Keras an update is a chain of method calls. Here it is one pure function, which calls none of them. So an override is
looked for: what it refines is then run in Keras's way, the rest stays one pure function.

    scale_loss                                             the loss that is differentiated
    stateless_apply > apply > _filter_empty_gradients      OUTER: around the whole update
                            > _backend_apply_gradients
        > _clip_gradients, _apply_weight_decay,            INNER: inside of accumulation and averaging
          _backend_update_step > update_step, learning_rate > _get_current_learning_rate
"""

from typing import Any

OUTER = ("stateless_apply", "apply", "_filter_empty_gradients", "_backend_apply_gradients")
INNER = (
    "_clip_gradients",
    "_apply_weight_decay",
    "_backend_update_step",
    "update_step",
    "learning_rate",
    "_get_current_learning_rate",
)


def overridden(item: Any, *names: str) -> bool:
    """True if one of these methods is not the library's own: a user's class defines it, or it was set on the object.

    >>> from jkeras.optimizers import SGD
    >>> optimizer = SGD()
    >>> overridden(optimizer, *OUTER, *INNER)
    False
    >>> optimizer._clip_gradients = lambda grads: grads
    >>> overridden(optimizer, *INNER)
    True
    """
    return any(name in vars(item) or not definer(type(item), name).__module__.startswith("jkeras.") for name in names)


def definer(cls: type, name: str) -> type:
    """The class in which the method of that name is defined.

    >>> from jkeras.optimizers import SGD
    >>> definer(SGD, "apply").__name__
    'Eager'
    """
    return next(base for base in cls.__mro__ if name in vars(base))
