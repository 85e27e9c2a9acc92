"""Tiny models of random weights of each class that `casebook import` reads, and what transformers makes of them."""
import json
import os

os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoModel, AutoModelForMaskedLM, AutoModelForSequenceClassification, AutoModelForTokenClassification

SENTENCES = ["the cat sat on the mat", "a dog ran to the sea", "한국어 글도 있다", "words and more words, here"]


def wordpiece():
    letters = sorted(set("".join(SENTENCES)) - {" "})
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "dog", "and", "words"]
    vocab = words + letters + ["##" + letter for letter in letters]
    tokenizer = Tokenizer(models.WordPiece({word: at for at, word in enumerate(vocab)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(words[:5])
    pairs = [("[CLS]", 2), ("[SEP]", 3)]
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", pairs)
    return tokenizer


def byte_bpe():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=280, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(SENTENCES * 5, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return tokenizer


def unigram():
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    pieces = [(token, 0.0) for token in special]
    letters = sorted(set("".join(SENTENCES)) - {" "})
    pieces += [("▁", -2.0), ("▁the", -3.0), ("▁cat", -4.0)] + [(letter, -5.0) for letter in letters]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3, byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens(special + ["<mask>"])
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A </s>", "<s> $A </s> </s> $B </s>", [("<s>", 0), ("</s>", 2)])
    return tokenizer


TOKENIZERS = {"wordpiece": wordpiece, "byte_bpe": byte_bpe, "unigram": unigram}

SMALL = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24)
AUTO = {"words": AutoModelForMaskedLM, "classes": AutoModelForSequenceClassification, "tags": AutoModelForTokenClassification}
LABELS = ["weather", "날씨", "a \"name\"", "O"]
BIO = ["O", "B-PER", "I-PER"]


def tiny(tokenizer, name, head, keys, kept=True, config=None):
    """A model: its tokenizer, class, the kind of its head (none for a bare encoder), keys of its configuration, and whether
    casebook can hold that head."""
    ending = {"words": "ForMaskedLM", "classes": "ForSequenceClassification", "tags": "ForTokenClassification", None: "Model"}
    names = {"classes": LABELS[:3], "tags": BIO}.get(head)
    if names:
        keys = dict(id2label=dict(enumerate(names)), label2id={name: at for at, name in enumerate(names)}) | keys
    return dict(tokenizer=tokenizer, config=f"{config or name}Config", model=name + ending.get(head, head), keys=keys,
                head=head if head in AUTO else None, kept=kept and head in AUTO)


BERT = dict(max_position_embeddings=20)
ROBERTA = dict(max_position_embeddings=22, type_vocab_size=1, layer_norm_eps=1e-5)
MODERNBERT = dict(max_position_embeddings=40, local_attention=6, num_hidden_layers=4)
BIASES = dict(max_position_embeddings=40, local_attention=4, attention_bias=True, norm_bias=True)
# Narrow: its tables of boxes have 1024 rows.
LAYOUTLM = dict(max_position_embeddings=20, hidden_size=4, intermediate_size=8)
PRE, WP, BPE, UNI = "RobertaPreLayerNorm", "wordpiece", "byte_bpe", "unigram"
MULTI = dict(problem_type="multi_label_classification")

TINY = {
    "bert": tiny(WP, "Bert", "words", BERT),
    "bert-bare": tiny(WP, "Bert", None, BERT),
    "bert-relu": tiny(WP, "Bert", "words", BERT | dict(hidden_act="relu"), kept=False),
    "bert-classes": tiny(WP, "Bert", "classes", BERT),
    "bert-silu-classes": tiny(WP, "Bert", "classes", BERT | dict(hidden_act="silu")),
    "bert-regression": tiny(WP, "Bert", "classes", BERT | dict(problem_type="regression"), kept=False),
    "bert-tags": tiny(WP, "Bert", "tags", BERT),
    "roberta": tiny(BPE, "Roberta", "words", ROBERTA),
    "roberta-untied": tiny(BPE, "Roberta", "words", dict(max_position_embeddings=22, type_vocab_size=1,
                                                         tie_word_embeddings=False, hidden_act="silu")),
    "roberta-classes": tiny(BPE, "Roberta", "classes", ROBERTA | MULTI),
    "roberta-tags": tiny(BPE, "Roberta", "tags", ROBERTA),
    "xlm-roberta": tiny(UNI, "XLMRoberta", "words", ROBERTA),
    "xlm-roberta-classes": tiny(UNI, "XLMRoberta", "classes", ROBERTA),
    "camembert-tags": tiny(UNI, "Camembert", "tags", ROBERTA),
    "roberta-prelayernorm": tiny(BPE, PRE, "words", dict(max_position_embeddings=22)),
    "roberta-prelayernorm-classes": tiny(BPE, PRE, "classes", ROBERTA),
    "roberta-prelayernorm-tags": tiny(BPE, PRE, "tags", ROBERTA),
    "electra-generator": tiny(WP, "Electra", "words", BERT | dict(embedding_size=24)),
    "electra-discriminator": tiny(WP, "Electra", "ForPreTraining", BERT | dict(embedding_size=8)),
    "electra-classes": tiny(WP, "Electra", "classes", BERT | dict(embedding_size=8)),
    "electra-wide-classes": tiny(WP, "Electra", "classes", BERT | dict(embedding_size=16), kept=False),
    "electra-tags": tiny(WP, "Electra", "tags", BERT | dict(embedding_size=8)),
    "modernbert": tiny(WP, "ModernBert", "words", MODERNBERT),
    "modernbert-biases": tiny(WP, "ModernBert", "words", BIASES | dict(tie_word_embeddings=False, decoder_bias=False)),
    "modernbert-classes": tiny(WP, "ModernBert", "classes", MODERNBERT | MULTI),
    "modernbert-mean-classes": tiny(WP, "ModernBert", "classes", MODERNBERT | dict(classifier_pooling="mean"), kept=False),
    "modernbert-biases-classes": tiny(WP, "ModernBert", "classes", BIASES | dict(classifier_bias=True, mlp_bias=True)),
    "modernbert-tags": tiny(WP, "ModernBert", "tags", MODERNBERT),
    "layoutlm": tiny(WP, "LayoutLM", "words", LAYOUTLM),
    "layoutlm-bare": tiny(WP, "LayoutLM", None, LAYOUTLM),
    "layoutlm-classes": tiny(WP, "LayoutLM", "classes", LAYOUTLM | MULTI),
    "layoutlm-tags": tiny(WP, "LayoutLM", "tags", LAYOUTLM),
}
# Large files come in shards and in 16 bits.
SHARDED = ["bert", "modernbert", "bert-classes"]


def make(name, folder, sharded=False, half=False):
    """Saves a tiny model of random weights and its tokenizer; returns whether this version of transformers has its class."""
    model = TINY[name]
    if not hasattr(transformers, model["config"]):
        return False
    tokenizer = TOKENIZERS[model["tokenizer"]]()
    ids = {role: tokenizer.token_to_id(bracket) if tokenizer.token_to_id(bracket) is not None else tokenizer.token_to_id(angle)
           for role, bracket, angle in [("pad", "[PAD]", "<pad>"), ("bos", "[CLS]", "<s>"), ("eos", "[SEP]", "</s>")]}
    words = tokenizer.get_vocab_size()
    extra = 3 if name == "modernbert" else 0  # rows beyond the tokenizer's words, as published tables have
    special = {f"{role}_token_id": id for role, id in ids.items()}
    if name.startswith("modernbert"):
        special |= dict(cls_token_id=ids["bos"], sep_token_id=ids["eos"])
    config = getattr(transformers, model["config"])(vocab_size=words + extra, **{**SMALL, **model["keys"]}, **special)
    torch.manual_seed(sum(map(ord, name)))
    model = getattr(transformers, model["model"])(config)
    with torch.no_grad():
        # Fresh biases are 0 and norms 1, which would hide that they are mixed up.
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    folder.mkdir(parents=True)
    if sharded or half:
        model = model.half()
    model.save_pretrained(folder, **(dict(max_shard_size="8KB") if sharded else {}))
    tokenizer.save(str(folder / "tokenizer.json"))
    return True


def config_of(folder):
    return json.loads((folder / "config.json").read_text())


def head_of(folder):
    """The kind of head that a folder says it has."""
    name = config_of(folder)["architectures"][0]
    return next((head for head, auto in AUTO.items() if name.endswith(auto.__name__.removeprefix("AutoModel"))), None)


def rows_of(folder, pairs=False):
    """Rows of unequal length, so that padding is in the comparison; the segments of a pair of texts."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    encoded = [tokenizer.encode(text) for text in SENTENCES[:3]]
    ids = [row.ids[:16] for row in encoded]
    types = [[0] * (len(row) // 2) + [1] * (len(row) - len(row) // 2) for row in ids]
    return ids, types if pairs else None


def boxes_of(folder, ids):
    """A box for each token, among them the smallest and the largest; none where the class has no boxes."""
    if config_of(folder)["model_type"] != "layoutlm":
        return None
    box = lambda x, y, w, h: [x, y, x + w, y + h]
    row = lambda at, row: [[0] * 4, *(box(37 * t + at, 900 - 53 * t, 17 * t % 63, 7 * t) for t in range(1, len(row) - 1)), [1000] * 4]
    return [row(at, ids) for at, ids in enumerate(ids)]


def theirs(folder, ids, types, boxes, head):
    """Hidden states and logits of each row's real tokens, through transformers in fp32; of classes one line a row."""
    load = dict(local_files_only=True, dtype=torch.float32, attn_implementation="eager")
    model = AUTO[head].from_pretrained(folder, **load) if head else None
    base = model.base_model if head else AutoModel.from_pretrained(folder, **load)
    width = max(map(len, ids))
    fill = lambda row, value: row + [value] * (width - len(row))
    batch = dict(input_ids=torch.tensor([fill(row, config_of(folder)["pad_token_id"]) for row in ids]),
                 attention_mask=torch.tensor([fill([1] * len(row), 0) for row in ids]))
    if types is not None:
        batch["token_type_ids"] = torch.tensor([fill(row, 0) for row in types])
    if boxes is not None:
        batch["bbox"] = torch.tensor([fill(row, [0] * 4) for row in boxes])
    with torch.no_grad():
        hidden = base.eval()(**batch).last_hidden_state
        logits = model.eval()(**batch).logits if head else None
    cut = lambda values: [values[at, :len(row)] for at, row in enumerate(ids)]
    return cut(hidden), list(logits.unsqueeze(1)) if head == "classes" else cut(logits) if head else None

