"""`python -m ecojax`: the command line, for where it is not on the path."""

from ecojax.cli import main

main()
