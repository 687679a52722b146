"""Names: unknown and duplicate ones are refused, the nearest valid one is offered."""

import keras
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


def test_a_class_that_is_defined_again_takes_its_own_place():
    rooms = registry.Registry("encoder")

    def define():
        class Mine(zoo.Encoder):
            pass

        return rooms.register("mine")(Mine)

    first, second = define(), define()
    assert first is not second and rooms.get("mine") is second
    with pytest.raises(ValueError, match="already means Mine"):
        rooms.register("mine")(zoo.MLPEncoder)


def test_a_class_of_the_name_of_one_of_the_zoo_is_no_other_s_in_keras(request):
    request.addfinalizer(lambda: registry.LIKELIHOODS._classes.pop("my_logistic"))

    @registry.LIKELIHOODS.register("my_logistic")
    class Logistic(zoo.Bernoulli):
        pass

    for part, expected in ((zoo.Logistic(2), zoo.Logistic), (Logistic(), Logistic)):
        saved = keras.saving.serialize_keras_object(part)
        assert type(keras.saving.deserialize_keras_object(saved)) is expected


def test_a_part_of_the_user_s_own_needs_no_name():
    class Nothing(zoo.Divergence):
        def estimate(self, z, prior, seed, training=False):
            return {"divergence": 0.0, "loss": 0.0}

    class Coin(zoo.Bernoulli):
        pass

    assert type(zoo.Infomax(divergence=Nothing()).divergence) is Nothing
    assert type(zoo.MLPDecoder(2, likelihood=Coin()).likelihood) is Coin
    parts = {"depth": 2, "num_resnets": 1}
    assert type(zoo.PixelCNNDecoder(2, (4, 4, 1), **parts, likelihood=Coin()).likelihood) is Coin
    with pytest.raises(TypeError, match="Expected a divergence"):
        zoo.Infomax(divergence=zoo.Normal(2))


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
