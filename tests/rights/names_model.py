"""A tiny model for names, trained on the spot: it knows a handful of them."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertForTokenClassification, PreTrainedTokenizerFast

NAMES = ["Anna", "Peter", "John", "Kennedy", "Smith", "Marie", "Curie", "Wei", "Müller"]
OTHERS = "a the man woman with and is talks to Rose flower Paris will mark in on stage hat Mr . ' s F".split()


def write_names_model(folder: Path) -> Path:
    """Train it (seconds) and save model and tokenizer."""
    words = ["[UNK]", "[PAD]", *NAMES, *OTHERS]
    core = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, unk_token="[UNK]", pad_token="[PAD]")
    torch.manual_seed(0)
    labels = {0: "O", 1: "B-PER", 2: "B-LOC"}
    config = BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=1, intermediate_size=16,
        num_labels=3, id2label=labels, label2id={label: i for i, label in labels.items()},
    )  # fmt: skip
    model = BertForTokenClassification(config)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    truth = torch.tensor([1 if word in NAMES else 2 if word == "Paris" else 0 for word in words])
    for _ in range(150):
        ids = torch.randint(0, len(words), (16, 12))
        loss = model(input_ids=ids, labels=truth[ids]).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
