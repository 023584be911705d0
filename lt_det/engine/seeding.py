"""Randomness as a function of where a run stands: a resumed run goes on with the same bits."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from detectron2.engine import HookBase
from detectron2.utils import comm


def derived_seed(*numbers: int) -> int:
    """Return a seed in [0, 2**32) for non-negative numbers; other numbers give another one."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed Python, numpy and torch's CPU generator, inside; outside they go on as before."""
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        try:
            random.seed(seed)
            np.random.seed(seed)
            # Not torch.manual_seed, which seeds the generators of devices, too.
            torch.default_generator.manual_seed(seed)
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)


class StepSeed(HookBase):
    """Seeds whatever draws from the global generators in a step: RoI sampling, dropout, drop path.

    Args:
        seed: of the run; a negative one is drawn, and such a run does not resume to the same bits.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed if seed >= 0 else comm.shared_random_seed()

    def before_step(self) -> None:
        """Run before each iteration."""
        seed = derived_seed(self._seed, self.trainer.iter, comm.get_rank())
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
