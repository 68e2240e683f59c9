"""`bench-coco evaluate` beside pycocotools on files in the styles of other tools.

Made with: pycocotools 2.0.11, numpy 2.4.6. Build `bench-coco`, then run from this folder:

    python coco_foreign.py [path of bench-coco]

Draws annotations and results as Roboflow, CVAT, Label Studio, detectron2, mmdetection and
ultralytics write them (numbers of ids, categories from 0, crowds, masks as polygons, as counts and
compressed, rounded boxes and scores with ties), scores each pair by both, and compares COCO's twelve
numbers of boxes and of masks. Expected: at most 1e-12; it fails above.
"""
import contextlib
import io
import json
import os
import random
import subprocess
import sys
import tempfile

import numpy as np
from pycocotools import mask as masks
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

NAMES = ["AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"]


def box(rng, width, height):
    w, h = rng.uniform(4, width * 0.6), rng.uniform(4, height * 0.6)
    return [rng.uniform(0, width - w), rng.uniform(0, height - h), w, h]


def moved(rng, own, width, height):
    """A detection near an object, clipped to the image."""
    x, y, w, h = (v + rng.gauss(0, 0.06 * own[2 + i % 2]) for i, v in enumerate(own))
    x, y = min(max(x, 0), width - 2), min(max(y, 0), height - 2)
    return [x, y, min(max(w, 1), width - x), min(max(h, 1), height - y)]


def polygon(own):
    x, y, w, h = own
    return [x, y + h / 2, x + w / 3, y, x + w, y + h / 4, x + w, y + h, x + w / 5, y + h]


def bitmap(own, width, height):
    return masks.decode(masks.merge(masks.frPyObjects([polygon(own)], height, width)))


def counts(map):
    """Uncompressed counts, as CVAT writes them: columns first, background first."""
    flat = map.flatten(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    return {"size": list(map.shape), "counts": ([0] if flat[0] else []) + runs}


def compressed(map):
    code = masks.encode(np.asfortranarray(map))
    return {"size": code["size"], "counts": code["counts"].decode()}


class Style:
    """How one pair of tools writes annotations and results."""

    def __init__(self, name, first_image=1, categories=(1, 2, 3), rounds=None, truth="polygon",
                 results=None, crowds=0.0, score_digits=None, area="box"):
        self.name, self.first_image, self.categories = name, first_image, list(categories)
        self.rounds, self.truth, self.results = rounds, truth, results
        self.crowds, self.score_digits, self.area = crowds, score_digits, area


STYLES = [
    Style("roboflow, ultralytics", first_image=0, categories=(0, 1, 2, 3), rounds=3,
          score_digits=5, area="box"),
    Style("cvat, detectron2", truth="counts", results="compressed", crowds=0.1, area="mask"),
    Style("label studio, ultralytics", first_image=0, categories=(0, 1), rounds=3, score_digits=2),
    Style("coco, mmdetection", first_image=139, categories=(1, 3, 18, 90), results="compressed",
          crowds=0.2, area="mask"),
    Style("cvat, torchvision", truth="counts", crowds=0.3, results="compressed", score_digits=1,
          area="mask"),
    Style("coco, polygons", results="polygon", crowds=0.05, area="mask"),
]


def pair(style, seed):
    rng = random.Random(seed)
    digits = (lambda v: [round(a, style.rounds) for a in v]) if style.rounds else (lambda v: v)
    images, objects, results = [], [], []
    for number in range(40):
        width, height = rng.randint(60, 400), rng.randint(60, 400)
        image = style.first_image + number
        images.append({"id": image, "file_name": f"{image}.jpg", "width": width, "height": height})
        for _ in range(rng.randint(0, 9)):
            own, category = box(rng, width, height), rng.choice(style.categories)
            map = bitmap(own, width, height)
            crowd = int(rng.random() < style.crowds)
            shape = counts(map) if crowd or style.truth == "counts" else [polygon(own)]
            area = float(map.sum()) if style.area == "mask" else own[2] * own[3]
            objects.append({"id": len(objects) + 1, "image_id": image, "category_id": category,
                            "bbox": digits(own), "area": area, "iscrowd": crowd,
                            "segmentation": shape})
            for _ in range(rng.choice([0, 1, 1, 1, 2])):
                seen = moved(rng, own, width, height)
                score = rng.random()
                score = round(score, style.score_digits) if style.score_digits else score
                guess = category if rng.random() < 0.85 else rng.choice(style.categories)
                result = {"image_id": image, "category_id": guess, "bbox": digits(seen),
                          "score": score}
                if style.results == "compressed":
                    result["segmentation"] = compressed(bitmap(seen, width, height))
                elif style.results == "polygon":
                    result["segmentation"] = [polygon(seen)]
                results.append(result)
    categories = [{"id": i, "name": f"c{i}", "supercategory": "none"} for i in style.categories]
    return {"info": {"description": style.name}, "licenses": [], "images": images,
            "categories": categories, "annotations": objects}, results


def theirs(truth, results, kind):
    with contextlib.redirect_stdout(io.StringIO()):
        known = COCO(truth)
        evaluation = COCOeval(known, known.loadRes(results), kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats


def main():
    program = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "../../.build/debug/bench-coco")
    largest = 0.0
    for seed, style in enumerate(STYLES):
        with tempfile.TemporaryDirectory() as folder:
            paths = [os.path.join(folder, name) for name in ("truth.json", "results.json", "out.json")]
            for path, content in zip(paths, pair(style, seed)):
                with open(path, "w") as file:
                    json.dump(content, file)
            kinds = ["bbox"] + (["segm"] if style.results else [])
            for kind in kinds:
                subprocess.run(
                    [program, "evaluate", "--ground-truth", paths[0], "--detections", paths[1],
                     "--iou-type", kind, "--output", paths[2], "--resamples", "2", "--quiet"],
                    check=True, stdout=subprocess.DEVNULL)
                with open(paths[2]) as file:
                    own = json.load(file)["results"][kind]["metrics"]
                expected = theirs(paths[0], paths[1], kind)
                difference = max(abs(own[n] - e) for n, e in zip(NAMES, expected))
                largest = max(largest, difference)
                print(f"{style.name}, {kind}: AP {expected[0]:.4f}, difference {difference:.1e}")
    assert largest < 1e-12, largest


if __name__ == "__main__":
    main()
