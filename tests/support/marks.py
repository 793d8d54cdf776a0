"""Marks of tests that not every system can run."""

import sys

import pytest

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
