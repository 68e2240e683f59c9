"""Images a second of Swin-T and DeiT-S in the engines that people deploy, one JSON object a line.

Engines: PyTorch eager and compiled, ONNX Runtime, OpenVINO; each in single precision, those that
can also in bfloat16. Networks, sizes and batches are those of `bench-kernels inference`.
"""
import argparse
import pathlib
import tempfile

import numpy as np
import timm
import torch

from measuring import best, report

NETWORKS = {"Swin-T": "swin_tiny_patch4_window7_224", "DeiT-S": "deit_small_patch16_224"}
BATCHES = (1, 8, 32)


def eager(model, images, precision, threads, folder):
    if precision == "bf16":
        model = model.bfloat16()
        images = images.bfloat16()

    def run():
        with torch.inference_mode():
            model(images)
    return run


def compiled(model, images, precision, threads, folder):
    return eager(torch.compile(model), images, precision, threads, folder)


def onnxruntime(model, images, precision, threads, folder):
    import onnxruntime as ort
    path = folder / f"{len(images)}.onnx"
    torch.onnx.export(model, (images,), str(path), input_names=["x"], dynamo=False)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    array = images.numpy()
    return lambda: session.run(None, {"x": array})


def openvino(model, images, precision, threads, folder):
    import openvino as ov
    network = ov.convert_model(model, example_input=images, input=list(images.shape))
    network = ov.Core().compile_model(network, "CPU", {
        "INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY"})
    request = network.create_infer_request()
    array = images.numpy()
    return lambda: request.infer([array])


ENGINES = {
    "eager": (eager, ("f32", "bf16")), "compile": (compiled, ("f32", "bf16")),
    "onnxruntime": (onnxruntime, ("f32",)), "openvino": (openvino, ("f32", "bf16")),
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--engine", choices=ENGINES, required=True)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    make, precisions = ENGINES[options.engine]
    for precision in precisions:
        for name, timm_name in NETWORKS.items():
            for batch in BATCHES:
                model = timm.create_model(timm_name, num_classes=0).eval()
                images = torch.from_numpy(
                    np.random.default_rng(1).standard_normal((batch, 3, 224, 224), np.float32))
                with tempfile.TemporaryDirectory() as folder:
                    run = make(model, images, precision, options.threads, pathlib.Path(folder))
                    seconds = best(run)
                report("inference", batch, seconds, who=options.engine, network=name,
                       precision=precision)


if __name__ == "__main__":
    main()
