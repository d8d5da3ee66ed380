"""Training on the device: the recipe, augmentation, and the compiled programs of one network shape.

Hyperparameters are arguments, shapes are programs: two candidates that differ only in numbers share one
compilation. This room knows nothing of energy, of engines, or of studies.
"""
