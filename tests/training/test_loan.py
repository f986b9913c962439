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


def test_a_scalar_is_read_without_ending_the_loan():
    rate, weight = Variable(jnp.float32(0.5), name="rate"), Variable(jnp.zeros(2), name="w")
    loan = Loan([rate, weight])
    loan.keep([a + 1 for a in loan.lend()])
    assert float(rate.value) == 1.5 and rate.is_lent(loan) and weight.is_lent(loan)
    state = loan.lend()
    assert state[1] is loan.lend()[1]  # nothing was copied


def test_what_is_assigned_while_it_is_lent_is_all_that_is_taken_anew():
    rate, weight = Variable(jnp.float32(0.5), name="rate"), Variable(jnp.zeros(2), name="w")
    loan = Loan([rate, weight])
    kept = loan.lend()[1]
    rate.assign(0.25)
    state = loan.lend()
    assert float(state[0]) == 0.25 and state[1] is kept
    held = rate.value
    assert float(held) == 0.25 and state[0] is not held  # the loop may consume what it was lent
    assert weight.value.tolist() == [0.0, 0.0]
