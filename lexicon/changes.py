"""What is different between two versions of a lexicon. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lexicon.types import Lexicon, Rule

MOST = 100
"""Names of each list that are given; how many there are is given beside."""


def changes(before: Lexicon, after: Lexicon) -> dict[str, Any]:
    """Say what is different, as JSON has it.

    Returns:
      `before` and `after`, the versions, which hold a hash of the files; `rules_added`, `rules_removed` and
      `rules_changed`, by id; `terms_added` and `terms_removed`, each as `{rule, term}`. Of each list the first `MOST`;
      `counts` says how many there are.
    """
    old, new = ({rule.id: rule for rule in lexicon.rules} for lexicon in (before, after))
    said, says = _terms(before.rules), _terms(after.rules)
    lists: dict[str, list[Any]] = {
        "rules_added": [name for name in new if name not in old],
        "rules_removed": [name for name in old if name not in new],
        "rules_changed": [name for name, rule in new.items() if name in old and old[name] != rule],
        "terms_added": [{"rule": rule, "term": term} for rule, term in says if (rule, term) not in said],
        "terms_removed": [{"rule": rule, "term": term} for rule, term in said if (rule, term) not in says],
    }
    counts = {name: len(found) for name, found in lists.items()}
    first = {name: found[:MOST] for name, found in lists.items()}
    return {"before": before.version, "after": after.version, **first, "counts": counts}


def _terms(rules: Iterable[Rule]) -> dict[tuple[str, str], None]:
    return {(rule.id, term): None for rule in rules for term in rule.terms}
