#!/usr/bin/env python
"""What packing gains on this device: a probe of every way and size, for three small networks.

    .venv/bin/python scripts/benchmark_packing.py [mlp convnet airbench] [--precision bfloat16] [--out FOLDER] [--quick]

mlp       64 features, one hidden layer of 64, batch 32 (the size of digits)
convnet   two stages of 16 and 24 channels on 32 × 32 × 3, batch 64
airbench  widths of 16, 32 and 32 on 32 × 32 × 3, batch 64, SGD

2,000 random images: speed does not depend on what is in them. In bfloat16 on an accelerator, else float32. Under three
minutes on two cores, most of it compilation. Nothing else may run meanwhile. With --out each network is written to
packing-<board>.json as soon as it is measured, and what is there for this board and these versions is skipped, unless
--again. --quick is a smoke run.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.kept import Kept

IMAGES = 2000
SHAPES: dict[str, dict[str, Any]] = {
    "mlp": {
        "image_shape": (8, 8, 1),
        "architecture": {"hidden_layers": 1, "hidden_width": 64},
        "recipe": {"optimizer": "adamw", "adamw_learning_rate": 0.005, "batch_size": 32},
    },
    "convnet": {
        "image_shape": (32, 32, 3),
        "architecture": {"stages": 2, "width": 16},
        "recipe": {"optimizer": "adamw", "adamw_learning_rate": 0.005, "batch_size": 64},
    },
    "airbench": {
        "image_shape": (32, 32, 3),
        "architecture": {"first_width": 16, "second_width": 32, "third_width": 32, "group_depth": 1},
        "recipe": {"optimizer": "sgd", "sgd_learning_rate": 0.1, "batch_size": 64},
    },
}


def probed(name: str, seconds: float, precision: str) -> Any:
    from ecojax.models import family
    from ecojax.models.network import Network
    from ecojax.train.images.augmentation import ImageAugmentation
    from ecojax.train.images.recipe import image_recipe
    from ecojax.train.loss import Classification
    from ecojax.train.packing_probe import probe
    from ecojax.train.program import TrainingProgram

    shape = SHAPES[name]
    height, width, channels = shape["image_shape"]
    network = Network(
        family=name,
        architecture=tuple(family(name).architecture(shape["architecture"], shape["image_shape"]).items()),
        input_shape=shape["image_shape"],
        outputs=10,
        mean=(0.5,) * channels,
        std=(0.25,) * channels,
        precision=precision,
    )
    recipe = image_recipe(shape["recipe"])
    program = TrainingProgram(
        network, recipe.optimizer, recipe.batch_size, Classification(10), ImageAugmentation(max_shift=1)
    )
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (IMAGES, height, width, channels), np.uint8)
    labels = rng.integers(0, 10, IMAGES, np.int32)
    return probe(program, recipe.numbers, images, labels, seconds=seconds, thorough=True)


def table(found: Any) -> str:
    rows = [f"  {'':8}{'images/s':>12}{'of alone':>10}{'compiled in':>13}"]
    alone = found.speeds[0].samples_per_s
    for speed in found.speeds:
        if speed.samples_per_s is None:
            rows.append(f"  {speed!s:8}  {speed.why}")
        else:
            gain = speed.samples_per_s / alone
            rows.append(f"  {speed!s:8}{speed.samples_per_s:12,.0f}{gain:10.2f}{speed.compile_s:11.1f} s")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "networks", nargs="*", choices=[*SHAPES, []], help="by default all", metavar="NETWORK"
    )
    parser.add_argument("--seconds", type=float, default=4.0, help="of running, a network")
    parser.add_argument("--out", type=Path, help="folder for packing-<board>.json")
    parser.add_argument("--precision", choices=["auto", "float32", "bfloat16"], default="auto")
    parser.add_argument("--again", action="store_true", help="measure what is there already, too")
    parser.add_argument("--quick", action="store_true", help="the perceptron alone, for a moment")
    arguments = parser.parse_args()

    import jax

    from ecojax.session.workplace import precision_on, versions

    device = jax.devices()[0]
    precision = precision_on(device.platform, arguments.precision)
    kept = None
    if arguments.out:
        kept = Kept(arguments.out, "packing", device.device_kind, versions(), quick=arguments.quick)
    seconds = 0.5 if arguments.quick else arguments.seconds
    for name in arguments.networks or (["mlp"] if arguments.quick else SHAPES):
        part = f"{name}-{precision}"
        if kept and kept.done(part) and not arguments.again:
            print(f"{part}: is in {kept.path}; --again measures it once more")
            continue
        one = probed(name, seconds, precision)
        print(f"{one}, {precision}\n{table(one)}\n  {one.steps} steps an epoch\n", flush=True)
        if kept:
            settings = {"precision": precision, "images": IMAGES, "seconds": seconds, "cores": os.cpu_count()}
            kept.save(part, one.to_dict() | settings)
            print(f"written to {kept.path}")


if __name__ == "__main__":
    main()
