"""`python -m ecojax`: the command line, for where it is not on the path, or for a clone beside a JAX that is there."""

import sys

try:
    from ecojax.cli import main
except ModuleNotFoundError as error:
    from ecojax.install import missing

    if told := missing(error):
        sys.exit(f"ecojax: {told}")
    raise

main()
