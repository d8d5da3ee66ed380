"""The suite itself, started as `nohup … &` starts it: deaf to SIGINT."""

import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent
INTERRUPTING = (
    TESTS
    / "trial/test_compilation.py::test_an_interrupt_while_compiling_begins_nothing_more_and_leaves_no_thread",
    TESTS / "engine/test_sampling.py::test_ctrl_c_at_the_first_sobol_sequence_is_neither_lost_nor_spoils_it",
)


def test_tests_that_interrupt_do_not_depend_on_how_the_suite_was_started() -> None:
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, INTERRUPTING)]
    ran = subprocess.run(
        ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *pytest], capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stdout
    assert "2 passed" in ran.stdout
