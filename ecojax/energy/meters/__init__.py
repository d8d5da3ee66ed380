"""The meters: one module an instrument, and the choice among them. Each is a `Meter` of `ecojax.energy.meter`."""
