"""Networks that take images `[batch, height, width, channels]`, and the layers that only they are made of."""
