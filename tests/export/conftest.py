import pytest
from exported_trial import CONFIGURATIONS, Case, make_case


@pytest.fixture(scope="session", params=sorted(CONFIGURATIONS))
def case(request: pytest.FixtureRequest) -> Case:
    return make_case(request.param)


@pytest.fixture(scope="session")
def mlp() -> Case:
    return make_case("mlp")
