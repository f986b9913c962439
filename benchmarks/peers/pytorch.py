"""PyTorch on the CPU, eager: tensors in memory, batches gathered by index, channels last, fused optimizers."""

import torch
from torch.nn import functional

from benchmarks.harness import CORES

# With the numbers of Keras's defaults, so that every column does the same arithmetic.
OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, 0.01, fused=True),
    "momentum": lambda p: torch.optim.SGD(p, 0.01, momentum=0.9, fused=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p, 1e-3, alpha=0.9, eps=1e-7),
    "adam": lambda p: torch.optim.Adam(p, 1e-3, eps=1e-7, fused=True),
}


def categorical(logits, targets):
    labels = targets.argmax(-1) if targets.ndim == 2 else targets
    return functional.cross_entropy(logits, targets), (logits.argmax(-1) == labels).float().mean()


def binary(logits, targets):
    return functional.binary_cross_entropy_with_logits(logits, targets), ((logits > 0) == (targets > 0.5)).float().mean()


LOSSES = {
    "categorical_crossentropy": categorical,
    "sparse_categorical_crossentropy": categorical,
    "binary_crossentropy": binary,
}


class Learner:
    def __init__(self, workload, threads=CORES):
        torch.manual_seed(0)
        self.batch, self.threads = workload.BATCH, threads
        self.model = workload.torch_model(torch)
        if any(p.ndim == 4 for p in self.model.parameters()):
            self.model = self.model.to(memory_format=torch.channels_last)
        self.optimizer = OPTIMIZERS[workload.OPTIMIZER](self.model.parameters())
        self.loss_of = LOSSES[workload.LOSS]

    def fit(self, x, y, epochs):
        torch.set_num_threads(self.threads)  # the process's setting, so each learner sets its own again
        x, y = inputs(x), targets(y)
        self.model.train()
        for _ in range(epochs):
            loss_sum, hit_sum, batches = 0.0, 0.0, torch.randperm(len(x)).split(self.batch)
            for rows in batches:
                self.optimizer.zero_grad()
                loss, hits = self.loss_of(self.model(x[rows]), y[rows])
                loss.backward()
                self.optimizer.step()
                loss_sum, hit_sum = loss_sum + loss.detach(), hit_sum + hits
        return float(loss_sum) / len(batches)

    @torch.inference_mode()
    def predict(self, x, batch):
        self.model.eval()
        return torch.cat([self.model(rows) for rows in inputs(x).split(batch)]).numpy()

    @torch.inference_mode()
    def evaluate(self, x, y, batch):
        self.model.eval()
        batches = zip(inputs(x).split(batch), targets(y).split(batch), strict=True)
        return float(sum(self.loss_of(self.model(a), b)[0] * len(a) for a, b in batches)) / len(x)


def inputs(x):
    """A tensor; images as PyTorch counts their axes, (rows, channels, height, width), in their old memory order."""
    x = torch.from_numpy(x)
    return x.permute(0, 3, 1, 2) if x.ndim == 4 else x


def targets(y):
    y = torch.from_numpy(y)
    return y if y.is_floating_point() else y.long()
