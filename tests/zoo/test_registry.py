"""Names: unknown and duplicate ones are refused, the nearest valid one is offered."""

import ml_collections
import pytest

import zoo
from zoo import registry

zoo.load_parts()


def test_unknown_name_offers_the_nearest():
    with pytest.raises(ValueError, match=r"one of .*Received: name='gated_con'.*\"gated_conv\""):
        zoo.build({"encoder": "gated_con", "decoder": "mlp"})


def test_unknown_argument_offers_the_nearest():
    with pytest.raises(ValueError, match=r"hiden_units=\[5\].*\"hidden_units\""):
        registry.ENCODERS.create({"name": "mlp", "latent_dim": 2, "hiden_units": [5]})


def test_unknown_room():
    with pytest.raises(ValueError, match=r"Received: 'prior'"):
        zoo.build({"encoder": "mlp", "decoder": "mlp", "prior": "normal"})


def test_duplicate_name():
    with pytest.raises(ValueError, match="already means MLPEncoder"):

        @registry.ENCODERS.register("mlp")
        class Another(zoo.Encoder):
            pass


def test_neither_part_nor_name():
    with pytest.raises(TypeError, match="Expected a decoder"):
        registry.DECODERS.create(3)


def test_config_dicts_become_plain_arguments():
    spec = ml_collections.ConfigDict({"name": "mlp", "latent_dim": 2, "hidden_units": (7, 5)})
    encoder = registry.ENCODERS.create(spec)
    assert encoder.hidden_units == (7, 5)
    assert zoo.part_config(encoder)["hidden_units"] == [7, 5]


def test_an_instance_stays_itself():
    encoder = zoo.MLPEncoder(2)
    assert registry.ENCODERS.create(encoder) is encoder


def test_part_without_a_name_has_no_config():
    class Mine(zoo.Marginal):
        pass

    with pytest.raises(ValueError, match="registered name.*Received: Mine"):
        zoo.part_config(Mine(2))
