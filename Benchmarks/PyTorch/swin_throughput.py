"""Training steps of Swin-T in PyTorch eager, single precision, one JSON object a line."""
import argparse

import timm
import torch

import moby
from measuring import best, report


def training_step(model, batch):
    """A step of AdamW on the same random images again and again."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.05)
    images = torch.randn(batch, 3, 224, 224)
    targets = torch.arange(batch) * 31 % 1000

    def step():
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(images), targets).backward()
        optimizer.step()

    return step


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--part", choices=["training", "moby"], required=True)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    name = "swin_tiny_patch4_window7_224"
    if options.part == "moby":
        for batch in (8, 16):
            step = moby.make_step(name, batch)
            report("moby", batch, best(step))
        return
    for batch in (8, 16):
        step = training_step(timm.create_model(name).train(), batch)
        report("training", batch, best(step), network="Swin-T", precision="f32")


if __name__ == "__main__":
    main()
