"""`train.devices` is a number of devices or all."""

import pytest

from trainers import devices


@pytest.mark.parametrize("setting", ["none", "0", "-1", "1.5", True])
def test_a_number_of_devices_or_all(setting):
    with pytest.raises(ValueError, match="`train.devices` must be 'all' or an integer"):
        devices.parse(setting)


@pytest.mark.parametrize("setting, number", [("all", None), ("2", 2), (3, 3)])
def test_the_number_of_devices(setting, number):
    assert devices.parse(setting) == number
