"""A process that takes turns and writes into one shared file when it is inside: who, how, from when to when."""

import json
import os
import random
import sys
import time
from pathlib import Path

from ecojax.energy.turns import Turns


def main(folder: str, log: str, kind: str, seconds: float, hold_s: float) -> None:
    turns = Turns(Path(folder))
    until = time.monotonic() + seconds
    choose = random.Random(os.getpid())
    while True:
        how = kind if kind != "both" else choose.choice(["shared", "shared", "shared", "alone"])
        with getattr(turns, how)():
            began = time.monotonic()
            time.sleep(choose.uniform(0, 2 * hold_s))
            ended = time.monotonic()
        with open(log, "a") as file:
            file.write(json.dumps([how, began, ended]) + "\n")
        if time.monotonic() >= until:
            return


def hold(folder: str, how: str, study: str = "") -> None:
    with getattr(Turns(Path(folder), study), how)():
        print("inside", flush=True)
        time.sleep(600)


if __name__ == "__main__":
    if sys.argv[1] == "hold":
        hold(*sys.argv[2:])
    else:
        main(*sys.argv[2:5], float(sys.argv[5]), float(sys.argv[6]))
