"""Packs: every member as it would have been alone, whoever its neighbours are, and at what it may cost."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ecojax.train.packing import PackedProgram, stack, stacked_numbers, unstack
from ecojax.train.program import padded_batches

WAYS = ("map", "vmap")
SIZE, EPOCHS = 3, 2
RATES = (0.02, 0.01, 0.005)

# family, optimizer, numbers, architecture
CASES = {
    "perceptron with everything": (
        "mlp",
        "adamw",
        {"dropout": 0.2, "crop": 1, "flip": 1, "cutout": 2, "weight_decay": 0.01, "label_smoothing": 0.1},
        {"hidden_layers": 1, "hidden_width": 16, "norm": "batch"},
    ),
    "convolutions by sgd": (
        "convnet",
        "sgd",
        {"warmup": 0.3, "linear_decay": 1},
        {"stages": 1, "width": 8, "norm": "batch", "pooling": "max"},
    ),
    "perceptron by muon": (
        "mlp",
        "muon",
        {"adamw_learning_rate": 0.002},
        {"hidden_layers": 1, "hidden_width": 16, "norm": "none"},
    ),
    "whitening by decoupled sgd": (
        "airbench",
        "sgd",
        {"bias_decay": 1, "norm_rate": 4, "weight_decay": 0.01, "flip": 1},
        {"first_width": 16, "second_width": 16, "third_width": 16, "group_depth": 1},
    ),
}


@pytest.fixture(scope="module")
def data(digits):
    return jnp.asarray(digits.x_train[:200]), jnp.asarray(digits.y_train[:200])


def init_keys(seeds):
    return jnp.stack([jax.random.key(seed, impl="rbg") for seed in seeds])


def epoch_keys(seeds, epoch):
    return jnp.stack([jax.random.fold_in(jax.random.key(seed), epoch) for seed in seeds])


def member_numbers(traced, values, rates=RATES):
    return [traced(**values | {"learning_rate": rate}) for rate in rates]


def trained(pack, numbers, data, *, epochs=EPOCHS):
    """States and the last losses of a pack whose members have the seeds 0, 1, ..."""
    seeds, total = range(pack.size), jnp.float32(epochs * (200 // 32))
    states = pack.jitted.init(init_keys(seeds))
    for epoch in range(epochs):
        states, losses = pack.jitted.advance(
            states, stacked_numbers(numbers), *data, total, epoch_keys(seeds, epoch)
        )
    return states, np.asarray(losses)


def trained_alone(program, numbers, data, seed):
    run, total = program.jitted, jnp.float32(EPOCHS * (200 // 32))
    state = run.init(jax.random.key(seed, impl="rbg"))
    for epoch in range(EPOCHS):
        state, loss = run.advance(
            state, numbers, *data, total, jax.random.fold_in(jax.random.key(seed), epoch)
        )
    return state, float(loss)


@pytest.fixture(scope="module")
def packs(make_program, traced, data):
    """Trainings of every case, alone and packed, each done once."""
    found = {}

    def train(case, way=None):
        family, optimizer, values, architecture = CASES[case]
        if (case, way) not in found:
            program = found.setdefault(case, make_program(family, optimizer=optimizer, **architecture))
            numbers = member_numbers(traced, values)
            if way is None:
                found[case, way] = [
                    trained_alone(program, own, data, seed) for seed, own in enumerate(numbers)
                ]
            else:
                pack = PackedProgram(program, SIZE, way)
                found[case, way] = pack, numbers, *trained(pack, numbers, data)
        return found[case, way]

    return train


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CASES)
def test_a_member_is_what_it_would_have_been_alone(packs, digits, case, way) -> None:
    alone, (pack, _, states, losses) = packs(case), packs(case, way)
    network = pack.program.network
    correct, loss_sums = pack.jitted.evaluate(
        states.weights, *padded_batches(digits.x_validation, digits.y_validation)
    )
    assert int(states.step) == EPOCHS * (200 // 32)
    for i, (member, (state, loss)) in enumerate(zip(unstack(states, SIZE), alone, strict=True)):
        assert losses[i] == pytest.approx(loss, rel=2e-3)
        logits, expected = (
            np.asarray(pack.program.jitted.logits(s.weights, digits.x_validation)) for s in (member, state)
        )
        # rounding only, which a training amplifies; another seed is far away
        assert np.abs(logits - expected).max() < 0.03 * expected.std()
        assert (logits.argmax(1) == expected.argmax(1)).mean() > 0.98
        if way == "map":
            arrays = network.to_arrays(state.weights)
            for name, array in network.to_arrays(member.weights).items():
                np.testing.assert_allclose(array, arrays[name], rtol=1e-3, atol=1e-4, err_msg=name)
        # and numpy agrees with the pack's judgement
        assert abs(int(correct[i]) - (logits.argmax(1) == digits.y_validation).sum()) <= 1
        log_z = np.log(np.exp(logits.astype(np.float64)).sum(1))
        cross_entropy = (log_z - logits[np.arange(297), digits.y_validation]).sum()
        assert float(loss_sums[i]) == pytest.approx(cross_entropy, rel=1e-4)
    others = np.asarray(pack.program.jitted.logits(alone[1][0].weights, digits.x_validation))
    assert np.abs(others - expected).max() > 0.3 * expected.std()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CASES)
def test_a_member_that_diverges_does_not_touch_the_others(packs, traced, data, case, way) -> None:
    pack, _, states, losses = packs(case, way)
    numbers = member_numbers(traced, CASES[case][2], (RATES[0], 1e38, RATES[2]))
    disturbed, disturbed_losses = trained(pack, numbers, data)
    assert not np.isfinite(disturbed_losses[1])
    network = pack.program.network
    arrays = network.to_arrays(states.weights)
    for name, array in network.to_arrays(disturbed.weights).items():
        np.testing.assert_array_equal(array[[0, 2]], arrays[name][[0, 2]], err_msg=name)
    np.testing.assert_array_equal(disturbed_losses[[0, 2]], losses[[0, 2]])


@pytest.mark.parametrize("way", WAYS)
def test_the_order_of_the_members_is_theirs_alone(packs, data, way) -> None:
    """A mirrored pack gives the mirrored result."""
    pack, numbers, states, _ = packs("perceptron with everything", way)
    total, seeds = jnp.float32(EPOCHS * (200 // 32)), [2, 1, 0]
    mirrored = pack.jitted.init(init_keys(seeds))
    for epoch in range(EPOCHS):
        mirrored, _ = pack.jitted.advance(
            mirrored, stacked_numbers(numbers[::-1]), *data, total, epoch_keys(seeds, epoch)
        )
    network, expected = pack.program.network, pack.program.network.to_arrays(states.weights)
    for name, array in network.to_arrays(mirrored.weights).items():
        np.testing.assert_array_equal(array[::-1], expected[name], err_msg=name)


@pytest.mark.parametrize("way", WAYS)
def test_numbers_and_seeds_do_not_compile_again(make_program, traced, data, way) -> None:
    pack = PackedProgram(make_program("linear"), 2, way)
    chex.clear_trace_counter()
    epoch = jax.jit(chex.assert_max_traces(pack.advance, n=1))
    states = pack.jitted.init(init_keys((0, 1)))
    for seed, values in enumerate(({}, {"learning_rate": 0.5, "crop": 1, "flip": 1}, {"dropout": 0.5})):
        numbers = stacked_numbers([traced(**values), traced()])
        states, _ = epoch(states, numbers, *data, jnp.float32(10 + seed), epoch_keys((seed, 9), 0))
    assert int(states.step) == 3 * (200 // 32)


def test_equal_packs_are_one_key(make_program) -> None:
    program, equal = (make_program("mlp", hidden_width=24) for _ in range(2))
    pack = PackedProgram(program, 4, "vmap")
    assert pack == PackedProgram(equal, 4, "vmap")
    assert hash(pack) == hash(PackedProgram(equal, 4, "vmap"))
    assert len({pack, PackedProgram(program, 4, "map"), PackedProgram(program, 2, "vmap"), program}) == 4


@pytest.mark.parametrize("way", WAYS)
def test_an_epoch_moves_nothing_between_host_and_device(packs, data, way) -> None:
    pack, numbers, _, _ = packs("whitening by decoupled sgd", way)
    states, stacked = pack.jitted.init(init_keys(range(SIZE))), stacked_numbers(numbers)
    total, keys = jnp.float32(12), epoch_keys(range(SIZE), 0)
    with jax.transfer_guard("disallow"):
        for _ in range(2):
            states, _ = pack.jitted.advance(states, stacked, *data, total, keys)
    assert int(states.step) == 2 * (200 // 32)


@pytest.mark.parametrize("way", WAYS)
def test_the_images_are_there_once(make_program, traced, way) -> None:
    """Eight members hold no more than one copy of the data, and write over their states."""
    n, size = 6400, 8
    pack = PackedProgram(make_program("linear", batch_size=32), size, way)
    images = jax.ShapeDtypeStruct((n, 8, 8, 1), jnp.uint8)
    keys = jax.eval_shape(lambda: epoch_keys(range(size), 0))
    states = jax.eval_shape(pack.init, jax.eval_shape(lambda: init_keys(range(size))))
    sizes = (
        pack.jitted.advance.lower(
            states,
            stacked_numbers([traced()] * size),
            images,
            jax.ShapeDtypeStruct((n,), jnp.int32),
            jnp.float32(1),
            keys,
        )
        .compile()
        .memory_analysis()
    )
    one_copy = n * 64
    states_bytes = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(states))
    assert sizes.argument_size_in_bytes < one_copy + 4 * n + states_bytes + 10_000
    # what is worked with: orders, keys and losses grow with n, but there is room for no second copy a member
    orders = 4 * n * (size if way == "vmap" else 1)
    batches = size * 32 * 64 * 4
    assert sizes.temp_size_in_bytes < 4 * orders + 10 * batches + 3 * states_bytes < size * one_copy
    assert sizes.alias_size_in_bytes >= states_bytes


def test_whitening_is_computed_before_the_first_step_and_never_again(packs, data) -> None:
    """Side by side a branch for some would be one for all: the condition must stay one, outside the batch."""
    pack, numbers, states, _ = packs("whitening by decoupled sgd", "vmap")
    jaxpr = jax.make_jaxpr(pack.advance)(
        states, stacked_numbers(numbers), *data, jnp.float32(12), epoch_keys(range(SIZE), 0)
    )
    (condition,) = [equation for equation in jaxpr.eqns if equation.primitive.name == "cond"]
    assert condition.invars[0].aval.shape == ()
    assert "eigh" in str(condition)
    assert "eigh" not in "".join(str(other) for other in jaxpr.eqns if other is not condition)


# Into a pack and out again


def test_members_go_into_a_pack_and_come_out_unchanged(make_program) -> None:
    program = make_program("mlp", hidden_width=16)
    singles = [program.jitted.init(jax.random.key(seed)) for seed in range(3)]
    members = unstack(stack(singles), 3)
    for member, single in zip(members, singles, strict=True):
        jax.tree.map(np.testing.assert_array_equal, member, single)


def test_a_member_that_is_trained_on_leaves_the_others_alive(make_program, traced, data) -> None:
    """An epoch writes over its state: nothing of it may be another's."""
    pack = PackedProgram(make_program("mlp", hidden_width=16), 2, "map")
    states = pack.jitted.init(init_keys((0, 1)))
    first, second = unstack(states, 2)
    run = pack.program.jitted
    first, _ = run.advance(first, traced(), *data, jnp.float32(6), jax.random.key(0))
    assert int(first.step) == 6
    assert int(second.step) == int(states.step) == 0
    with pytest.raises(ValueError, match=r"members are at steps \[0, 6\]"):
        stack([first, second])


def test_what_cannot_be_packed_is_refused(make_program, traced, data) -> None:
    program = make_program("linear")
    with pytest.raises(ValueError, match="a pack of 0"):
        PackedProgram(program, 0, "map")
    with pytest.raises(ValueError, match="'pmap' of packing is none of map, vmap"):
        PackedProgram(program, 2, "pmap")
    pack = PackedProgram(program, 2, "vmap")
    states = pack.jitted.init(init_keys((0, 1)))
    with pytest.raises(ValueError, match="threefry2x32"):  # its draws side by side are not those alone
        pack.jitted.advance(states, stacked_numbers([traced()] * 2), *data, jnp.float32(6), init_keys((0, 1)))
