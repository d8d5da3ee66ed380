"""The energy of programs and of inferences: meters, windows, and the protocol that makes a figure of them.

    energy = per_call(fn, params, x, batch_size=64)  # the whole protocol
    print(energy.per_sample_j, energy.per_sample_ci95_j, energy.provenance, energy.gates)

    with measure() as window:  # any block, on every device
        params = window.sync(train(params))
    print(window.joules, window.seconds, window.devices)

    with open_meter("auto") as meter:  # a meter held for long, real batches, several contenders
        energy = per_inference(fn, state, ring, meter=meter, batch_size=64, calibration=calibrate(meter))
        energies = compare({"a": prepare(...), "b": prepare(...)}, meter=meter)

Importing this loads neither JAX nor NVML. It knows nothing of machine learning.
"""

from ecojax.energy.block import BlockWindow, measure
from ecojax.energy.calibration import Calibration, calibrate
from ecojax.energy.figure import Energy
from ecojax.energy.interleave import compare
from ecojax.energy.meter import Meter
from ecojax.energy.meters.choose import open_meter
from ecojax.energy.meters.external import ExternalMeter
from ecojax.energy.meters.modeled import ModeledMeter
from ecojax.energy.meters.nvml import NvmlMeter
from ecojax.energy.meters.probe import Finding, probe
from ecojax.energy.meters.rapl import RaplMeter
from ecojax.energy.meters.replay import ReplayMeter
from ecojax.energy.meters.sampled import SampledMeter
from ecojax.energy.meters.shelf import METERS
from ecojax.energy.percall import per_call
from ecojax.energy.prepare import Prepared, prepare
from ecojax.energy.protocol import per_inference
from ecojax.energy.provenance import Provenance, Rank
from ecojax.energy.readings import PowerReading, Reading
from ecojax.energy.window import Window, half_width_95

__all__ = [
    "METERS",
    "BlockWindow",
    "Calibration",
    "Energy",
    "ExternalMeter",
    "Finding",
    "Meter",
    "ModeledMeter",
    "NvmlMeter",
    "PowerReading",
    "Prepared",
    "Provenance",
    "Rank",
    "RaplMeter",
    "Reading",
    "ReplayMeter",
    "SampledMeter",
    "Window",
    "calibrate",
    "compare",
    "half_width_95",
    "measure",
    "open_meter",
    "per_call",
    "per_inference",
    "prepare",
    "probe",
]
