"""The head direction: its recursion, its mask, its checkpoints, and many processes."""

import copy

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from lt_det.core import HeadDirection, MultiHeadNormalizedClassifier
from lt_det.engine.launch import leave_together

D = 6


def test_recursion_has_no_one_minus_momentum():
    direction, expected = HeadDirection(D, momentum=0.9), torch.zeros(D)
    for _ in range(4):
        features = torch.randn(5, D)
        direction.update(features)
        expected = 0.9 * expected + features.mean(0)
    torch.testing.assert_close(direction.direction, expected)


def test_momentum_of_one_step():
    direction = HeadDirection(D, momentum=0.9)
    first, second = torch.randn(2, D), torch.randn(3, D)
    direction.update(first)
    direction.update(second, momentum=0.5)
    torch.testing.assert_close(direction.direction, 0.5 * first.mean(0) + second.mean(0))
    assert direction.momentum == 0.9


def test_mask_selects_rows():
    features, mask = torch.randn(4, D), torch.tensor([True, False, True, False])
    masked, selected = HeadDirection(D), HeadDirection(D)
    masked.update(features, mask)
    selected.update(features[mask])
    assert torch.equal(masked.direction, selected.direction)


@pytest.mark.parametrize("rows", [0, 3])
def test_step_without_samples_leaves_direction_as_it_is(rows):
    """The published code divides by zero here and holds NaN for ever after."""
    direction = HeadDirection(D)
    direction.update(torch.randn(2, D))
    before = direction.direction.clone()
    direction.update(torch.randn(rows, D), torch.zeros(rows, dtype=torch.bool))
    assert torch.equal(direction.direction, before)
    assert torch.isfinite(direction.direction).all()


def test_never_updated_direction_leaves_te():
    classifier, x = MultiHeadNormalizedClassifier(D, 3), torch.randn(4, D)
    direction = HeadDirection(D)
    assert torch.equal(classifier.tde(x, direction.direction, 1.5), classifier(x))


def test_no_gradient_flows_into_it():
    direction, features = HeadDirection(D), torch.randn(2, D, requires_grad=True)
    direction.update(features)
    assert not direction.direction.requires_grad
    assert list(direction.parameters()) == []


def test_buffer_is_changed_in_place_and_saved():
    """The published code reassigns it, so copies and wrappers keep the old one."""
    direction = HeadDirection(D)
    held = direction.direction
    direction.update(torch.randn(2, D))
    assert direction.direction is held
    restored = HeadDirection(D)
    restored.load_state_dict(copy.deepcopy(direction.state_dict()))
    assert torch.equal(restored.direction, held)
    assert "direction" in direction.state_dict()


def test_half_precision_features_are_summed_in_float32():
    direction = HeadDirection(1)
    direction.update(torch.full((4096, 1), 100.0).half())
    assert direction.direction.item() == 100.0


def test_update_from_sum_equals_update():
    features = torch.randn(5, D)
    by_rows, by_sum = HeadDirection(D), HeadDirection(D)
    by_rows.update(features)
    by_sum.update_from_sum(features.sum(0), torch.tensor(5.0))
    torch.testing.assert_close(by_rows.direction, by_sum.direction)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: d.update(torch.randn(2, D + 1)), r"features must be \(N, 6\)"),
        (lambda d: d.update(torch.randn(D)), r"features must be \(N, 6\)"),
        (lambda d: d.update(torch.randn(2, D), torch.ones(2)), "mask must be bool"),
        (lambda d: d.update(torch.randn(2, D), torch.ones(3).bool()), "mask must be bool"),
        (lambda d: d.update(torch.randn(2, D), momentum=1.5), "momentum must lie"),
        (lambda d: HeadDirection(D, momentum=-0.1), "momentum must lie"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call(HeadDirection(D))


def test_repr_names_the_arguments():
    assert repr(HeadDirection(D)) == "HeadDirection(num_features=6, momentum=0.9)"


def _worker(rank, rendezvous, results):
    dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=2)
    torch.set_num_threads(1)
    direction = HeadDirection(D)
    for features, mask in _rows(rank):
        direction.update(features, mask)
    results[rank] = direction.direction.tolist()
    leave_together()


def _rows(rank):
    """Three steps: uneven ranks, a rank without foreground, no foreground anywhere."""
    steps = []
    for step, counts in enumerate([(3, 5), (0, 2), (0, 0)]):
        generator = torch.Generator().manual_seed(10 * step + rank)
        features = torch.randn(6, D, generator=generator)
        steps.append((features, torch.arange(6) < counts[rank]))
    return steps


def test_a_group_of_one_process_changes_nothing(tmp_path):
    features = torch.randn(3, D)
    alone, grouped = HeadDirection(D), HeadDirection(D)
    alone.update(features)
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/one", rank=0, world_size=1)
    try:
        grouped.update(features)
    finally:
        dist.destroy_process_group()
    assert torch.equal(grouped.direction, alone.direction)


def test_two_processes_hold_the_direction_of_one_with_all_samples(tmp_path):
    """The published code keeps a direction per GPU."""
    context = mp.get_context("spawn")
    results = context.Manager().dict()
    mp.spawn(_worker, args=(tmp_path / "rendezvous", results), nprocs=2)
    single = HeadDirection(D)
    for (a, mask_a), (b, mask_b) in zip(_rows(0), _rows(1), strict=True):
        single.update(torch.cat([a, b]), torch.cat([mask_a, mask_b]))
    assert results[0] == results[1]
    torch.testing.assert_close(torch.tensor(results[0]), single.direction)
