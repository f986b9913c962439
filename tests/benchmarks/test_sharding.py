"""The table of what each device holds and sends: its parts, and that data parallel training needs one all-reduce."""

import jax
import numpy as np
import pytest

from benchmarks import sharding


def test_collectives_are_counted_in_the_text_of_a_program():
    text = """
      %all-reduce.1 = (f32[2,3]{1,0}, bf16[4]{0}) all-reduce(%a, %b), channel_id=1
      %all-gather.2 = f32[8]{0} all-gather(%c), channel_id=2
      %ag = (f32[1]{0}, s32[8]{0}) all-gather-start(%d)
      %other = f32[5] add(%e, %f)
    """
    assert sharding.collectives(text) == {"all-reduce": (1, 32), "all-gather": (2, 32 + 36)}


@pytest.mark.parametrize(
    "strategy, share, sent", [("data parallel", 1, {"all-reduce"}), ("fully sharded (FSDP)", 0.5, None)]
)
def test_each_of_two_devices_has_its_part(strategy, share, sent):
    assert len(jax.devices()) >= 2
    make, _ = sharding.models()["MLP 64-512-512-8"]
    both = {name: which for name, which in sharding.strategies(2).items() if name in ("one device", strategy)}
    rows = {name: sharding.measured("", make, (16, 64), name, which) for name, which in both.items()}
    (_, _, whole, all_flops, nothing), (_, _, held, flops, found) = rows["one device"], rows[strategy]
    assert not nothing
    np.testing.assert_allclose(held / whole, share, rtol=0.01)
    assert flops / all_flops < 0.7
    assert found["all-reduce"][0] == 1 and set(found) == sent if sent else "all-gather" in found
