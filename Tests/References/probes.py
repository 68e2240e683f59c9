"""What probes on frozen features see and find, by timm, PyTorch and scikit-learn.

Made with: torch 2.15.0, timm 1.0.31, scikit-learn 1.9.1, numpy 2.4.6. Run from this folder; writes
../Fixtures/Evaluation/probes.json. Weights, features and labels are made from names (`fill.py`).

- features: outputs of the last blocks, caught by hooks in timm's own networks, after its own final
  norm, put together as DINO's eval_linear.py and EsViT's forward_return_n_last_blocks do
- descent: SGD of DINO's eval_linear.py (CosineAnnealingLR) and of MoCo v3's main_lincls.py
- logistic: scikit-learn's LogisticRegression, solver lbfgs
- attentive: V-JEPA's attentive classifier, restated in PyTorch, and its schedules
- spread: RankMe (Garrido et al., 2023) and deviations by numpy's SVD
- embedding: PCA's variances by scikit-learn; t-SNE's similarities and divergence by scikit-learn
"""
import json
import math

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE, _t_sne

from fill import fill, rounded, weight
from networks import official, plain, swin


def load(make):
    model, size = make()
    model = model.double().eval()
    with torch.no_grad():
        for key, value in model.named_parameters():
            value.copy_(torch.from_numpy(weight(official(key), tuple(value.shape))))
    return model, size


def last_tokens(make, count):
    """Tokens [B, N, C] of the last blocks; extra tokens first."""
    model, size = load(make)
    is_swin = hasattr(model, "layers")
    stages = [stage.blocks for stage in model.layers] if is_swin else [model.blocks]
    caught = []
    for stage, blocks in enumerate(stages):
        for block in blocks:
            is_last = stage == len(stages) - 1

            def hook(_, __, out, is_last=is_last):
                tokens = model.norm(out) if is_last else out
                caught.append(tokens.flatten(1, 2) if is_swin else tokens)
            block.register_forward_hook(hook)
    x = torch.from_numpy(fill("input", (2, 3, size, size), 2.0)).double()
    with torch.no_grad():
        model.forward_features(x)
    return caught[-count:], is_swin, getattr(model, "num_prefix_tokens", 0)


def features(make, count, with_mean=False):
    tokens, is_swin, leading = last_tokens(make, count)
    parts = [t.mean(1) if is_swin else t[:, 0] for t in tokens]
    if with_mean:
        parts.append(tokens[-1][:, leading:].mean(1))
    return torch.cat(parts, -1).flatten().tolist()


ROWS, WIDTH, CLASSES = 60, 5, 4


def data(rows=ROWS, width=WIDTH, classes=CLASSES):
    labels = ((fill("probe.labels", (rows,)).astype(np.float64) + 1) * 0.5 * classes).astype(int)
    centres = fill("probe.centres", (classes, width), 1.0)
    x = centres[labels] + fill("probe.noise", (rows, width), 1.5)
    return x.astype(np.float32), labels


def descent(recipe):
    """Three epochs of four batches; the classifier starts from given weights."""
    x, y = data()
    x, y = torch.from_numpy(x).double(), torch.from_numpy(y)
    layer = torch.nn.Linear(WIDTH, CLASSES).double()
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(fill("probe.weight", (CLASSES, WIDTH), 0.1)))
        layer.bias.zero_()
    epochs, batch = 3, 15
    rate = (0.3 if recipe == "dino" else 3) * batch / 256
    optimizer = torch.optim.SGD(layer.parameters(), rate, momentum=0.9, weight_decay=0)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs, eta_min=0)
    losses, rates = [], []
    for epoch in range(epochs):
        if recipe == "moco-v3":
            for group in optimizer.param_groups:
                group["lr"] = rate * 0.5 * (1.0 + math.cos(math.pi * epoch / epochs))
        for start in range(0, ROWS, batch):
            loss = torch.nn.functional.cross_entropy(
                layer(x[start:start + batch]), y[start:start + batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            rates.append(optimizer.param_groups[0]["lr"])
        if recipe == "dino":
            scheduler.step()
    return {"losses": losses, "rates": rates, "weight": layer.weight.flatten().tolist(),
            "bias": layer.bias.tolist()}


def logistic():
    x, y = data()
    found = []
    for regularization in (0.01, 1.0, 100.0):
        model = LogisticRegression(C=1 / regularization, tol=1e-12, max_iter=100000)
        model.fit(x.astype(np.float64), y)
        logits = model.decision_function(x.astype(np.float64))
        shifted = logits - logits.max(1, keepdims=True)
        losses = np.log(np.exp(shifted).sum(1)) - shifted[np.arange(ROWS), y]
        objective = losses.sum() + regularization / 2 * (model.coef_ ** 2).sum()
        found.append({"regularization": regularization, "objective": float(objective),
                      "weight": model.coef_.flatten().tolist(),
                      "bias": (model.intercept_ - model.intercept_.mean()).tolist()})
    return found


def attentive():
    """V-JEPA's attentive classifier (attentive_pooler.py at 51c59d5), restated."""
    channels, heads, classes, tokens, batch = 12, 3, 5, 7, 3
    block = "pooler.cross_attention_block."
    shapes = {"pooler.query_tokens": (1, 1, channels)}
    for name, inputs, outputs in (("xattn.q", channels, channels),
                                  ("xattn.kv", channels, 2 * channels),
                                  ("mlp.fc1", channels, 4 * channels),
                                  ("mlp.fc2", 4 * channels, channels)):
        shapes |= {block + name + ".weight": (outputs, inputs), block + name + ".bias": (outputs,)}
    for name in ("norm1", "norm2"):
        shapes |= {block + name + ".weight": (channels,), block + name + ".bias": (channels,)}
    shapes |= {"linear.weight": (classes, channels), "linear.bias": (classes,)}
    p = {k: torch.from_numpy(weight(k, v)).double().requires_grad_() for k, v in shapes.items()}
    x = torch.from_numpy(fill("tokens", (batch, tokens, channels), 1.0)).double()
    linear = lambda t, name: torch.nn.functional.linear(t, p[name + ".weight"], p[name + ".bias"])
    norm = lambda t, name: torch.nn.functional.layer_norm(
        t, (channels,), p[name + ".weight"], p[name + ".bias"], 1e-5)
    split = lambda t: t.reshape(batch, -1, heads, channels // heads).transpose(1, 2)
    query = p["pooler.query_tokens"].repeat(batch, 1, 1)
    keys, values = linear(norm(x, block + "norm1"), block + "xattn.kv").split(channels, -1)
    y = torch.nn.functional.scaled_dot_product_attention(
        split(linear(query, block + "xattn.q")), split(keys), split(values))
    y = query + y.transpose(1, 2).reshape(batch, 1, channels)
    hidden = torch.nn.functional.gelu(linear(norm(y, block + "norm2"), block + "mlp.fc1"))
    logits = linear((y + linear(hidden, block + "mlp.fc2")).squeeze(1), "linear")
    targets = torch.tensor([1, 4, 0])
    torch.nn.functional.cross_entropy(logits, targets).backward()
    return {"logits": logits.flatten().tolist(),
            "gradients": {k: v.grad.flatten().tolist() for k, v in p.items()}}


def attentive_schedule():
    """Rates and decays of its WarmupCosineSchedule and CosineWDSchedule, no warm-up."""
    total = 10
    cosine = [0.5 * (1 + math.cos(math.pi * t / total)) for t in range(1, total + 1)]
    return {"rates": [0.001 * c for c in cosine],
            "decays": [1e-6 + (0.001 - 1e-6) * c for c in cosine]}


def spread():
    x, _ = data(40, 12)
    singular = np.linalg.svd(x.astype(np.float64), compute_uv=False)
    p = singular / singular.sum() + 1e-7
    units = x.astype(np.float64)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    return {"rankMe": float(np.exp(-(p * np.log(p)).sum())), "singular": singular.tolist(),
            "deviation": float(units.std(0, ddof=0).mean() * math.sqrt(units.shape[1]))}


def embedding():
    x, labels = data(90, 12)
    x = x.astype(np.float64)
    pca = PCA(n_components=2, svd_solver="full").fit(x)
    perplexity = 15
    distances = ((x[:, None] - x[None]) ** 2).sum(-1)
    p = _t_sne._joint_probabilities(distances.astype(np.float32), perplexity, 0)
    divergences = []
    for seed in range(5):
        model = TSNE(perplexity=perplexity, method="exact", init="random", random_state=seed,
                     max_iter=1000)
        model.fit(x)
        divergences.append(float(model.kl_divergence_))
    return {"variances": pca.explained_variance_ratio_.tolist(),
            "projected": np.abs(pca.transform(x)).flatten().tolist(),
            "similarities": p[:50].tolist(), "perplexity": perplexity,
            "divergences": divergences}


def main():
    vit = lambda: plain(24, 4, 3, 16, 64)
    distilled = lambda: plain(24, 4, 3, 16, 64, distilled=True)
    window = lambda: swin(8, [1, 2, 2], [1, 2, 4], 4, 64)
    report = {
        "features": {
            "vit last 3": features(vit, 3), "vit class and mean": features(vit, 1, True),
            "vit last 2 and mean": features(vit, 2, True),
            "distilled class and mean": features(distilled, 1, True),
            "swin last 4": features(window, 4), "swin last 1": features(window, 1)},
        "descent": {name: descent(name) for name in ("dino", "moco-v3")},
        "logistic": logistic(), "attentive": attentive() | attentive_schedule(),
        "spread": spread(), "embedding": embedding(),
    }
    with open("../Fixtures/Evaluation/probes.json", "w") as file:
        json.dump(rounded(report), file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
