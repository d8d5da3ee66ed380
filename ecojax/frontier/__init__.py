"""From a study to understanding: its frontier, the knee, the hypervolume; tables and plots of them.

`Study` is the way in. `ecojax.frontier.table` and `ecojax.frontier.plot` show one; they are imported when needed, so
that reading a study costs neither rich nor matplotlib.
"""

from ecojax.frontier.study import Study

__all__ = ["Study"]
