"""Streams of positions, augmentation and batches."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from lt_det.data.classification import ResumableSampler, read_folder
from lt_det.data.classification.augment import crop_and_flip, test_transform, training_transform
from lt_det.data.classification.loaders import (
    BatchShard,
    FileLoader,
    InMemoryLoader,
    file_test_batches,
    in_memory_test_batches,
)

from .helpers import tree, write_folder

LABELS = torch.tensor([0] * 90 + [1] * 9 + [2])


def test_instance_balanced_passes_through_the_set():
    stream = ResumableSampler(LABELS, "instance", seed=0)
    first, second = stream.take(0, 100), stream.take(100, 100)
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(100))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("sampler", ["instance", "class_balanced", "square_root"])
def test_any_part_of_the_stream_is_a_function_of_seed_and_position(sampler):
    whole = ResumableSampler(LABELS, sampler, seed=3).take(0, 350)
    other = ResumableSampler(LABELS, sampler, seed=3)
    pieces = [other.take(start, 70) for start in (280, 70, 0, 140, 210)]
    assert torch.equal(pieces[0], whole[280:350])
    assert torch.equal(pieces[1], whole[70:140])
    assert not torch.equal(ResumableSampler(LABELS, sampler, seed=4).take(0, 350), whole)


@pytest.mark.parametrize(
    ("sampler", "shares"),
    [
        ("class_balanced", [1 / 3, 1 / 3, 1 / 3]),
        # √90 : √9 : 1
        ("square_root", [0.7034, 0.2224, 0.0741]),
    ],
)
def test_class_shares(sampler, shares):
    drawn = LABELS[ResumableSampler(LABELS, sampler, seed=0).take(0, 30_000)]
    found = torch.bincount(drawn) / 30_000
    torch.testing.assert_close(found, torch.tensor(shares), atol=0.012, rtol=0)


def test_images_of_a_class_are_equally_likely():
    drawn = ResumableSampler(LABELS, "class_balanced", seed=0).take(0, 90_000)
    of_class = torch.bincount(drawn[LABELS[drawn] == 1], minlength=100)[90:99]
    assert of_class.min() > 0.9 * of_class.float().mean()


def test_samplers_that_cannot_be():
    with pytest.raises(ValueError, match="unknown sampler 'x'"):
        ResumableSampler(LABELS, "x", 0)
    with pytest.raises(ValueError, match="nothing to sample"):
        ResumableSampler(LABELS[:0], "instance", 0)


def test_crop_and_flip_by_hand():
    """Every result is one of the 2 · (2p + 1)² windows of the padded image."""
    image = torch.arange(3 * 16, dtype=torch.uint8).view(1, 3, 4, 4) + 1
    padded = torch.nn.functional.pad(image, (1, 1, 1, 1))
    windows = {
        (flip, y, x): (padded.flip(-1) if flip else padded)[0, :, y : y + 4, x : x + 4]
        for flip in (False, True)
        for y in range(3)
        for x in range(3)
    }
    generator = torch.Generator().manual_seed(0)
    found = crop_and_flip(image.expand(400, -1, -1, -1), 1, True, generator)
    seen = set()
    for one in found:
        (key,) = [key for key, window in windows.items() if torch.equal(one, window)]
        seen.add(key)
    assert seen == set(windows)
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_nothing_to_augment():
    images = torch.randint(256, (2, 3, 4, 4), dtype=torch.uint8)
    assert torch.equal(crop_and_flip(images, 0, False, torch.Generator()), images)


def in_memory(shard, labels=LABELS):
    images = torch.arange(100, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 4, 4)
    stream = ResumableSampler(labels, "instance", seed=0)
    return InMemoryLoader(images, labels, stream, shard, padding=1, flip=True)


def take(loader, count):
    batches = iter(loader)
    return [next(batches) for _ in range(count)]


def test_batches_go_on_where_they_are_told_to():
    whole = take(in_memory(BatchShard(8, 0, 1, seed=7)), 6)
    rest = take(in_memory(BatchShard(8, 0, 1, seed=7, start_iter=4)), 2)
    for one, other in zip(whole[4:], rest, strict=True):
        assert torch.equal(one["images"], other["images"])
        assert torch.equal(one["labels"], other["labels"])


def assert_shared(loader):
    """Two processes take, between them, what one would: images, augmentation and all."""
    one = take(loader(BatchShard(8, 0, 1, seed=7)), 13)
    two = [take(loader(BatchShard(8, rank, 2, seed=7)), 13) for rank in (0, 1)]
    for whole, *parts in zip(one, *two, strict=True):
        for key, values in whole.items():
            assert torch.equal(values, torch.cat([part[key] for part in parts])), key


def test_processes_share_each_batch():
    assert_shared(in_memory)


@pytest.fixture
def file_set(tmp_path):
    return read_folder(write_folder(tmp_path / "set", tree([6, 5, 4], size=24)))["train"]


def test_processes_share_each_batch_of_files(file_set):
    stream = ResumableSampler(file_set.labels, "instance", seed=0)
    transform = training_transform(16, 0.4)
    assert_shared(lambda shard: FileLoader(file_set, stream, shard, transform, 0))


@pytest.mark.parametrize("workers", [0, 2])
def test_files_by_any_number_of_workers(file_set, workers):
    def loader(start, num_workers):
        stream = ResumableSampler(file_set.labels, "instance", seed=0)
        shard = BatchShard(4, 0, 1, seed=5, start_iter=start)
        return FileLoader(file_set, stream, shard, training_transform(16, 0.4), num_workers)

    state = torch.get_rng_state()
    whole = take(loader(0, 0), 5)
    rest = take(loader(3, workers), 2)
    assert whole[0]["images"].shape == (4, 3, 16, 16)
    assert whole[0]["images"].dtype == torch.uint8
    for one, other in zip(whole[3:], rest, strict=True):
        assert torch.equal(one["images"], other["images"])
        assert torch.equal(one["labels"], other["labels"])
    if workers == 0:
        assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("flip", [True, False])
def test_images_that_must_not_be_flipped(flip):
    """Brighter to the right, whatever the crop; half of them to the left where they are flipped."""
    ramp = Image.fromarray(np.tile(np.arange(0, 240, 10, dtype=np.uint8), (24, 1))).convert("RGB")
    drawn = [training_transform(8, 0.0, flip=flip)(ramp)[0, 0] for _ in range(40)]
    rising = sum(bool(row[-1] > row[0]) for row in drawn)
    assert 8 < rising < 32 if flip else rising == 40


def test_test_batches_hold_each_image_once(file_set):
    batches = list(file_test_batches(file_set, test_transform(16), 4, 0))
    assert [len(batch["labels"]) for batch in batches] == [4, 4, 4, 3]
    assert torch.equal(torch.cat([b["labels"] for b in batches]), file_set.labels)
    images = torch.stack([v2.PILToTensor()(file_set.image(i)) for i in range(15)])
    batches = in_memory_test_batches(images, file_set.labels, 4)
    assert torch.equal(torch.cat([b["images"] for b in batches]), images)
