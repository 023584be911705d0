"""A device that is not there: its tensors live in CPU memory, and behave as if they did not.

An operator that is given tensors of both the device and the CPU raises, as on a GPU. Whatever makes
a GPU's host wait (a value read, a result whose size the device alone knows, a blocking copy either
way) is counted by the line of code that asked for it. Numbers are the CPU's.

torch registers such a device once a process (torch ≥ 2.9, experimental) and keeps it; outside
:class:`SimulatedDevice` it has no operators. Autocast has no kernels for it.
"""

from collections import Counter
from contextlib import contextmanager

import torch
from torch.utils import _python_dispatch
from torch.utils._mode_utils import no_dispatch

from .waits import COPIES, INDEX_WRITING, INDEXING, TYPE, is_there, line_that_asked, waited_for

aten = torch.ops.aten
NAME = f"{TYPE}:0"

# Of lists of tensors: a scalar of the CPU does not pass here as it does in arithmetic.
_JOINS = {aten.cat.default, aten.stack.default}


class SimulatedTensor(torch.Tensor):
    """On the simulated device; ``memory`` is the CPU tensor that holds its values."""

    @staticmethod
    def __new__(cls, memory):
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            memory.size(),
            strides=memory.stride(),
            storage_offset=memory.storage_offset(),
            dtype=memory.dtype,
            layout=memory.layout,
            device=torch.device(NAME),
        )
        made.memory = memory
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return _execute(func, args, kwargs or {})

    def __repr__(self, **kwargs):
        return f"SimulatedTensor({self.memory!r})"

    def tolist(self):
        return self.cpu().tolist()

    def numpy(self, **kwargs):
        raise TypeError(f"can't convert {NAME} device type tensor to numpy; use Tensor.cpu() first")

    def __array__(self, *args, **kwargs):
        return self.numpy()

    def __reduce_ex__(self, protocol):
        # As a GPU's: the file says where the values were, and a reader must say where they go.
        self.memory.untyped_storage()._saved_from = NAME
        return self.detach().memory.__reduce_ex__(protocol)


class SimulatedDevice(_python_dispatch.TorchDispatchMode):
    """While entered, tensors may be on ``NAME``.

    Attributes:
        waits: how often the host waited, by (line that asked, what for).
        seeds: what its generator was seeded with.
    """

    def __init__(self):
        register()
        super().__init__()
        self.waits = Counter()
        self.seeds: list[int] = []

    def __enter__(self):
        self._swaps = torch.__future__.get_swap_module_params_on_conversion()
        # Module.to() cannot exchange a plain tensor's contents for a subclass's.
        torch.__future__.set_swap_module_params_on_conversion(True)
        torch._C._set_only_lift_cpu_tensors(True)
        _active.append(self)
        return super().__enter__()

    def __exit__(self, *error):
        _active.remove(self)
        torch._C._set_only_lift_cpu_tensors(False)
        torch.__future__.set_swap_module_params_on_conversion(self._swaps)
        return super().__exit__(*error)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return _execute(func, args, kwargs or {})

    @contextmanager
    def counting(self):
        """A counter of the waits inside."""
        before, inside = self.waits.copy(), Counter()
        yield inside
        inside.update(self.waits - before)


class _DeviceModule:
    """What torch asks of ``torch.<device>``."""

    @staticmethod
    def is_initialized():
        return True

    @staticmethod
    def is_available():
        return bool(_active)

    @staticmethod
    def current_device():
        return 0

    @staticmethod
    def device_count():
        return 1

    @staticmethod
    def _is_in_bad_fork():
        return False

    @staticmethod
    def manual_seed_all(seed):
        # Its random numbers are the CPU's, which has been seeded.
        for device in _active:
            device.seeds.append(seed)

    @staticmethod
    def synchronize(*args):
        """Nothing is ever under way."""

    @staticmethod
    def get_amp_supported_dtype():
        return [torch.float16, torch.bfloat16]


_active: list[SimulatedDevice] = []
_registered: list[bool] = []


def register():
    """Make the device known to torch, once a process and for as long as it lives."""
    if _registered:
        return
    from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

    _setup_privateuseone_for_python_backend(rename=TYPE, backend_module=_DeviceModule())
    torch.serialization.register_package(0, _saved_from, _refuse_to_load)
    _registered.append(True)


def _saved_from(storage):
    return getattr(storage, "_saved_from", None)


def _refuse_to_load(storage, location):
    if location.startswith(TYPE):
        raise RuntimeError(f"the file's tensors were on {location}: torch.load needs map_location")


def _execute(func, args, kwargs):
    flat = list(_tensors((*args, *kwargs.values())))
    there = [tensor for tensor in flat if is_there(tensor)]
    if there:
        _refuse_a_mixture(func, args, there, [t for t in flat if not is_there(t)])
    waiting = waited_for(func, args, kwargs)
    if waiting is not None and _active:
        _active[-1].waits[line_that_asked(), waiting] += 1
    wanted = kwargs.get("device")
    on_device = bool(there) if wanted is None else torch.device(wanted).type == TYPE
    in_memory = {name: _changed(_memory, value) for name, value in kwargs.items()}
    if wanted is not None:
        in_memory["device"] = torch.device("cpu")
    if kwargs.get("pin_memory"):
        in_memory["pin_memory"] = False
    made = func(*_changed(_memory, args), **in_memory)
    if func is aten.copy_.default:
        return args[0]
    if there and torch.Tag.inplace_view in func.tags:
        _reshape_in_place(func, args, kwargs)
        return args[0]
    # What an operator changes in place stays the tensor it was.
    same = {id(_memory(tensor)): tensor for tensor in flat}

    def wrapped(value):
        if id(value) in same:
            return same[id(value)]
        return SimulatedTensor(value) if on_device else value

    return _changed(wrapped, made)


def _tensors(values):
    """Of an operator's arguments, which nest no deeper than lists."""
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


def _changed(change, value):
    """The same with each tensor changed."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, list | tuple):
        return type(value)([_changed(change, one) for one in value])
    return value


def _memory(tensor):
    return tensor.memory if isinstance(tensor, SimulatedTensor) else tensor


def _reshape_in_place(func, args, kwargs):
    """What unsqueeze_ and its like did to the memory's shape, done to the tensor's."""
    meta = torch._C._meta_in_tls_dispatch_include()
    with no_dispatch():
        torch._C._set_meta_in_tls_dispatch_include(True)
        try:
            func(*args, **kwargs)
        finally:
            torch._C._set_meta_in_tls_dispatch_include(meta)


def _refuse_a_mixture(func, args, there, here):
    if func in COPIES:
        return
    if func in INDEXING:
        # A tensor of the device may be indexed from the CPU, not the other way round.
        if not is_there(args[0]):
            raise RuntimeError("indices should be on the CPU, as the indexed tensor is")
        return
    if func in INDEX_WRITING:
        here = [tensor for tensor in (args[0], args[2]) if not is_there(tensor)]
    strangers = [tensor for tensor in here if tensor.ndim or func in _JOINS]
    if strangers:
        raise RuntimeError(
            f"Expected all tensors to be on the same device: {func} got {NAME} "
            f"{[tuple(t.shape) for t in there]} and cpu {[tuple(t.shape) for t in strangers]}"
        )
