"""The loan of the weights: whatever interrupts its end, no array is lost."""

import jax.numpy as jnp
import pytest

from jkeras.core.variable import Variable
from jkeras.training.lease import Lease


class Interrupted(Variable):
    """A variable whose filling is interrupted once."""

    stops = 1

    def settle(self, promise, value):
        if self.stops:
            self.stops -= 1
            raise KeyboardInterrupt
        super().settle(promise, value)


@pytest.mark.parametrize("position", [0, 1, 2])
def test_an_interrupt_while_the_loan_is_settled_loses_nothing(position):
    variables = [Variable(jnp.full(2, 1.0 * i), name=f"v{i}") for i in range(3)]
    variables[position] = Interrupted(jnp.full(2, 1.0 * position), name="stops")
    lease = Lease(variables)
    lease.hold([a + 10 for a in lease.borrow()])
    with pytest.raises(KeyboardInterrupt):
        _ = variables[2].value
    assert [v.value.tolist() for v in variables] == [[10.0, 10.0], [11.0, 11.0], [12.0, 12.0]]
    assert [a.tolist() for a in lease.borrow()] == [[10.0, 10.0], [11.0, 11.0], [12.0, 12.0]]


def test_a_state_of_another_size_is_refused_before_anything_is_lent():
    lease = Lease([Variable(jnp.zeros(2), name="a"), Variable(jnp.zeros(2), name="b")])
    with pytest.raises(ValueError, match="2 variables cannot be given 1 values"):
        lease.hold([jnp.ones(2)])
    assert [v.value.tolist() for v in lease.variables] == [[0.0, 0.0], [0.0, 0.0]]
