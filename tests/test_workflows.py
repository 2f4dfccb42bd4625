"""The GitHub workflows: inputs of actions exist, and the deployment, which alone may write, awaits the tests."""

from __future__ import annotations

import pytest
import yaml

from tests.node import ROOT

# The inputs that the actions' own action.yml declare, in the versions that the workflows name; as far as they are used
# here.
INPUTS = {
    "actions/checkout@v4": {"ref", "fetch-depth", "submodules"},
    "actions/setup-python@v5": {"python-version", "cache", "cache-dependency-path"},
    "actions/cache@v4": {"path", "key", "restore-keys", "enableCrossOsArchive", "fail-on-cache-miss", "lookup-only"},
    "actions/upload-pages-artifact@v4": {"name", "path", "retention-days"},
    "actions/deploy-pages@v4": {"token", "timeout", "error_count", "reporting_interval", "artifact_name", "preview"},
}
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def read(name: str) -> dict:
    return yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_input_of_an_action_exists(path):
    steps = [step for job in read(path.name)["jobs"].values() for step in job.get("steps", []) if "uses" in step]
    assert steps
    for step in steps:
        assert set(step.get("with", {})) <= INPUTS[step["uses"]], step


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_nothing_but_the_deployment_may_write(path):
    workflow = read(path.name)
    assert workflow["permissions"] == {"contents": "read"}
    writing = {name for name, job in workflow["jobs"].items() if "write" in job.get("permissions", {}).values()}
    assert writing <= {"deploy"}


def test_the_tests_come_before_the_deployment():
    jobs = read("pages.yml")["jobs"]
    assert set(jobs["deploy"]["needs"]) == {"test", "build"} and jobs["test"]["uses"].endswith("/test.yml")
    assert jobs["deploy"]["permissions"] == {"pages": "write", "id-token": "write"}


def test_what_the_workflows_run_is_there():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = [
        step["run"]
        for path in WORKFLOWS
        for job in read(path.name)["jobs"].values()
        for step in job.get("steps", [])
        if "run" in step
    ]
    targets = {command.split()[1] for command in commands if command.startswith("make ")}
    assert targets == {"site", "test"} and all(f"\n{target}:" in makefile for target in targets)
