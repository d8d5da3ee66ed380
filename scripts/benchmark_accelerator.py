#!/usr/bin/env python
"""What a search achieves on an accelerator: ECOpt's 200 candidates, airbench94, and the speed of one epoch.

    .venv/bin/python scripts/benchmark_accelerator.py [ecopt airbench epoch] [--peak-tflops 989] [--data-dir DIR]
        [--out FOLDER] [--quick]

ecopt     200 candidates of configs/ecopt_cifar10.toml: minutes (ECOpt: 61 on an A100 80 GB, as published), the share of
          them in which the device was busy (NVML's utilisation, sampled twice a second, and the account of the search).
airbench  configs/airbench94.toml on the JPEG copy of CIFAR-10, 50,000 images: seconds and joules of training, and the
          accuracy on validation and test images; of 5 seeds. Published: 94.0 % in 2.6 s with Muon on an A100.
epoch     model-FLOP utilisation of one epoch of that network: three times the inference's FLOPs, over the time and the
          device's peak (--peak-tflops; dense bfloat16, from the maker's sheet).

The table of packing is printed by scripts/benchmark_packing.py. Refuses to run on a CPU, but for a smoke run with
--quick, which takes tiny versions of all three.
"""

import argparse
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PARTS = ("ecopt", "airbench", "epoch")
BARS = {"ecopt_minutes": 6.0, "busy": 0.8, "accuracy": 0.93}
ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def utilisation() -> Iterator[list[int]]:
    """Per cent of the time in which each visible NVIDIA GPU ran something, sampled until the block ends."""
    import pynvml

    samples: list[int] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.5):
            for number in range(pynvml.nvmlDeviceGetCount()):
                handle = pynvml.nvmlDeviceGetHandleByIndex(number)
                samples.append(int(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu))

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield samples  # no such device: stays empty
        return
    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield samples
    finally:
        ended.set()
        thread.join()
        with suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def ecopt(data_dir: Path, *, quick: bool) -> dict[str, Any]:
    import ecojax

    small = {"evaluations": 3, "epochs": 1, "train_size": 500, "pin": {"width": 4}} if quick else {}
    with tempfile.TemporaryDirectory() as scratch, utilisation() as samples:
        began = time.perf_counter()
        study = ecojax.search(
            config=ROOT / "configs" / "ecopt_cifar10.toml",
            data_dir=str(data_dir),
            out=Path(scratch) / "study",
            **small,
        )
        seconds = time.perf_counter() - began
        account = study.settings["account"]
        frontier = [
            {name: trial.metrics[name] for name in ("accuracy", "test_accuracy", "energy_per_sample_j")}
            for trial in study.frontier()
        ]
        return {
            "device": study.settings["device_kind"],
            "trials": {status: count for status, count in study.counts().items() if count},
            "minutes": seconds / 60,
            "busy": statistics.fmean(samples) / 100 if samples else None,
            "account_seconds": account,
            "energy_provenance": study.settings["energy_provenance"],
            "frontier": frontier,
        }


def airbench(data_dir: Path, *, quick: bool) -> dict[str, Any]:
    """One evaluation a seed; the first compiles."""
    import ecojax

    small: dict[str, Any] = {"epochs": 1, "train_size": 2000} if quick else {}
    small |= {"pin": {"first_width": 16, "second_width": 16, "third_width": 16}} if quick else {}
    rows = []
    for seed in range(2 if quick else 5):
        with tempfile.TemporaryDirectory() as scratch:
            study = ecojax.search(
                config=ROOT / "configs" / "airbench94.toml",
                data_dir=str(data_dir),
                seed=seed,
                out=Path(scratch) / "study",
                **small,
            )
            (trial,) = study.trials
            if not trial.complete:
                raise SystemExit(f"the network was not trained ({trial.status}): {trial.error}")
            names = ("accuracy", "test_accuracy", "train_seconds", "train_energy_j", "energy_per_sample_j")
            rows.append({name: trial.metrics[name] for name in names} | {"flops": trial.metrics["flops"]})
            images = study.settings["splits"]["train"]["size"]
            epochs, provenance = trial.metrics["epochs"], study.settings["energy_provenance"]
            device = study.settings["device_kind"]
    return {
        "device": device,
        "seeds": rows,
        "train_images": images,
        "epochs": epochs,
        "energy_provenance": provenance,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="by default all", metavar="PART")
    parser.add_argument("--peak-tflops", type=float, help="of the device, dense, in the precision trained in")
    parser.add_argument("--data-dir", type=Path, default=Path("../shared/data/tfds"))
    parser.add_argument("--out", type=Path, help="folder for search-<device>.json")
    parser.add_argument("--quick", action="store_true", help="a smoke run")
    arguments = parser.parse_args()
    parts = arguments.parts or PARTS
    if not (arguments.data_dir / "cifar10").is_dir():
        raise SystemExit(f"no prepared CIFAR-10 in {arguments.data_dir}; name its folder with --data-dir")

    from ecojax.execute.places import places

    if places("auto", None)[0].get("JAX_PLATFORMS") == "cpu" and not arguments.quick:
        raise SystemExit(
            "there is no accelerator here that JAX can use; --quick makes a smoke run on the CPU"
        )

    found: dict[str, Any] = {}
    if "ecopt" in parts:
        row = found["ecopt"] = ecopt(arguments.data_dir, quick=arguments.quick)
        busy = "not known" if row["busy"] is None else f"{row['busy']:.0%}"
        print(
            f"ecopt: {row['trials']} in {row['minutes']:.1f} minutes (bar {BARS['ecopt_minutes']:g}), the device busy "
            f"{busy} of them (bar {BARS['busy']:.0%})"
        )
        print(
            "   " + ", ".join(f"{part} {seconds:.0f} s" for part, seconds in row["account_seconds"].items())
        )
    if "airbench" in parts or "epoch" in parts:
        row = found["airbench"] = airbench(arguments.data_dir, quick=arguments.quick)
        for name, unit in (
            ("accuracy", ""),
            ("test_accuracy", ""),
            ("train_seconds", " s"),
            ("train_energy_j", " J"),
        ):
            values = [one[name] for one in row["seeds"]]
            print(
                f"airbench94: {name} {statistics.fmean(values):.4g}{unit} ({min(values):.4g} to {max(values):.4g})"
            )
        print(f"   CIFAR-10 (JPEG copy), {row['train_images']} images; energy {row['energy_provenance']}")
    if "epoch" in parts:
        row = found["airbench"]
        model_flops = 3 * row["seeds"][0]["flops"] * row["train_images"] * row["epochs"]
        fastest = min(one["train_seconds"] for one in row["seeds"])
        found["epoch"] = {"model_flop_s": model_flops / fastest, "peak_tflops": arguments.peak_tflops}
        words = f"epoch: {model_flops / fastest / 1e12:.3g} TFLOP/s of the model"
        if arguments.peak_tflops:
            found["epoch"]["utilisation"] = model_flops / fastest / (1e12 * arguments.peak_tflops)
            words += f", {found['epoch']['utilisation']:.1%} of the peak"
        print(words)

    if arguments.out:
        from ecojax.session.workplace import versions

        device = next(row["device"] for row in found.values() if "device" in row)
        record = {
            "date": datetime.now(UTC).date().isoformat(),
            "device": device,
            "versions": versions(),
            "quick": arguments.quick,
            "bars": BARS,
            **found,
        }
        name = device.partition(": ")[2].lower().replace(" ", "-") + ("-quick" if arguments.quick else "")
        path = arguments.out / f"search-{name}.json"
        path.write_text(json.dumps(record, indent=2) + "\n")
        print(f"written to {path}")


if __name__ == "__main__":
    main()
