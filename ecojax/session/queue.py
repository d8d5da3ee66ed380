"""What a search tries first: configurations that were enqueued, then the frontiers of former studies."""

from ecojax.errors import InputError
from ecojax.frontier import Study
from ecojax.session.loop import Listener
from ecojax.session.warm_start import completed, distinct, mapped
from ecojax.settings import SearchSettings
from ecojax.space import Configuration, SearchSpace
from ecojax.wording import option


def queue_of(
    settings: SearchSettings, space: SearchSpace, source: str, listener: Listener | None
) -> list[Configuration]:
    """What is tried first: the enqueued configurations, then the frontiers of the studies to start from."""
    note = (listener or Listener()).noted
    queue = completed(space, settings.enqueue, source=source)
    for folder in settings.start_from:
        members = Study.open(folder).frontier()
        if not members:
            note(f"{option('start_from', folder)}: the study has no frontier; nothing of it is tried")
        for trial in members:
            try:
                queue.append(mapped(space, trial.configuration))
            except InputError as error:
                note(f"{option('start_from', folder)}: trial {trial.id} is skipped: {error}")
    return distinct(space, queue)
