"""How a bilateral-branch network shifts from one branch to the other."""


def cumulative_share(epoch: int, epochs: int) -> float:
    """Compute λ = 1 − ((e − 1) / E)²: from the data as they are to reversed sampling.

    Zhou et al., "BBN: Bilateral-Branch Network with Cumulative Learning for Long-Tailed Visual
    Recognition", CVPR 2020, Eq. 6 and their code.

    Args:
        epoch: e, from 1.
        epochs: E, in all.

    Returns:
        λ, in [0, 1]: of the conventional branch; 0 where e − 1 exceeds E.

    Raises:
        ValueError: an epoch before 1, or no epochs.
    """
    if epoch < 1 or epochs < 1:
        raise ValueError(f"epochs are counted from 1, got epoch {epoch} of {epochs}")
    return 1 - min((epoch - 1) / epochs, 1.0) ** 2
