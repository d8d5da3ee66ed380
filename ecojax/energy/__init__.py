"""The energy of programs and of inferences: meters, windows, and the protocol that makes a figure of them.

    with open_meter("auto") as meter:
        energy = per_inference(fn, state, ring, meter=meter, batch_size=64)
        with measure(meter) as window:
            params = window.sync(train(params))

Importing this loads neither JAX nor NVML. It knows nothing of machine learning.
"""

from ecojax.energy.block import BlockWindow, measure
from ecojax.energy.figure import Energy
from ecojax.energy.meter import Meter, PowerReading, Reading
from ecojax.energy.meters.choose import METERS, open_meter
from ecojax.energy.meters.external import ExternalMeter
from ecojax.energy.meters.modeled import ModeledMeter
from ecojax.energy.meters.nvml import NvmlMeter
from ecojax.energy.meters.probe import Finding, probe
from ecojax.energy.meters.rapl import RaplMeter
from ecojax.energy.meters.replay import ReplayMeter
from ecojax.energy.meters.sampled import SampledMeter
from ecojax.energy.protocol import per_inference
from ecojax.energy.provenance import Provenance, Rank
from ecojax.energy.window import Window, half_width_95

__all__ = [
    "METERS",
    "BlockWindow",
    "Energy",
    "ExternalMeter",
    "Finding",
    "Meter",
    "ModeledMeter",
    "NvmlMeter",
    "PowerReading",
    "Provenance",
    "Rank",
    "RaplMeter",
    "Reading",
    "ReplayMeter",
    "SampledMeter",
    "Window",
    "half_width_95",
    "measure",
    "open_meter",
    "per_inference",
    "probe",
]
