"""A trial to files that outlive the study, and back: weights, configuration, energy label, model card.

    <folder>/checkpoint/          the weights, an Orbax checkpoint of plain arrays
    <folder>/checkpoint.sha256    its digests, as `sha256sum --check` reads them
    <folder>/model.json           what is needed to build the network again
    <folder>/configuration.json   the trial: its configuration, seed and origin
    <folder>/energy.json          the energy label: figure, interval, conditions, provenance
    <folder>/MODEL_CARD.md        all of it for people

Importing this room imports neither JAX nor Orbax. It knows nothing of the search.
"""

from ecojax.export.model import Model, load
from ecojax.export.write import export_trial, require_vacant

__all__ = ["Model", "export_trial", "load", "require_vacant"]
