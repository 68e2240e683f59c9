"""Accuracy and loss of random logits, and the k-NN vote of DINO's evaluation, by PyTorch.

Made with: torch 2.15.0, numpy 2.4.6. Run from this folder; writes
../Fixtures/Evaluation/classification.json. The vote is restated from DINO's description: the k
largest dot products of unit rows, exp(similarity / 0.07) added up by class.
"""
import json

import numpy as np
import torch
import torch.nn.functional as F

from fill import fill

CLASSES, QUERIES, ROWS, WIDTH = 12, 40, 500, 16


def labels(name, count):
    return ((fill(name, (count,)).astype(np.float64) + 1) * 0.5 * CLASSES).astype(np.int64)


def accuracy():
    logits = torch.from_numpy(fill("logits", (QUERIES, CLASSES), 4.0))
    truth = torch.from_numpy(labels("labels.test", QUERIES))
    order = logits.topk(5, dim=1).indices
    losses = F.cross_entropy(logits.double(), truth, reduction="none")
    return {"top1": int((order[:, 0] == truth).sum()),
            "top5": int((order == truth[:, None]).any(1).sum()),
            "predictions": order.tolist(), "losses": losses.tolist()}


def neighbours():
    """Unit rows and labels of a bank and of queries."""
    centres = fill("knn.centres", (CLASSES, WIDTH))
    train_labels, test_labels = labels("labels.train", ROWS), labels("labels.test", QUERIES)
    train = F.normalize(torch.from_numpy(
        centres[train_labels] * np.float32(0.5) + fill("knn.train", (ROWS, WIDTH))), dim=1)
    test = F.normalize(torch.from_numpy(
        centres[test_labels] * np.float32(0.5) + fill("knn.test", (QUERIES, WIDTH))), dim=1)
    return train, train_labels, test, test_labels


def nearest():
    train, train_labels, test, test_labels = neighbours()
    similarities = test @ train.t()
    out = {}
    retrieved = torch.from_numpy(train_labels)
    for k in (10, 20, 100, 200):
        values, rows = similarities.topk(k, largest=True, sorted=True)
        one_hot = F.one_hot(retrieved[rows], CLASSES).float()
        votes = (one_hot * (values / 0.07).exp()[:, :, None]).sum(1)
        ordered = votes.sort(1, descending=True)
        gap = (ordered.values[:, :5] - ordered.values[:, 1:6]) / ordered.values[:, :1]
        sure = (gap > 1e-5) | (ordered.values[:, :5] == 0)
        assert sure.all(), "a near tie would make the reference depend on rounding"
        hits = ordered.indices == torch.from_numpy(test_labels)[:, None]
        out[str(k)] = {"top1": int(hits[:, 0].sum()), "top5": int(hits[:, :5].any(1).sum()),
                       "votes": votes[:4].tolist(), "winners": ordered.indices[:, 0].tolist(),
                       "rows": rows[:4, :10].tolist()}
    return out


def main():
    with open("../Fixtures/Evaluation/classification.json", "w") as file:
        json.dump({"accuracy": accuracy(), "nearest": nearest()}, file, sort_keys=True)
        file.write("\n")


if __name__ == "__main__":
    main()
