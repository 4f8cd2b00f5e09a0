"""Prints the median milliseconds of PyTorch's training step: torch_step.py MODEL FOR_MS, one thread."""
import sys
import time

import torch
from torch import nn

torch.set_num_threads(1)
model_name, for_ms = sys.argv[1], float(sys.argv[2])
BATCH_SIZE = 128


def mlp(*widths):
    layers = []
    for inputs, outputs in zip(widths, widths[1:]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1]), (widths[0],), widths[-1]


def cnn():
    layers = [nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(7 * 7 * 32, 10)), (1, 28, 28), 10


MODELS = {
    "MLP 32-64-2": lambda: mlp(32, 64, 2),
    "MLP 784-512-256-10": lambda: mlp(784, 512, 256, 10),
    "CNN 28x28, 16 and 32 filters": cnn,
}

model, shape, classes = MODELS[model_name]()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
loss_function = nn.CrossEntropyLoss()
xs = torch.randn(BATCH_SIZE, *shape)
ys = torch.arange(BATCH_SIZE) % classes


def step():
    optimizer.zero_grad()
    loss = loss_function(model(xs), ys)
    loss.backward()
    optimizer.step()
    return loss.item()


for _ in range(5):
    step()
times = []
end = time.perf_counter() + for_ms / 1000
while len(times) < 10 or time.perf_counter() < end:
    began = time.perf_counter()
    step()
    times.append(time.perf_counter() - began)
print(sorted(times)[len(times) // 2] * 1000)
