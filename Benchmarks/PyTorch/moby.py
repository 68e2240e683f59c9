"""One step of MoBY in PyTorch: the same passes, sizes and update as `bench-kernels moby`."""
import copy

import timm
import torch
import torch.nn.functional as F
from torch import nn

QUEUE, HIDDEN, OUTPUT, TEMPERATURE, MOMENTUM = 4096, 4096, 256, 0.2, 0.99


def head(inputs):
    return nn.Sequential(nn.Linear(inputs, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.ReLU(),
                         nn.Linear(HIDDEN, OUTPUT))


def make_step(name, batch):
    encoder = timm.create_model(name, num_classes=0, drop_path_rate=0.2).train()
    projector, predictor = head(encoder.num_features), head(OUTPUT)
    online = nn.ModuleList([encoder, projector])
    target = copy.deepcopy(online)
    target[0] = timm.create_model(name, num_classes=0, drop_path_rate=0.0).train()
    target[0].load_state_dict(encoder.state_dict())
    target.requires_grad_(False)
    queues = [F.normalize(torch.randn(OUTPUT, QUEUE), dim=0) for _ in range(2)]
    trained = list(online.parameters()) + list(predictor.parameters())
    decayed = [p for p in trained if p.ndim > 1]
    plain = [p for p in trained if p.ndim == 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}],
        lr=1e-5)
    views = [torch.randn(batch, 3, 224, 224) for _ in range(2)]
    labels = torch.zeros(batch, dtype=torch.long)
    position = 0

    def step():
        nonlocal position
        queries = [F.normalize(predictor(projector(encoder(view))), dim=1) for view in views]
        with torch.no_grad():
            for slow, fast in zip(target.parameters(), online.parameters()):
                slow.mul_(MOMENTUM).add_(fast, alpha=1 - MOMENTUM)
            keys = [F.normalize(target[1](target[0](view)), dim=1) for view in views]

        def direction(query, key):
            positive = (queries[query] * keys[key]).sum(1, keepdim=True)
            negative = queries[query] @ queues[key].clone()
            return F.cross_entropy(torch.cat([positive, negative], 1) / TEMPERATURE, labels)

        loss = direction(0, 1) + direction(1, 0)
        for queue, key in zip(queues, keys):
            queue[:, position:position + batch] = key.T
        position = (position + batch) % QUEUE
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 5.0)
        optimizer.step()

    return step
