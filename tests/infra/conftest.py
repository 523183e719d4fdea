"""The templates as they would go to AWS."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.local.synthesis import synthesise


@pytest.fixture(scope="session")
def assembly() -> Path:
    return synthesise("production")


@pytest.fixture(scope="session")
def resources(assembly: Path) -> dict[str, Any]:
    return resources_of(assembly)


def resources_of(assembly: Path) -> dict[str, Any]:
    """The resources of all stacks by logical id."""
    templates = [json.loads(file.read_text()) for file in sorted(assembly.glob("*.template.json"))]
    return {name: resource for template in templates for name, resource in template["Resources"].items()}
