"""What every test of this room uses: a maker whose target lies in a folder that workers must be told of."""

import sys
from pathlib import Path

import pytest

from ecojax.execute.executor import Maker

sys.path.append(str(Path(__file__).parent))


@pytest.fixture
def maker() -> Maker:
    return Maker("workload:Workload", {"offset": 40})
