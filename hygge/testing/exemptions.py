"""Exemptions of a connector, as tests that are expected to fail."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

REASONS = ("ours:", "upstream:", "never:")


def expect_exempted(request: pytest.FixtureRequest, exemptions: Mapping[str, str]) -> None:
    """Expect the running test to fail when it, or one of its parameters, is exempted.

    A name with the test before it, `test_x[case]`, exempts that case of that test only.
    """
    callspec = getattr(request.node, "callspec", None)
    params = [p for p in callspec.params.values() if isinstance(p, str)] if callspec else []
    test = request.node.originalname
    for name in (test, request.node.name, *params):
        reason = exemptions.get(name)
        is_case_of_types = name not in params or test == "test_a_type_comes_back_exactly"
        if reason is not None and is_case_of_types:
            assert reason.startswith(REASONS), f"{name}: a reason begins with {REASONS}"
            request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
