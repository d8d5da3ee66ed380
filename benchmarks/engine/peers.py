"""The peers: Optuna's samplers and pymoo's mixed-variable GA, each told of a space what it can understand.

Ordered choices are integers to them, categories are categories, reals are reals; nobody is told less than ecojax.
"""

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

from benchmarks.engine.ledger import Ledger
from benchmarks.engine.problem import Problem
from ecojax.space import Choice, Configuration, Float, Parameter


def _optuna_sampler(name: str, seed: int) -> Any:
    import optuna

    if name == "optuna gp":
        return optuna.samplers.GPSampler(seed=seed)
    if name == "optuna tpe":
        return optuna.samplers.TPESampler(seed=seed)
    if name == "optuna nsga2":
        return optuna.samplers.NSGAIISampler(seed=seed)
    if name == "optuna nsga2, 20":
        return optuna.samplers.NSGAIISampler(seed=seed, population_size=20)
    import optunahub

    return optunahub.load_module("samplers/auto_sampler").AutoSampler(seed=seed)


OPTUNA = ("optuna tpe", "optuna nsga2", "optuna nsga2, 20", "optuna gp", "optuna auto")
SLOW = ("optuna gp", "optuna auto")  # a second a trial and more
PEERS = (*OPTUNA, "pymoo mixed, 20")


@cache
def unavailable(name: str) -> str | None:
    """Why a peer cannot take part, None where it can."""
    try:
        if name.startswith("optuna"):
            _optuna_sampler(name, 0)
        else:
            import pymoo.core.mixed  # noqa: F401
        if name == "optuna gp":
            import torch  # noqa: F401
    except Exception as error:
        return f"{type(error).__name__}: {error}".splitlines()[0][:90]
    return None


def search(problem: Problem, *, method: str, seed: int, trials: int, seconds: float) -> dict:
    """A peer's search of so many evaluations, or of the first so many seconds."""
    ledger = Ledger(problem, trials, seconds)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (_optuna_search if method in OPTUNA else _pymoo_search)(problem, method, seed, ledger)
    return ledger.record()


def _optuna_search(problem: Problem, method: str, seed: int, ledger: Ledger) -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        directions=["minimize"] * len(problem.reference), sampler=_optuna_sampler(method, seed)
    )
    while not ledger.full:
        trial = study.ask()
        configuration = {p.name: _suggest(trial, p) for p in problem.space}
        study.tell(trial, ledger(configuration))


def _suggest(trial: Any, parameter: Parameter) -> Any:
    if isinstance(parameter, Choice):
        if parameter.ordered:
            return parameter.choices[trial.suggest_int(parameter.name, 0, len(parameter.choices) - 1)]
        return trial.suggest_categorical(parameter.name, parameter.choices)
    if isinstance(parameter, Float) and not parameter.log:
        return trial.suggest_float(parameter.name, parameter.low, parameter.high)
    raise NotImplementedError(f"no benchmark problem has a parameter such as '{parameter.name}'")


def _pymoo_search(problem: Problem, method: str, seed: int, ledger: Ledger) -> None:
    from pymoo.algorithms.moo.nsga2 import RankAndCrowdingSurvival
    from pymoo.core.mixed import MixedVariableGA
    from pymoo.core.problem import ElementwiseProblem
    from pymoo.core.termination import NoTermination

    decoders = {parameter.name: _pymoo_variable(parameter) for parameter in problem.space}

    class Wrapped(ElementwiseProblem):
        def __init__(self) -> None:
            super().__init__(
                vars={name: variable for name, (variable, _) in decoders.items()},
                n_obj=len(problem.reference),
            )

        def _evaluate(self, X: dict, out: dict, *args: Any, **kwargs: Any) -> None:
            configuration: Configuration = {name: decode(X[name]) for name, (_, decode) in decoders.items()}
            out["F"] = ledger(configuration)

    algorithm = MixedVariableGA(pop_size=20, survival=RankAndCrowdingSurvival())
    algorithm.setup(Wrapped(), termination=NoTermination(), seed=seed, verbose=False)
    while not ledger.full:
        algorithm.next()


def _pymoo_variable(parameter: Parameter) -> tuple[Any, Callable[[Any], Any]]:
    """A variable, and what turns its value into the parameter's."""
    from pymoo.core import variable

    if isinstance(parameter, Choice):
        if parameter.ordered:
            last = len(parameter.choices) - 1
            return variable.Integer(bounds=(0, last)), lambda level: parameter.choices[int(level)]
        return variable.Choice(options=list(parameter.choices)), lambda value: value
    if isinstance(parameter, Float) and not parameter.log:
        return variable.Real(bounds=(parameter.low, parameter.high)), float
    raise NotImplementedError(f"no benchmark problem has a parameter such as '{parameter.name}'")
