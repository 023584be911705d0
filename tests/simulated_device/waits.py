"""What makes a GPU's host wait for it, and whose line of code asked for that."""

import sys
from pathlib import Path

import detectron2
import torch

import lt_det

aten = torch.ops.aten
TYPE = "simulated"

INDEXING = {aten.index.Tensor}
INDEX_WRITING = {aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default}
COPIES = {aten.copy_.default, aten._to_copy.default}
# What they answer depends on values, so that the host must see them first.
_VALUES_READ = {
    aten._local_scalar_dense.default: "a value read",
    aten.equal.default: "equal",
    aten.nonzero.default: "nonzero",
    aten.masked_select.default: "masked_select",
    aten._unique2.default: "unique",
    aten.unique_dim.default: "unique",
    aten.unique_consecutive.default: "unique",
    aten.bincount.default: "bincount",
}
# Whose lines are answerable for a wait.
_PACKAGES = {
    str(Path(package.__file__).parent): package.__name__ for package in (lt_det, detectron2)
}


def is_there(tensor):
    """Whether a tensor is on the simulated device."""
    return tensor.device.type == TYPE


def waited_for(func, args, kwargs):
    """What the host waits for in a call of an operator, or ``None``."""
    if func in COPIES:
        return _waiting_copy(func, args, kwargs)
    tensors = [value for value in args if isinstance(value, torch.Tensor)]
    if not any(is_there(tensor) for tensor in tensors):
        return None
    if func in INDEXING | INDEX_WRITING:
        return _waiting_index(func, args)
    if func is aten.repeat_interleave.Tensor and kwargs.get("output_size") is None:
        return "repeat_interleave"
    if func.namespace == "torchvision" and "nms" in func.__name__:
        return "nms"
    return _VALUES_READ.get(func)


def _waiting_copy(func, args, kwargs):
    if func is aten.copy_.default:
        target, source = (is_there(tensor) for tensor in args[:2])
        non_blocking = args[2] if len(args) > 2 else kwargs.get("non_blocking", False)
    else:
        source, wanted = is_there(args[0]), kwargs.get("device")
        target = source if wanted is None else torch.device(wanted).type == TYPE
        non_blocking = kwargs.get("non_blocking", False)
    if source and not target:
        return "a copy to the CPU"
    # One that does not block is staged from pageable memory: no kernel is waited for.
    return "a copy from the CPU" if target and not source and not non_blocking else None


def _waiting_index(func, args):
    indices = [index for index in args[1] if index is not None]
    if any(not is_there(index) and index.ndim for index in indices):
        return "an index from the CPU"
    by_mask = any(index.dtype in (torch.bool, torch.uint8) for index in indices)
    # One number under a mask is filled in where the mask is.
    filled = func in INDEX_WRITING and args[2].numel() == 1
    return "an index by a mask" if by_mask and not filled else None


def line_that_asked():
    """ "package/file:line" of the innermost caller in lt_det or Detectron2; "" for autograd's."""
    frame = sys._getframe(1)
    while frame is not None:
        path = frame.f_code.co_filename
        for folder, package in _PACKAGES.items():
            if path.startswith(f"{folder}/"):
                return f"{package}{path[len(folder) :]}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


def waits_of(package, counted):
    """How often the lines of a package, or of a file in it, made the host wait."""
    return sum(times for (line, _), times in counted.items() if line.startswith(package))
