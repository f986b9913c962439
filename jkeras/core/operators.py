"""Python's operators for variables and symbolic tensors, written out so that type checkers and editors see them."""

from typing import Any, Generic, TypeVar

T = TypeVar("T")  # the type of the result


class Operators(Generic[T]):
    """Operators in terms of `operate`, which gets the name of a function of `jkeras.ops` and its arguments.

    `&`, `|` and `^` are logical, as in Keras: `1 & 2` is True.
    """

    def operate(self, name: str, *operands: Any) -> T:
        """Compute the operation `name`; one of the operands is this object."""
        raise TypeError(f"{type(self).__name__} must define operate().")

    def __add__(self, other: Any) -> T:
        return self.operate("add", self, other)

    def __radd__(self, other: Any) -> T:
        return self.operate("add", other, self)

    def __sub__(self, other: Any) -> T:
        return self.operate("subtract", self, other)

    def __rsub__(self, other: Any) -> T:
        return self.operate("subtract", other, self)

    def __mul__(self, other: Any) -> T:
        return self.operate("multiply", self, other)

    def __rmul__(self, other: Any) -> T:
        return self.operate("multiply", other, self)

    def __truediv__(self, other: Any) -> T:
        return self.operate("true_divide", self, other)

    def __rtruediv__(self, other: Any) -> T:
        return self.operate("true_divide", other, self)

    def __floordiv__(self, other: Any) -> T:
        return self.operate("floor_divide", self, other)

    def __rfloordiv__(self, other: Any) -> T:
        return self.operate("floor_divide", other, self)

    def __mod__(self, other: Any) -> T:
        return self.operate("mod", self, other)

    def __rmod__(self, other: Any) -> T:
        return self.operate("mod", other, self)

    def __pow__(self, other: Any) -> T:
        return self.operate("power", self, other)

    def __rpow__(self, other: Any) -> T:
        return self.operate("power", other, self)

    def __matmul__(self, other: Any) -> T:
        return self.operate("matmul", self, other)

    def __rmatmul__(self, other: Any) -> T:
        return self.operate("matmul", other, self)

    def __and__(self, other: Any) -> T:
        return self.operate("logical_and", self, other)

    def __rand__(self, other: Any) -> T:
        return self.operate("logical_and", other, self)

    def __or__(self, other: Any) -> T:
        return self.operate("logical_or", self, other)

    def __ror__(self, other: Any) -> T:
        return self.operate("logical_or", other, self)

    def __xor__(self, other: Any) -> T:
        return self.operate("logical_xor", self, other)

    def __rxor__(self, other: Any) -> T:
        return self.operate("logical_xor", other, self)

    def __lt__(self, other: Any) -> T:
        return self.operate("less", self, other)

    def __le__(self, other: Any) -> T:
        return self.operate("less_equal", self, other)

    def __gt__(self, other: Any) -> T:
        return self.operate("greater", self, other)

    def __ge__(self, other: Any) -> T:
        return self.operate("greater_equal", self, other)

    def __neg__(self) -> T:
        return self.operate("negative", self)

    def __pos__(self) -> T:
        return self.operate("positive", self)

    def __abs__(self) -> T:
        return self.operate("absolute", self)

    def __invert__(self) -> T:
        return self.operate("logical_not", self)
