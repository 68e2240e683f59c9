"""Position embeddings of local crops, interpolated as DINO's vision transformer does it.

Made with: torch 2.15.0. Run from this folder; writes ../Fixtures/Models/positions.json.
"""
import json

import torch
import torch.nn.functional as F

from fill import fill


def main():
    table = torch.from_numpy(fill("positions", (196, 4))).double().requires_grad_()
    grid = table.view(1, 14, 14, 4).permute(0, 3, 1, 2)
    resized = F.interpolate(grid, scale_factor=(6.1 / 14, 6.1 / 14), mode="bicubic",
                            recompute_scale_factor=False)
    assert resized.shape[-2:] == (6, 6)
    rows = resized.permute(0, 2, 3, 1).reshape(36, 4)
    (rows * torch.from_numpy(fill("cotangent", (36, 4)))).sum().backward()
    report = {"rows": rows.flatten().tolist(), "gradient": table.grad.flatten().tolist()}
    report = {key: [float(f"{v:.8g}") for v in values] for key, values in report.items()}
    with open("../Fixtures/Models/positions.json", "w") as file:
        json.dump(report, file, separators=(",", ":"))
        file.write("\n")


main()
