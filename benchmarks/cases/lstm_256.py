"""The LSTM of lstm_64 over 256 tokens."""

from cases import GRADIENTS, lstm_64
from cases.layers import reviews

TOKENS = 256
BATCHES, MODES, CLIP = (16, 64, 256), GRADIENTS, 1.0138
TOLERANCE = lstm_64.TOLERANCE
loss, torch_loss, weights = lstm_64.loss, lstm_64.torch_loss, lstm_64.weights
torch_module = lstm_64.torch_module


def data(batch):
    return reviews(batch, TOKENS, lstm_64.VOCABULARY, seed=batch)


def flops(batch, mode):
    return lstm_64.flops(batch, mode, TOKENS)
