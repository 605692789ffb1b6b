"""Seeds of models."""

import numpy as np

from anomalyd.engine.seeds import model_seed, model_seeds

SEED = 7648712978741696043


def test_the_seed_of_a_model_never_changes():
    """Written down: another value would change the results of every detector."""
    assert model_seed("VEHKTXwBwf_U8gjUXY2s", "VEHKTXwBwf_U8gjUXY2s_model_rcf_0") == SEED


def test_models_have_seeds_of_their_own():
    """By detector and by model, in the order asked for."""
    seeds = model_seeds("d", ["a", "b"])
    assert seeds.dtype == np.uint64
    assert seeds.tolist() == [model_seed("d", "a"), model_seed("d", "b")]
    assert len({*seeds.tolist(), model_seed("e", "a"), model_seed("", "da")}) == 4
