"""One epoch of one network on random images, in a process of its own: `python -m benchmarks.accelerator.epoch`.

Prints a JSON line: seconds to compile each program, seconds of an epoch (the fastest of several), and the network's
FLOPs. A process of its own, since launch options are read when JAX starts, and so that several can run side by side.
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np

TRAINED = 3.0  # times the inference's FLOPs: a forward pass, and a backward one of twice its size
SIZES: dict[str, dict[str, Any]] = {
    "full": {"images": 50_000, "batch": 1024, "side": 32, "widths": (64, 256, 256), "depth": 2, "epochs": 3},
    "quick": {"images": 256, "batch": 64, "side": 8, "widths": (16, 16, 16), "depth": 1, "epochs": 2},
}


def program_of(size: dict[str, Any], precision: str) -> Any:
    """airbench94 of a size, trained by SGD; without augmentation by dropout."""
    from ecojax.models import family
    from ecojax.models.network import Network
    from ecojax.train.images.augmentation import ImageAugmentation
    from ecojax.train.images.recipe import image_recipe
    from ecojax.train.loss import Classification
    from ecojax.train.program import TrainingProgram

    shape = (size["side"], size["side"], 3)
    widths = dict(zip(("first_width", "second_width", "third_width"), size["widths"], strict=True))
    configuration = {**widths, "group_depth": size["depth"], "test_views": "mirror_shift"}
    network = Network(
        family="airbench",
        architecture=tuple(family("airbench").architecture(configuration, shape).items()),
        input_shape=shape,
        outputs=10,
        mean=(0.5, 0.5, 0.5),
        std=(0.25, 0.25, 0.25),
        precision=precision,
    )
    recipe = image_recipe({"optimizer": "sgd", "sgd_learning_rate": 0.01, "batch_size": size["batch"]})
    program = TrainingProgram(
        network,
        recipe.optimizer,
        size["batch"],
        loss=Classification(10),
        augmentation=ImageAugmentation(max_shift=2),
        drops=False,
    )
    return program, recipe.numbers


def flops_of_one_view(network: Any, batch: int) -> float:
    """FLOPs of one look at one image. In training an image is looked at once, whatever the views of inference."""
    from ecojax.models.known import known_beforehand

    views = {**dict(network.architecture), "test_views": "none"}
    once = replace(network, architecture=tuple(views.items()))
    return known_beforehand(once, batch, ("flops",))["flops"]


def model_flop_per_s(flops_of_a_view: float, images: int, seconds: float) -> float:
    """What an epoch of so many images in so many seconds achieved."""
    return TRAINED * flops_of_a_view * images / seconds


def measured(size: dict[str, Any], precision: str, *, wait: bool = False) -> dict[str, Any]:
    """With `wait` it says "ready" when all is compiled, and trains when it reads a line."""
    import jax
    import jax.numpy as jnp

    program, numbers = program_of(size, precision)
    rng = np.random.default_rng(0)
    steps = size["images"] // size["batch"]
    images = jnp.asarray(rng.integers(0, 256, (size["images"], size["side"], size["side"], 3), np.uint8))
    labels = jnp.asarray(rng.integers(0, 10, size["images"], np.int32))
    numbers = {name: jnp.float32(value) for name, value in numbers.items()}
    jitted, key, total = program.jitted, jax.random.key(0), jnp.int32(size["epochs"] * steps)
    compile_s: dict[str, float] = {}

    def compiled(name: str, jitted: Any, *arguments: Any) -> Any:
        began = time.perf_counter()
        found = jitted.lower(*arguments).compile()
        compile_s[name] = time.perf_counter() - began
        return found

    state = compiled("init", jitted.init, key)(key)
    batches = images[: size["batch"]][None], labels[: size["batch"]][None]
    compiled("evaluate", jitted.evaluate, state.weights, *batches)
    compiled("logits", jitted.logits, state.weights, batches[0][0])
    epoch = compiled("epoch", jitted.advance, state, numbers, images, labels, total, key)
    if wait:
        print("ready", flush=True)
        sys.stdin.readline()
    seconds = []
    for _ in range(size["epochs"]):
        began = time.perf_counter()
        state, loss = epoch(state, numbers, images, labels, total, key)
        float(loss)
        seconds.append(time.perf_counter() - began)
    fastest = min(seconds)
    flops = flops_of_one_view(program.network, size["batch"])
    trained = steps * size["batch"]
    return {
        "compile_s": compile_s,
        "epoch_s": fastest,
        "images_per_s": trained * len(seconds) / sum(seconds),
        "flops_of_one_view": flops,
        "model_flop_per_s": model_flop_per_s(flops, trained, fastest),
        "precision": precision,
        "loss": float(loss),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=list(SIZES), default="full")
    parser.add_argument("--precision", default="bfloat16")
    parser.add_argument("--wait", action="store_true", help="train when a line is read")
    arguments = parser.parse_args()
    print(json.dumps(measured(SIZES[arguments.size], arguments.precision, wait=arguments.wait)))


if __name__ == "__main__":
    main()
