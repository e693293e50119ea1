"""A task so small that every answer is known on paper."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from napari_unlearn.unlearning.bench import Bench, Samples


@dataclass(frozen=True)
class Point:
    x: Tensor
    target: Tensor

    def with_target(self, target):
        return replace(self, target=target)


class Line:
    """f(x) = w·x, J = (f(x) - y)^2 / 2, so dJ/dw = (w·x - y) x."""

    name = "line"

    def predict(self, model, batch):
        return model(batch.x)

    def loss(self, model, batch):
        return (self.predict(model, batch) - batch.target).square().sum() / 2

    def distance(self, answer, batch):
        return (answer - batch.target).square().sum() / 2

    def steady(self, teacher, batch):
        return self.predict(teacher, batch)

    def taught(self, teacher, batch):
        return replace(batch, target=self.predict(teacher, batch))


def line(*weights):
    model = nn.Linear(len(weights), 1, bias=False)
    with torch.no_grad():
        model.weight[:] = torch.tensor([weights])
    return model


def point(x, y):
    return Point(torch.tensor(x), torch.tensor([float(y)]))


def bench(model, forget, retain, fresh=None):
    def samples(points):
        return Samples(lambda step: points[step % len(points)], len(points))

    return Bench(
        task=Line(),
        model=model,
        weights=dict(model.named_parameters()),
        sets={"forget": samples(forget), "retain": samples(retain)},
        learning_rate=0.01,
        gradient_clip=1e9,
        draw_fresh=lambda: fresh or {},
    )


def run(generator):
    """Run a preparation to its end; how often it yielded and what it returned."""
    count = 0
    while True:
        try:
            next(generator)
        except StopIteration as end:
            return count, end.value
        count += 1
