"""ONNX files that optimum makes of exported folders, run by onnxruntime."""
import io
from contextlib import redirect_stdout

from exchange_models import boxes_of, rows_of


def onnx_logits(folder, to, ids, boxes):
    """Logits of each row alone, as onnxruntime computes them from what optimum writes."""
    import numpy
    import onnxruntime
    from optimum.exporters.onnx import main_export

    card = (folder / "README.md").read_text(encoding="utf-8")
    task = card.split("pipeline_tag: ")[1].split("\n")[0]
    with redirect_stdout(io.StringIO()):
        main_export(str(folder), str(to), task=task, local_files_only=True, custom_onnx_configs=unlisted(folder, task))
    session = onnxruntime.InferenceSession(str(to / "model.onnx"), providers=["CPUExecutionProvider"])
    names = {one.name for one in session.get_inputs()}
    found = []
    for at, row in enumerate(ids):
        given = dict(input_ids=row, attention_mask=[1] * len(row), token_type_ids=[0] * len(row))
        if boxes:
            given["bbox"] = boxes[at]
        given = {name: numpy.array([value], dtype=numpy.int64) for name, value in given.items() if name in names}
        (logits,) = session.run(["logits"], given)
        found.append(logits.reshape(-1, logits.shape[-1]))
    return found, sorted(names)


def unlisted(folder, task):
    """optimum does not list RoBERTa-PreLayerNorm: it has RoBERTa's inputs and outputs, and is exported when told so."""
    from optimum.exporters.onnx.model_configs import RobertaOnnxConfig
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    return {"model": RobertaOnnxConfig(config, task=task)} if config.model_type == "roberta-prelayernorm" else None


def inputs(folder):
    ids, _ = rows_of(folder)
    return ids, boxes_of(folder, ids)


def operator_set(to):
    """The version of ONNX's operators that a file is of."""
    import onnx

    model = onnx.load(to / "model.onnx")
    return next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx"))
