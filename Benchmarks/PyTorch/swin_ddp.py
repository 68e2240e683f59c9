"""A training step of Swin-T shared by processes over gloo, one JSON object; started by torchrun.

    python -m torch.distributed.run --nproc-per-node 2 swin_ddp.py --threads 1

No images are read: the same random ones go through again.
"""
import argparse

import timm
import torch
import torch.distributed

from measuring import best, report
from swin_throughput import training_step


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=16, help="images of all processes")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.distributed.init_process_group("gloo")
    own = options.batch // torch.distributed.get_world_size()
    model = torch.nn.parallel.DistributedDataParallel(
        timm.create_model("swin_tiny_patch4_window7_224").train())
    step = training_step(model, own)
    # As many steps in every process, whatever their clocks say.
    for _ in range(2):
        step()
    seconds = best(step, seconds=0)
    if torch.distributed.get_rank() == 0:
        report("training", options.batch, seconds, network="Swin-T", precision="f32",
               processes=torch.distributed.get_world_size())
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
