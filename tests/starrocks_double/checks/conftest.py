"""One double for all tests, a database of its own for each; faults and settings end with the test that made them."""

import itertools

import pytest

from client import Double

numbers = itertools.count()


@pytest.fixture(scope="session")
def running(tmp_path_factory):
    double = Double(tmp_path_factory.mktemp("state"))
    yield double
    double.stop()


def fresh_database(double: Double) -> None:
    double.db = None
    name = f"d{next(numbers)}"
    double.sql(f"CREATE DATABASE {name}")
    double.db = name


@pytest.fixture
def double(running):
    fresh_database(running)
    yield running
    running.reset()


@pytest.fixture
def own(tmp_path):
    """A double of the test's own, for what a kill -9 or a version would spoil for others."""
    started = Double(tmp_path / "state")
    fresh_database(started)
    yield started
    started.kill()
