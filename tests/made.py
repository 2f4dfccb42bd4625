"""What the tests of training and evaluation make: photos, networks, answers, and short runs."""

import numpy as np
import pytest
import torch

from model.data import TEST, TRAINING, VALIDATION, Photos
from model.evaluate import Network
from model.networks import TinyVGG
from model.recipe import Recipe
from model.train import train

RECIPE = Recipe(epochs=4, batch_size=16, learning_rate=5e-3, dropout=0.1)


def made_photos(count=60) -> Photos:
    """Two classes that colour alone tells apart."""
    random = np.random.default_rng(0)
    labels = np.arange(count) % 2
    images = random.integers(0, 120, (count, 3, 20, 20), dtype=np.uint8)
    images[labels == 0, 0] += 110
    images[labels == 1, 2] += 110
    parts = np.array([TRAINING, TRAINING, TRAINING, VALIDATION, TEST], dtype=np.uint8)[np.arange(count) // 2 % 5]
    return Photos(images, labels.astype(np.int64), [f"{i}.png" for i in range(count)], parts)


def run(tmp_path, name, recipe=RECIPE, on_epoch=lambda epoch: None):
    network = TinyVGG(3, 4, 2, 20, 0)
    card = train(
        network, made_photos(), recipe, tmp_path / f"{name}.safetensors", tmp_path / f"{name}.checkpoint", on_epoch
    )
    return network, card


@pytest.fixture(scope="module")
def answers():
    """Logits (400, 5) that are right more often than not, and too sure of it."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 5, 400)
    logits = random.normal(0, 3, (400, 5))
    logits[np.arange(400), labels] += 4
    return logits.astype(np.float32), labels


def some_photos(count=40, size=20) -> Photos:
    random = np.random.default_rng(1)
    parts = np.where(np.arange(count) % 2, TEST, VALIDATION).astype(np.uint8)
    return Photos(
        random.integers(0, 256, (count, 3, size, size), dtype=np.uint8),
        np.arange(count) % 3,
        [f"{i}.png" for i in range(count)],
        parts,
    )


def a_network() -> Network:
    torch.manual_seed(0)
    return Network(TinyVGG(3, 4, 3, 20, 0).eval(), None)
