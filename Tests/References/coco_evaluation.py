"""Masks and evaluations from pycocotools and tidecv.

Made with: pycocotools 2.0.11, tidecv 1.0.1, numpy 2.4.6. Run from this folder; writes
../Fixtures/Geometry/masks.json and the folder ../Fixtures/Evaluation/coco.
"""
import contextlib
import copy
import io
import json
import pathlib
import random
import tempfile

import numpy as np
from pycocotools import mask as masks
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from tidecv import TIDE, datasets

HERE = pathlib.Path(__file__).resolve().parent.parent / "Fixtures"
CATEGORIES = [1, 2, 3, 5, 9, 13, 90]


# Masks

def blob(rng, width, height, corners, spread):
    """Corners around a point, some of them outside the image, some repeated."""
    cx, cy = rng.uniform(-5, width + 5), rng.uniform(-5, height + 5)
    radius = rng.uniform(1, spread)
    polygon = []
    for corner in range(corners):
        angle = 2 * np.pi * corner / corners
        reach = radius * rng.uniform(0.6, 1.2)
        point = [round(float(cx + reach * np.cos(angle)), 2),
                 round(float(cy + reach * np.sin(angle)), 2)]
        polygon += point
        if rng.random() < 0.1:
            polygon += point
    return polygon


def polygon_cases():
    rng = random.Random(7)
    cases = []
    for number in range(220):
        width, height = rng.choice([(5, 5), (1, 1), (7, 40), (64, 48), (100, 3), (33, 77)])
        kind = number % 5
        if kind == 0:
            polygons = [[round(rng.uniform(-20, 120), 2) for _ in range(2 * rng.randint(3, 14))]]
        elif kind == 1:
            polygons = [[float(rng.randint(-3, 60)) for _ in range(2 * rng.randint(3, 8))]]
        elif kind == 2:
            polygons = [[rng.randint(-8, 130) / 2 + 0.1 * rng.randint(0, 4)
                         for _ in range(2 * rng.randint(3, 8))]]
        else:
            polygons = [blob(rng, width, height, rng.randint(3, 30), 40)
                        for _ in range(rng.randint(1, 4))]
        cases.append((width, height, polygons))
    cases.append((5, 5, [[1, 1, 1, 3, 3, 3, 3, 1]]))
    cases.append((5, 5, [[1, 1, 1, 1, 1, 1]]))
    rows = []
    for width, height, polygons in cases:
        parts = masks.frPyObjects(polygons, height, width)
        joined = masks.merge(parts)
        rows.append({"width": width, "height": height, "polygons": polygons,
                     "counts": joined["counts"].decode(), "area": int(masks.area(joined)),
                     "box": [int(v) for v in masks.toBbox(joined)]})
    return rows


def bitmap_cases():
    rng = np.random.default_rng(3)
    rows = []
    for number in range(60):
        height, width = int(rng.integers(1, 40)), int(rng.integers(1, 40))
        one = rng.random((height, width)) < rng.choice([0.02, 0.5, 0.98])
        other = np.roll(one, 1, axis=int(number % 2)) ^ (rng.random((height, width)) < 0.1)
        first, second = (masks.encode(np.asfortranarray(m.astype(np.uint8))) for m in (one, other))
        rows.append({
            "height": height, "width": width,
            "first": first["counts"].decode(), "second": second["counts"].decode(),
            "pixels": "".join(map(str, one.astype(int).ravel())),
            "area": int(masks.area(first)), "box": [int(v) for v in masks.toBbox(first)],
            "union": masks.merge([first, second])["counts"].decode(),
            "overlap": float(masks.iou([first], [second], [0])[0, 0]),
            "crowdOverlap": float(masks.iou([first], [second], [1])[0, 0])})
    return rows


# Evaluation

def scene(rng, hasZeroID):
    images, annotations = [], []
    for number in range(36):
        images.append({"id": (number * 29) % 101 + 3, "file_name": f"{number}.jpg",
                       "width": rng.choice([160, 120]), "height": rng.choice([130, 150])})
    next_id = 0 if hasZeroID else 1
    for image in images[:-4]:
        for _ in range(rng.randint(0, 7)):
            # Category 90 has no object at all.
            category = rng.choice(CATEGORIES[:-1])
            size = rng.choice([4, 9, 16, 25, 40, 60])
            x, y = rng.uniform(0, image["width"] - size), rng.uniform(0, image["height"] - size)
            corners = [[x, y], [x + size, y], [x + size, y + size], [x, y + size]]
            shape = [round(v + rng.uniform(-0.2, 0.2) * size, 2) for c in corners for v in c]
            rle = masks.merge(masks.frPyObjects([shape], image["height"], image["width"]))
            area = int(masks.area(rle))
            if rng.random() < 0.15:
                area = rng.choice([1024, 9216])
            crowd = rng.random() < 0.12
            segmentation = [shape]
            if crowd:
                bitmap = masks.decode(rle).T.ravel()
                changes = np.flatnonzero(np.diff(np.concatenate([[0], bitmap]))).tolist()
                counts = np.diff([0] + changes + [len(bitmap)]).tolist()
                segmentation = {"size": [image["height"], image["width"]], "counts": counts}
            elif rng.random() < 0.2:
                segmentation = {"size": rle["size"], "counts": rle["counts"].decode()}
            xs, ys = shape[0::2], shape[1::2]
            annotations.append({
                "id": next_id, "image_id": image["id"], "category_id": category, "area": area,
                "iscrowd": int(crowd), "segmentation": segmentation,
                "bbox": [round(v, 2) for v in
                         (min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))]})
            next_id += 1
            if rng.random() < 0.1:
                twin = copy.deepcopy(annotations[-1])
                twin["id"] = next_id
                next_id += 1
                annotations.append(twin)
    rng.shuffle(annotations)
    categories = [{"id": c, "name": f"class {c}", "supercategory": ""} for c in CATEGORIES]
    rng.shuffle(categories)
    return {"images": images, "annotations": annotations, "categories": categories}


def detections(rng, truth, hasTies):
    results = []
    sizes = {image["id"]: image for image in truth["images"]}
    crowded = truth["annotations"][0]
    for annotation in truth["annotations"]:
        for _ in range(rng.randint(0, 4)):
            x, y, w, h = annotation["bbox"]
            s = rng.choice([0.0, 0.03, 0.1, 0.3])
            box = [round(x + rng.uniform(-s, s) * w, 2), round(y + rng.uniform(-s, s) * h, 2),
                   round(w * (1 + rng.uniform(-s, s)), 2), round(h * (1 + rng.uniform(-s, s)), 2)]
            category = annotation["category_id"]
            if rng.random() < 0.15:
                category = rng.choice(CATEGORIES)
            results.append({"image_id": annotation["image_id"], "category_id": category,
                            "bbox": box})
    for image in truth["images"]:
        for _ in range(rng.randint(0, 3)):
            size = rng.choice([5, 20, 60, 110])
            results.append({"image_id": image["id"], "category_id": rng.choice(CATEGORIES),
                            "bbox": [round(rng.uniform(0, 60), 2), round(rng.uniform(0, 40), 2),
                                     size + 0.5, float(size)]})
    for _ in range(120):
        x, y, w, h = crowded["bbox"]
        results.append({"image_id": crowded["image_id"], "category_id": crowded["category_id"],
                        "bbox": [round(x + rng.uniform(-3, 3), 2), round(y, 2), w, h]})
    for number, result in enumerate(results):
        image = sizes[result["image_id"]]
        x, y, w, h = result["bbox"]
        corners = [x, y, x + w, y + 0.2 * h, x + 0.9 * w, y + h, x + 0.1 * w, y + h]
        rle = masks.merge(masks.frPyObjects([corners], image["height"], image["width"]))
        result["segmentation"] = {"size": rle["size"], "counts": rle["counts"].decode()}
        result["score"] = (rng.choice([0.1, 0.25, 0.5, 0.5, 0.75, 1.0]) if hasTies
                           else round((number * 7919 % 10007) / 10007, 6))
    rng.shuffle(results)
    return results


def run(truth, results, kind, limits=None, agnostic=False):
    with contextlib.redirect_stdout(io.StringIO()):
        ground_truth = COCO()
        ground_truth.dataset = copy.deepcopy(truth)
        ground_truth.createIndex()
        found = ground_truth.loadRes(copy.deepcopy(results))
        evaluation = COCOeval(ground_truth, found, kind)
        if limits:
            evaluation.params.maxDets = limits
        evaluation.params.useCats = 0 if agnostic else 1
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    precision = evaluation.eval["precision"]
    classes = []
    for category in range(precision.shape[2]):
        values = precision[:, :, category, 0, -1]
        classes.append(float(values[values > -1].mean()) if (values > -1).any() else -1)
    return {"metrics": [float(v) for v in evaluation.stats], "classes": classes}


def without(results, key):
    return [{k: v for k, v in result.items() if k != key} for result in results]


def repeated(truth, results, copies):
    """The data with every image as often as said, under new ids in the same order."""
    order = sorted(image["id"] for image in truth["images"])
    times = dict(zip(order, copies))
    new = {"images": [], "annotations": [], "categories": truth["categories"]}
    news = []
    for place, old in enumerate(order):
        image = next(i for i in truth["images"] if i["id"] == old)
        for turn in range(times[old]):
            fresh = 1000 * (place + 1) + turn
            new["images"].append({**image, "id": fresh})
            for annotation in truth["annotations"]:
                if annotation["image_id"] == old:
                    new["annotations"].append({**annotation, "image_id": fresh,
                                               "id": len(new["annotations"]) + 1})
            news += [{**r, "image_id": fresh} for r in results if r["image_id"] == old]
    return new, news


def tide(truth, results, mode):
    with tempfile.TemporaryDirectory() as folder:
        (path := pathlib.Path(folder) / "truth.json").write_text(json.dumps(truth))
        (found := pathlib.Path(folder) / "found.json").write_text(json.dumps(results))
        tool = TIDE()
        run = tool.evaluate(datasets.COCO(str(path)), datasets.COCOResult(str(found)),
                            mode=TIDE.BOX if mode == "bbox" else TIDE.MASK)
    special = run.fix_special_errors()
    names = {"Cls": "classification", "Loc": "localization", "Both": "both", "Dupe": "duplicate",
             "Bkg": "background", "Miss": "missed"}
    return {"AP": run.ap / 100,
            "counts": {names[k.short_name]: v for k, v in run.count_errors().items()},
            "losses": {names[k.short_name]: v / 100 for k, v in run.fix_main_errors().items()},
            "special": [v / 100 for v in special.values()]}


def main():
    folder = HERE / "Evaluation" / "coco"
    folder.mkdir(parents=True, exist_ok=True)
    (HERE / "Masks").mkdir(exist_ok=True)

    def write(path, value):
        path.write_text(json.dumps(value, separators=(",", ":")))

    write(HERE / "Masks" / "masks.json", {"polygons": polygon_cases(), "bitmaps": bitmap_cases()})
    rng = random.Random(11)
    ties_truth = scene(rng, hasZeroID=True)
    ties = detections(rng, ties_truth, hasTies=True)
    truth = scene(rng, hasZeroID=False)
    results = detections(rng, truth, hasTies=False)
    write(folder / "ties_truth.json", ties_truth)
    write(folder / "ties_results.json", ties)
    write(folder / "truth.json", truth)
    write(folder / "results.json", results)
    renumbered = copy.deepcopy(ties_truth)
    for annotation in renumbered["annotations"]:
        annotation["id"] += 1
    copies = [rng.choice([0, 0, 1, 1, 2, 3]) for _ in truth["images"]]
    more_truth, more_results = repeated(truth, results, copies)
    write(folder / "expected.json", {
        "ties": {
            "bbox": run(ties_truth, ties, "bbox"), "segm": run(ties_truth, ties, "segm"),
            "limits": run(ties_truth, ties, "bbox", [2, 5, 100]),
            "agnostic": run(ties_truth, ties, "bbox", agnostic=True),
            "masksOnly": run(ties_truth, without(ties, "bbox"), "segm"),
            "masksAsBoxes": run(ties_truth, without(ties, "bbox"), "bbox"),
            "boxesAsMasks": run(ties_truth, without(ties, "segmentation"), "segm"),
            "correctedBoxes": run(renumbered, ties, "bbox"),
            "correctedMasks": run(renumbered, without(ties, "bbox"), "segm")},
        "copies": copies,
        "repeated": {kind: run(more_truth, more_results, kind) for kind in ("bbox", "segm")},
        "errors": {kind: tide(truth, results, kind) for kind in ("bbox", "segm")}})


main()
