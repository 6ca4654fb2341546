"""250 damped oscillators, and a signal to be explained: the sum of tanh(a exp(-k^2 t) sin(w t + phi)) at time t."""

import numpy

from cases import GRADIENTS

OSCILLATORS = 250
BATCHES, MODES, CLIP = (1024, 4096), GRADIENTS, 100.0


def weights():
    rng = numpy.random.default_rng(0)
    ranges = {"amplitude": (0.5, 2), "decay": (0.1, 1), "frequency": (1, 6), "phase": (0, 6)}
    return {name: rng.uniform(*bounds, OSCILLATORS).astype(numpy.float32) for name, bounds in ranges.items()}


def data(batch):
    rng = numpy.random.default_rng(batch)
    return rng.uniform(0, 3, batch).astype(numpy.float32), rng.standard_normal(batch, numpy.float32)


def loss(np, lax, weights, time, signal):
    time = time[..., None]
    envelope = weights["amplitude"] * np.exp(-(weights["decay"] ** 2) * time)
    waves = np.tanh(envelope * np.sin(weights["frequency"] * time + weights["phase"]))
    return (np.sum(waves, axis=-1) - signal) ** 2 / 2


def torch_loss(torch, weights, time, signal):
    time = time[..., None]
    envelope = weights["amplitude"] * torch.exp(-(weights["decay"] ** 2) * time)
    waves = torch.tanh(envelope * torch.sin(weights["frequency"] * time + weights["phase"]))
    return (torch.sum(waves, dim=-1) - signal) ** 2 / 2


def torch_module(torch):
    names = "amplitude", "decay", "frequency", "phase"

    class Waves(torch.nn.Module):
        """Opacus has no rule for it, and maps it over the examples with torch.func."""

        def __init__(self):
            super().__init__()
            for name in names:
                self.register_parameter(name, torch.nn.Parameter(torch.empty(OSCILLATORS)))

        def forward(self, time):
            envelope = self.amplitude * torch.exp(-(self.decay**2) * time)
            return torch.sum(torch.tanh(envelope * torch.sin(self.frequency * time + self.phase)), dim=-1)

    class Signal(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.waves = Waves()

        def forward(self, time, signal):
            return (self.waves(time[:, None]) - signal) ** 2 / 2

    return Signal(), {name: f"waves.{name}" for name in names}


def flops(batch, mode):
    return None
