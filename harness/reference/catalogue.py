"""All rules of the reference, by id."""

from __future__ import annotations

from collections.abc import Mapping

from harness.reference import oddities, refusals, rules
from harness.reference.rule import Rule

# In the order in which they are declared, which is that of the documentation.
RULES: Mapping[str, Rule] = {
    rule.id: rule for module in (rules, refusals, oddities) for rule in vars(module).values() if isinstance(rule, Rule)
}
