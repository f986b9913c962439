"""Linear algebra of matrices along the last two axes: decompositions, equations, norms, distances.

The axes before the last two are batches. Shapes are checked before anything is computed.
"""

import jax
import jax.numpy as jnp

from jkeras.core.symbolic import KerasTensor
from jkeras.ops.control import jvp
from jkeras.ops.family import Array, array_op, family, floating
from jkeras.ops.op import spec_of
from jkeras.serialization.namespace import namespace

__all__ = [
    "cdist", "cholesky", "cholesky_inverse", "det", "eig", "eigh", "inv", "jvp", "logdet", "lstsq", "lu_factor",
    "matrix_rank", "norm", "pinv", "qr", "slogdet", "solve", "solve_triangular", "svd",
]  # fmt: skip


def _check_matrix(name, x):
    if x.ndim < 2:
        raise ValueError(f"{name}() needs matrices, arrays of shape (..., rows, columns), got shape {x.shape}.")


def _check_square(name, x):
    _check_matrix(name, x)
    if x.shape[-1] != x.shape[-2]:
        raise ValueError(f"{name}() needs square matrices, arrays of shape (..., n, n), got shape {x.shape}.")


@family
def square(function, x: Array):
    """Args:
        x: floating-point array of shape (..., n, n).

    Raises:
        ValueError: the matrices are not square.
    """
    _check_square(function.__name__, x)
    return function(x)


det = square(
    jnp.linalg.det, "Compute the determinants, an array of shape (...).", "det([[1.0, 2.0], [3.0, 4.0]]).round(4) -> -2.0"
)
inv = square(
    jnp.linalg.inv,
    "Compute the inverse matrices, an array of shape (..., n, n).",
    "inv([[2.0, 0.0], [0.0, 4.0]]) -> [[0.5, 0.0], [0.0, 0.25]]",
)
eig = square(
    jnp.linalg.eig,
    "Compute (values, vectors): complex eigenvalues (..., n) and, as columns, eigenvectors (..., n, n). It runs on CPUs only.",
    ">>> values, vectors = eig([[2.0, 0.0], [0.0, 3.0]])\n>>> values.tolist()\n[(2+0j), (3+0j)]",
)
eigh = square(
    jnp.linalg.eigh,
    "Compute (values, vectors) of symmetric (Hermitian) matrices. The eigenvalues ascend.",
    ">>> values, vectors = eigh([[3.0, 0.0], [0.0, 2.0]])\n>>> values.tolist()\n[2.0, 3.0]",
)
slogdet = square(
    jnp.linalg.slogdet,
    "Compute (sign, logarithm of the absolute value) of the determinants, each of shape (...).",
    ">>> [float(part) for part in slogdet([[-1.0, 0.0], [0.0, 1.0]])]\n[-1.0, 0.0]",
)


@array_op
def logdet(x: Array):
    """Compute the logarithm of the determinants of positive-definite matrices.

    Args:
        x: floating-point array of shape (..., n, n).

    Returns:
        array of shape (...).

    >>> float(logdet([[1.0, 0.0], [0.0, 1.0]]))
    0.0
    """
    _check_square("logdet", x)
    return jnp.linalg.slogdet(x)[1]


@array_op
def cholesky(x: Array, upper=False):
    """Compute the triangular matrix L with `L L^T = x` for a positive-definite `x`.

    Args:
        x: floating-point array of shape (..., n, n), symmetric.
        upper: whether to return the transpose, with `U^T U = x`.

    Raises:
        ValueError: the matrices are not square, or (outside of `jit`, where values are known) not positive definite.

    >>> cholesky([[4.0, 2.0], [2.0, 5.0]]).tolist()
    [[2.0, 0.0], [1.0, 2.0]]
    """
    _check_square("cholesky", x)
    factor = jnp.linalg.cholesky(x, upper=upper)
    if not isinstance(factor, jax.core.Tracer) and jnp.isnan(factor).any():
        raise ValueError(
            "Cholesky decomposition failed: the matrix is not positive definite. cholesky() needs symmetric matrices with positive "
            "eigenvalues; a covariance has them after a small number is added to its diagonal."
        )
    return factor


@array_op
def cholesky_inverse(x: Array, upper=False):
    """Compute the inverse of the matrix whose Cholesky factor is given.

    Args:
        x: floating-point array of shape (..., n, n), what `cholesky` returned.
        upper: whether it is the upper factor.

    Raises:
        ValueError: the matrices are not square.

    >>> cholesky_inverse([[2.0, 0.0], [0.0, 1.0]]).tolist()
    [[0.25, 0.0], [0.0, 1.0]]
    """
    _check_square("cholesky_inverse", x)
    identity = jnp.broadcast_to(jnp.eye(x.shape[-1], dtype=x.dtype), x.shape)
    inverse = jax.scipy.linalg.solve_triangular(x, identity, lower=not upper)
    transposed = jnp.swapaxes(inverse, -1, -2)
    return inverse @ transposed if upper else transposed @ inverse


@array_op
def lu_factor(x: Array):
    """Compute the LU decomposition with row exchanges.

    Args:
        x: floating-point array of shape (..., m, n).

    Returns:
        (lu, pivots): the factors L (below the diagonal, with ones on it) and U in one array of shape (..., m, n); and
        int32 (..., min(m, n)), the row that each row was exchanged with.

    >>> lu, pivots = lu_factor([[2.0, 4.0], [1.0, 3.0]])
    >>> lu.tolist(), pivots.tolist()
    ([[2.0, 4.0], [0.5, 1.0]], [0, 1])
    """
    _check_matrix("lu_factor", x)
    return jax.scipy.linalg.lu_factor(x)


@array_op
def qr(x: Array, mode="reduced"):
    """Decompose matrices into an orthogonal and an upper triangular one, `q r = x`.

    Args:
        x: floating-point array of shape (..., m, n).
        mode: "reduced" for shapes (..., m, k) and (..., k, n) with k = min(m, n); "complete" for (..., m, m) and
            (..., m, n).

    Raises:
        ValueError: another mode.

    >>> q, r = qr([[3.0, 0.0], [4.0, 5.0]])
    >>> (q @ r).round(4).tolist()
    [[3.0, 0.0], [4.0, 5.0]]
    """
    if mode not in ("reduced", "complete"):
        raise ValueError(f"qr() knows the modes 'reduced' and 'complete', got mode={mode!r}.")
    _check_matrix("qr", x)
    q, r = jnp.linalg.qr(x, mode)
    return q, r


@array_op
def svd(x: Array, full_matrices=True, compute_uv=True):
    """Compute the singular value decomposition, `u diag(s) vh = x`.

    Args:
        x: floating-point array of shape (..., m, n).
        full_matrices: whether `u` and `vh` are square, (..., m, m) and (..., n, n), and not (..., m, k) and (..., k, n)
            with k = min(m, n).
        compute_uv: whether to return `u` and `vh`.

    Returns:
        (u, s, vh), or `s` alone; `s` of shape (..., k) descends.

    >>> svd([[3.0, 0.0], [0.0, 4.0]], compute_uv=False).round(4).tolist()
    [4.0, 3.0]
    """
    _check_matrix("svd", x)
    result = jnp.linalg.svd(x, full_matrices, compute_uv)
    return tuple(result) if compute_uv else result


def _check_equation(name, a, b):
    _check_square(name, a)
    rows = b.shape[-1] if b.ndim in (1, a.ndim - 1) else b.shape[-2] if b.ndim > 1 else None
    if rows != a.shape[-1]:
        raise ValueError(
            f"{name}() needs a of shape (..., n, n) and b of shape (..., n) or (..., n, k), got {a.shape} and {b.shape}."
        )


@array_op
def solve(a: Array, b: Array):
    """Solve `a x = b`.

    Args:
        a: floating-point array of shape (..., n, n).
        b: array of shape (..., n) or (..., n, k).

    Returns:
        array of the shape of `b`.

    Raises:
        ValueError: the matrices are not square, or the shapes do not fit.

    >>> solve([[2.0, 0.0], [0.0, 4.0]], [2.0, 2.0]).tolist()
    [1.0, 0.5]
    """
    _check_equation("solve", a, b)
    return jnp.linalg.solve(a, b[..., None])[..., 0] if b.ndim in (1, a.ndim - 1) else jnp.linalg.solve(a, b)


@array_op
def solve_triangular(a: Array, b: Array, lower=False):
    """Solve `a x = b` for a triangular `a`, of which only one half is read.

    Args:
        a: floating-point array of shape (..., n, n).
        b: array of shape (..., n) or (..., n, k).
        lower: whether `a` is lower triangular.

    Raises:
        ValueError: the matrices are not square, or the shapes do not fit.

    >>> solve_triangular([[2.0, 0.0], [1.0, 1.0]], [2.0, 3.0], lower=True).tolist()
    [1.0, 2.0]
    """
    _check_equation("solve_triangular", a, b)
    if b.ndim in (1, a.ndim - 1):
        b = jnp.broadcast_to(b, a.shape[:-1])
        return jax.scipy.linalg.solve_triangular(a, b[..., None], lower=lower)[..., 0]
    return jax.scipy.linalg.solve_triangular(a, b, lower=lower)


@array_op
def lstsq(a: Array, b: Array, rcond=None):
    """Find the `x` that makes `|a x - b|` smallest. If there are several, it is the shortest.

    Args:
        a: floating-point array of shape (m, n).
        b: array of shape (m,) or (m, k).
        rcond: singular values below this part of the largest count as 0; by default the rounding error.

    Returns:
        array of shape (n,) or (n, k).

    >>> lstsq([[1.0], [1.0]], [1.0, 3.0]).round(4).tolist()
    [2.0]
    """
    return jnp.linalg.lstsq(a, b, rcond)[0]


@array_op
def pinv(x: Array, rcond=None):
    """Compute the pseudo-inverse (Moore-Penrose) of matrices.

    Args:
        x: floating-point array of shape (..., m, n).
        rcond: singular values below this part of the largest count as 0; by default the rounding error.

    Returns:
        array of shape (..., n, m).

    >>> pinv([[2.0], [0.0]]).round(4).tolist()
    [[0.5, 0.0]]
    """
    _check_matrix("pinv", x)
    return jnp.linalg.pinv(x, rcond)


@array_op
def matrix_rank(x: Array, tol=None):
    """Compute the rank: the number of singular values above `tol`, an int32 array of shape (...).

    Args:
        x: floating-point array of shape (..., m, n).
        tol: the threshold.

    >>> int(matrix_rank([[1.0, 2.0], [2.0, 4.0]]))
    1
    """
    _check_matrix("matrix_rank", x)
    return jnp.linalg.matrix_rank(x, tol=tol).astype("int32")


@array_op
def norm(x: Array, ord=None, axis=None, keepdims=False):
    """Compute the norm of vectors or matrices.

    Args:
        x: array of any shape.
        ord: of vectors, a number p for `sum(|x|^p)^(1/p)`, or infinity; of matrices, "fro", "nuc", 1, 2 or infinity. By
            default the root of the sum of squares.
        axis: the axis of vectors, or the two axes of matrices; None means all.
        keepdims: whether these axes stay, with length 1.

    >>> norm([[3.0, 4.0], [6.0, 8.0]], axis=1).tolist()
    [5.0, 10.0]
    """
    return jnp.linalg.norm(floating(x), ord, tuple(axis) if isinstance(axis, list) else axis, keepdims)


@array_op
def cdist(x: Array, y: Array):
    """Compute the Euclidean distances between the points of two sets.

    Args:
        x: array of shape (..., n, dimensions).
        y: array of shape (..., m, dimensions).

    Returns:
        array of shape (..., n, m).

    Raises:
        ValueError: the arrays have fewer than two axes, or the dimensions differ.

    >>> cdist([[0.0, 0.0]], [[3.0, 4.0], [0.0, 1.0]]).tolist()
    [[5.0, 1.0]]
    """
    if x.ndim < 2 or y.ndim < 2 or x.shape[-1] != y.shape[-1]:
        raise ValueError(f"cdist() needs points of the same number of dimensions, (..., n, d), got {x.shape} and {y.shape}.")
    return jnp.sqrt(jnp.sum(jnp.square(x[..., :, None, :] - y[..., None, :, :]), axis=-1))


def _sides_known(operation):
    """Refuse symbolic matrices of which only one side is known: nothing says that they are square."""

    @spec_of(operation)
    def spec(*arguments, **options):
        x = arguments[0] if arguments else next(iter(options.values()))
        if isinstance(x, KerasTensor) and x.shape[-2:].count(None) == 1:
            raise ValueError(f"{operation.__name__}() needs square matrices, and of shape {x.shape} one side is not known.")
        return NotImplemented


for _operation in (cholesky, cholesky_inverse, det, eig, eigh, inv, logdet, slogdet):
    _sides_known(_operation)


def _equation_spec(a, b, lower=False):
    shapes = [tuple(x.shape) if isinstance(x, KerasTensor) else jnp.shape(x) for x in (a, b)]
    sides = [*shapes[0][-2:], shapes[1][-1 if len(shapes[1]) in (1, len(shapes[0]) - 1) else -2]] if all(shapes) else []
    if None in sides and set(sides) != {None}:
        raise ValueError(
            "To solve a x = b, a must be square and b must have as many rows. This is not known of the shapes "
            f"{shapes[0]} of a and {shapes[1]} of b: give their unknown sides (None) a size."
        )
    return NotImplemented


for _operation in (solve, solve_triangular):
    spec_of(_operation)(_equation_spec)


__getattr__, __dir__ = namespace(__name__, __all__)
