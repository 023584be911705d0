"""The simulated device itself: what a GPU refuses it refuses, what a GPU waits for it counts."""

import copy

import pytest
import torch
from torchvision.ops import nms

from lt_det.core import shot_groups

from .device import NAME, SimulatedTensor
from .waits import waits_of


def there(*values):
    return torch.tensor(values).to(NAME)


@pytest.mark.parametrize(
    "mix",
    [
        lambda one, other: one + other,
        lambda one, other: other * one,
        lambda one, other: torch.cat([one, other]),
        lambda one, other: torch.stack([one.sum(), other.sum()]),
        lambda one, other: torch.where(other > 0, one, one),
        lambda one, other: other[one.long()],
        lambda one, other: one.index_put_((one.long(),), other),
        lambda one, other: one.numpy(),
    ],
)
def test_what_a_gpu_refuses(mix, simulated):
    with pytest.raises((RuntimeError, TypeError)):
        mix(there(0.0, 1.0), torch.tensor([0.0, 1.0]))


def test_what_a_gpu_allows(simulated):
    one = there(1.0, 2.0, 3.0)
    assert (one * torch.tensor(2.0)).cpu().tolist() == [2, 4, 6]
    assert one[torch.tensor([2, 0])].cpu().tolist() == [3, 1]
    one[one > 1.5] = 0.0
    assert one.copy_(torch.ones(3)).cpu().tolist() == [1, 1, 1]
    assert isinstance(one.unsqueeze_(0), SimulatedTensor)
    assert one.shape == (1, 3)


WAITS = {
    "a value read": [lambda x: x.sum().item(), lambda x: bool((x > 0).all()), lambda x: int(x[0])],
    "nonzero": [lambda x: x.nonzero()],
    "unique": [torch.unique, torch.unique_consecutive],
    "bincount": [lambda x: x.long().bincount()],
    "repeat_interleave": [lambda x: x.repeat_interleave(x.long())],
    "masked_select": [lambda x: x.masked_select(x > 0)],
    "equal": [lambda x: torch.equal(x, x)],
    "an index by a mask": [lambda x: x[x > 0], lambda x: x.index_put_((x > 0,), x + 1)],
    "an index from the CPU": [lambda x: x[torch.tensor([1])]],
    "a copy to the CPU": [lambda x: x.tolist(), lambda x: torch.zeros(2).copy_(x)],
    "a copy from the CPU": [
        lambda x: torch.ones(2).to(NAME),
        lambda x: x.copy_(torch.ones(2)),
        lambda x: x[[0, 1]],
    ],
    "nms": [lambda x: nms(x.new_zeros(2, 4), x, 0.5)],
}


@pytest.mark.parametrize("what", WAITS)
def test_what_a_gpu_waits_for(what, simulated):
    for operation in WAITS[what]:
        x = there(1.0, 2.0)
        with simulated.counting() as counted:
            operation(x)
        assert counted == {("", what): 1}


def test_what_it_does_not_wait_for(simulated):
    x, index = there(1.0, 2.0), there(1, 0)
    with simulated.counting() as counted:
        (x[index] + x[0] * 2 + x.new_full((2,), 3.0)).topk(1)
        x[x > 1] = 0.0
        torch.ones(2).to(NAME, non_blocking=True)
        x.split([1, 1])
        torch.where(x > 1, x, 0.0).sum().clamp(max=x.sum())
        x[0] = 5
    assert counted == {}


def test_the_line_that_asked_is_named(simulated):
    counts = there(200, 3)
    with simulated.counting() as counted:
        shot_groups(counts)
    assert [line.split(":")[0] for line, _ in counted] == ["lt_det/core/long_tail.py"]
    assert waits_of("lt_det/core", counted) == waits_of("lt_det", counted) == 1
    assert waits_of("detectron2", counted) == 0


def test_training_on_it_is_training(simulated):
    plain, x = torch.nn.Linear(3, 2), torch.randn(4, 3)
    model = copy.deepcopy(plain).to(NAME)
    optimizers = [torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.9) for m in (plain, model)]
    for _ in range(2):
        for of_model, inputs, optimizer in zip(
            (plain, model), (x, x.to(NAME)), optimizers, strict=True
        ):
            optimizer.zero_grad()
            of_model(inputs).square().mean().backward()
            optimizer.step()
    assert torch.equal(model.weight.detach().cpu(), plain.weight)
    assert model.weight.grad.device == torch.device(NAME)


def test_a_file_must_be_told_where_its_tensors_go(simulated, tmp_path):
    torch.save({"weight": there(1.0, 2.0)}, tmp_path / "saved.pth")
    with pytest.raises(RuntimeError, match="needs map_location"):
        torch.load(tmp_path / "saved.pth", weights_only=True)
    loaded = torch.load(tmp_path / "saved.pth", weights_only=True, map_location="cpu")
    assert type(loaded["weight"]) is torch.Tensor
    assert loaded["weight"].tolist() == [1, 2]


def test_nothing_is_left_behind(simulated):
    simulated.__exit__(None, None, None)
    try:
        with pytest.raises((RuntimeError, NotImplementedError)):
            torch.ones(2, device=NAME)
        assert not torch.__future__.get_swap_module_params_on_conversion()
        assert not torch.get_device_module(NAME).is_available()
    finally:
        simulated.__enter__()
