"""The loan of the weights: whatever interrupts its end, no array is lost."""

import jax.numpy as jnp
import pytest

from jkeras.core.variable import Variable
from jkeras.training.loan import Loan


class Interrupted(Variable):
    """A variable whose filling is interrupted once."""

    stops = 1

    def take_back(self, promise, value):
        if self.stops:
            self.stops -= 1
            raise KeyboardInterrupt
        super().take_back(promise, value)


@pytest.mark.parametrize("position", [0, 1, 2])
def test_an_interrupt_while_the_loan_is_taken_back_loses_nothing(position):
    variables = [Variable(jnp.full(2, 1.0 * i), name=f"v{i}") for i in range(3)]
    variables[position] = Interrupted(jnp.full(2, 1.0 * position), name="stops")
    loan = Loan(variables)
    loan.keep([a + 10 for a in loan.lend()])
    with pytest.raises(KeyboardInterrupt):
        _ = variables[2].value
    assert [v.value.tolist() for v in variables] == [[10.0, 10.0], [11.0, 11.0], [12.0, 12.0]]
    assert [a.tolist() for a in loan.lend()] == [[10.0, 10.0], [11.0, 11.0], [12.0, 12.0]]


def test_a_state_of_another_size_is_refused_before_anything_is_lent():
    loan = Loan([Variable(jnp.zeros(2), name="a"), Variable(jnp.zeros(2), name="b")])
    with pytest.raises(ValueError, match="2 variables cannot be given 1 values"):
        loan.keep([jnp.ones(2)])
    assert [v.value.tolist() for v in loan.variables] == [[0.0, 0.0], [0.0, 0.0]]
