"""The meter of this device, in a process of its own: the length of its tick, and what one call to read it costs."""

import argparse
import json
import statistics
import time

READS = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ticks", type=int, default=20)
    arguments = parser.parse_args()

    from ecojax.energy import open_meter
    from ecojax.energy.ticks import tick_length

    with open_meter("auto") as opened:
        seconds = []
        for _ in range(READS):
            began = time.perf_counter()
            opened.read()
            seconds.append(time.perf_counter() - began)
        record = {
            "provenance": str(opened.provenance),
            "tick_s": tick_length(opened.read_on_tick, arguments.ticks) if opened.tick_s else None,
            "read_us_median": 1e6 * statistics.median(seconds),
            "read_us_max": 1e6 * max(seconds),
        }
    print(json.dumps(record))


if __name__ == "__main__":
    main()
