"""pytest's side of a suite: functions are replaced and counted, tests that cannot apply deselected, all of it told."""

import functools
import importlib
import json
import re
from collections import Counter
from pathlib import Path

import known


def pytest_addoption(parser):
    parser.addoption("--suite", help="which of known.SUITES")
    parser.addoption("--told", help="a file for the counts, as JSON")


def pytest_configure(config):
    suite = known.SUITES[config.getoption("suite")]
    config.pluginmanager.register(Run(suite, config))


def counting(function, name, calls):
    """The function, whose calls are counted."""

    @functools.wraps(function)
    def counted(*arguments, **keywords):
        calls[name] += 1
        return function(*arguments, **keywords)

    return counted


class Run:
    """One run of a suite. With several processes, each counts for itself and the first one adds up."""

    def __init__(self, suite, config):
        self.suite, self.config = suite, config
        self.calls, self.outcomes, self.left_out = Counter(), Counter(), Counter()
        for dotted, function in suite.swaps.items():
            module, _, name = dotted.rpartition(".")
            owner = importlib.import_module(module)
            counted = counting(function, dotted, self.calls)
            table = getattr(importlib.import_module("scipy._lib._array_api"), "xp_capabilities_table", None)
            if table is not None and getattr(owner, name) in table:  # SciPy's tests ask which arrays a function takes
                table[counted] = table[getattr(owner, name)]
            setattr(owner, name, counted)
        suite.prepare()

    def pytest_collection_modifyitems(self, config, items):
        kept, dropped = [], []
        for item in items:
            pattern = next((pattern for pattern in self.suite.left_out if re.search(pattern, item.nodeid)), None)
            if pattern is not None:
                self.left_out[pattern] += 1
            (kept if pattern is None else dropped).append(item)
        items[:] = kept
        config.hook.pytest_deselected(items=dropped)

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.outcome != "passed":
            kind = "xfailed" if hasattr(report, "wasxfail") else report.outcome
            self.outcomes[kind] += 1

    def pytest_sessionfinish(self, session):
        if hasattr(self.config, "workeroutput"):
            self.config.workeroutput["calls"] = dict(self.calls)
            self.config.workeroutput["left_out"] = dict(self.left_out)

    def pytest_testnodedown(self, node):
        told = getattr(node, "workeroutput", {})
        self.calls.update(told.get("calls", {}))
        self.left_out = Counter(told.get("left_out", {})) or self.left_out  # every process collects the same

    def pytest_unconfigure(self, config):
        if config.getoption("told") and not hasattr(config, "workerinput"):
            told = {"calls": self.calls, "left_out": self.left_out, "outcomes": self.outcomes}
            Path(config.getoption("told")).write_text(json.dumps(told), encoding="utf-8")
