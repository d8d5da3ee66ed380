"""One configuration to one record: build, compile, meter, train, validate, and say how it failed if it did."""
