"""Gaussian processes over genomes with real, ordered, categorical and conditional genes, all in compiled JAX.

Matérn-5/2 with a length scale a gene (Snoek et al., "Practical Bayesian optimization", NIPS 2012). Two genes differ by
their squared difference where both are active and ordered, by 0 or 1 where they are categories, by 1 where only one
is active, and by 0 where neither is (Lévesque et al., "Bayesian optimization for conditional hyperparameter spaces",
IJCNN 2017). Hyperparameters are the maximum a posteriori of a few dozen steps of Rprop (Riedmiller and Braun, ICNN
1993) on analytic gradients. It heeds their signs alone: length scales that differ by orders of magnitude converge in
forty steps, where Adam is half-way after three hundred.

Rows are padded to fixed sizes; `mask` says which of them an output has observed.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

STEPS = 40
FIRST_STEP, LONGEST_STEP = 0.15, 1.0
LENGTH_SCALE_SPREAD = 1.0  # standard deviations of the log-normal priors
NOISE_PRIOR, NOISE_SPREAD = -7.0, 1.5  # of the logarithm of the noise's variance, targets having variance one
SIGNAL_SPREAD = 0.5
LEAST_NOISE = 1e-7  # keeps the covariance of some hundred rows positive definite in double precision


class Hyperparameters(NamedTuple):
    """Logarithms: of the length scales `[outputs, genes]`, of signal and noise variance `[outputs]`."""

    length_scale: jax.Array
    signal: jax.Array
    noise: jax.Array


class Posterior(NamedTuple):
    """What a prediction needs: rows `[n, genes]`, and for each output the inverse of the covariance's Cholesky factor
    `[n, n]` and the inverse covariance's product with the targets `[n]`."""

    genomes: jax.Array
    active: jax.Array
    hyperparameters: Hyperparameters
    mask: jax.Array
    root: jax.Array
    alpha: jax.Array


def gene_distances(
    a: jax.Array, a_active: jax.Array, b: jax.Array, b_active: jax.Array, categorical: jax.Array
) -> jax.Array:
    """Squared distances by gene, `[n, genes]` and `[m, genes]` to `[n, m, genes]`."""
    difference = a[:, None] - b[None]
    apart = jnp.where(categorical, (jnp.abs(difference) > 1e-4).astype(a.dtype), difference**2)
    both, one = a_active[:, None] & b_active[None], a_active[:, None] ^ b_active[None]
    return jnp.where(both, apart, one.astype(a.dtype))


def fit(distances: jax.Array, targets: jax.Array, mask: jax.Array) -> Hyperparameters:
    """Maximum a posteriori hyperparameters.

    Args: distances `[n, n, genes]`; targets `[outputs, n]`, of mean zero and variance one; mask bool `[outputs, n]`.
    """
    outputs, genes = targets.shape[0], distances.shape[-1]
    centre = jnp.log(0.3 * jnp.sqrt(jnp.asarray(genes, targets.dtype)))  # more genes, each matters less
    start = Hyperparameters(
        jnp.full((outputs, genes), centre), jnp.zeros(outputs), jnp.full(outputs, NOISE_PRIOR)
    )

    def ascent(theta: Hyperparameters, target: jax.Array, seen: jax.Array) -> Hyperparameters:
        """Gradient of the log posterior of one output."""
        weight = jnp.exp(-2.0 * theta.length_scale)
        signal, noise = jnp.exp(theta.signal), jnp.exp(theta.noise) + LEAST_NOISE
        correlation, slope = _matern(distances @ weight)
        root = _inverse_root(signal * correlation, noise, seen)
        inverse = root.T @ root
        alpha = root.T @ (root @ jnp.where(seen, target, 0.0))
        both = seen[:, None] & seen[None]
        sensitivity = jnp.where(both, 0.5 * (alpha[:, None] * alpha[None] - inverse), 0.0)
        by_gene = jnp.einsum("ij,ijg->g", sensitivity * signal * slope, distances)
        return Hyperparameters(
            -2.0 * weight * by_gene - (theta.length_scale - centre) / LENGTH_SCALE_SPREAD**2,
            (sensitivity * signal * correlation).sum() - theta.signal / SIGNAL_SPREAD**2,
            jnp.exp(theta.noise) * jnp.trace(sensitivity) - (theta.noise - NOISE_PRIOR) / NOISE_SPREAD**2,
        )

    optimizer = optax.rprop(FIRST_STEP, max_step_size=LONGEST_STEP)

    def step(carry: tuple[Hyperparameters, optax.OptState], _: None) -> tuple[tuple, None]:
        theta, state = carry
        gradient = jax.vmap(ascent)(theta, targets, mask)
        downhill = jax.tree.map(lambda g: jnp.nan_to_num(-g), gradient)
        updates, state = optimizer.update(downhill, state)
        return (optax.apply_updates(theta, updates), state), None

    (theta, _), _ = jax.lax.scan(step, (start, optimizer.init(start)), None, length=STEPS)
    return theta


def condition(
    hyperparameters: Hyperparameters,
    genomes: jax.Array,
    active: jax.Array,
    categorical: jax.Array,
    targets: jax.Array,
    mask: jax.Array,
) -> Posterior:
    """The posterior given rows `[n, genes]`, targets `[outputs, n]` and mask `[outputs, n]`."""
    distances = gene_distances(genomes, active, genomes, active, categorical)

    def one(theta: Hyperparameters, target: jax.Array, seen: jax.Array) -> tuple[jax.Array, jax.Array]:
        correlation, _ = _matern(distances @ jnp.exp(-2.0 * theta.length_scale))
        noise = jnp.exp(theta.noise) + LEAST_NOISE
        root = _inverse_root(jnp.exp(theta.signal) * correlation, noise, seen)
        return root, root.T @ (root @ jnp.where(seen, target, 0.0))

    root, alpha = jax.vmap(one)(hyperparameters, targets, mask)
    return Posterior(genomes, active, hyperparameters, mask, root, alpha)


def predict(
    posterior: Posterior, genomes: jax.Array, active: jax.Array, categorical: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Mean and standard deviation of the noise-free outputs, each `[outputs, m]`, at `genomes` `[m, genes]`."""
    distances = gene_distances(genomes, active, posterior.genomes, posterior.active, categorical)

    def one(
        theta: Hyperparameters, seen: jax.Array, root: jax.Array, alpha: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        signal = jnp.exp(theta.signal)
        correlation, _ = _matern(distances @ jnp.exp(-2.0 * theta.length_scale))
        covariance = jnp.where(seen, signal * correlation, 0.0)
        explained = ((covariance @ root.T) ** 2).sum(
            1
        )  # a sum of squares keeps its digits, a product does not
        return covariance @ alpha, jnp.sqrt(jnp.maximum(signal - explained, 1e-12))

    return jax.vmap(one)(posterior.hyperparameters, posterior.mask, posterior.root, posterior.alpha)


def _matern(squared: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The Matérn-5/2 correlation of squared distances, and its derivative with respect to them."""
    scaled = jnp.sqrt(5.0 * squared + 1e-12)
    decay = jnp.exp(-scaled)
    return (1.0 + scaled + scaled**2 / 3.0) * decay, -(5.0 / 6.0) * (1.0 + scaled) * decay


def _inverse_root(covariance: jax.Array, noise: jax.Array, seen: jax.Array) -> jax.Array:
    """The inverse of the Cholesky factor of covariance plus noise; rows not seen are apart from everything."""
    both = seen[:, None] & seen[None]
    K = jnp.where(both, covariance, 0.0) + jnp.diag(jnp.where(seen, noise, 1.0))
    return jax.scipy.linalg.solve_triangular(jnp.linalg.cholesky(K), jnp.eye(len(K)), lower=True)
