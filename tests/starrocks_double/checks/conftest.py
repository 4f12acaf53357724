"""One double for all tests, a database of its own for each; faults and settings end with the test that made them."""

import itertools

import pytest

from client import Double

numbers = itertools.count()


@pytest.fixture(scope="session")
def running(tmp_path_factory):
    double = Double(tmp_path_factory.mktemp("state"))
    double.control("POST", "/clock", {"freeze": True})
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


@pytest.fixture(scope="session")
def mortal(tmp_path_factory):
    double = Double(tmp_path_factory.mktemp("mortal"))
    yield double
    double.kill()


@pytest.fixture
def own(mortal):
    """Another double, for what a kill -9 would spoil for the rest."""
    fresh_database(mortal)
    yield mortal
    mortal.reset()
