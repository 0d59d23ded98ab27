"""Fine-tune a selector: contrastive learning in which a clip's own rejected captions are the hard negatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from transformers import EvalPrediction, Trainer, TrainerCallback, TrainingArguments

from panda_hf.models.umt import UMTForVideoTextRetrieval, UMTModel, UMTProcessor
from panda_hf.models.umt.modeling_umt import similarity
from panda_hf.training import states
from panda_hf.training.gathering import gathered


@dataclass(frozen=True)
class SelectorExample:
    """One clip with its candidates.

    Attributes:
        frames: uint8 (n, height, width, 3); or floating (n, patches, hidden), from :func:`video_tokens`, where the
            vision tower is not trained.
        captions: the candidates, at least one.
        targets: what share of the choice each should get, sum 1: ``[0, 1, 0]`` where an annotator picked the second.
    """

    frames: np.ndarray
    captions: tuple[str, ...]
    targets: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse targets that are no distribution over the candidates."""
        if len(self.captions) != len(self.targets) or abs(sum(self.targets) - 1) > 1e-4 or min(self.targets) < 0:
            raise ValueError(f"targets {self.targets} must be shares of {len(self.captions)} candidates with sum 1")


@dataclass(frozen=True)
class SelectorLoss:
    """How much candidates count (paper, appendix C; no formula is printed there, this is our reading).

    For a video, with ``s = cosine / temperature``, the loss is ``-log(e^s(positive) / (sum of e^s over its own
    candidates + other_clips * sum of e^s over the candidates of other clips))``. From text to video, positive captions
    are the anchors.
    """

    other_clips: float = 0.01
    """Weight of other clips' captions; a clip's own rejected candidates always weigh 1."""

    text_to_video: Literal["plain", "weighted", "none"] = "plain"
    """Cross-entropy of positive captions over the videos: all alike, other videos by ``other_clips``, or left out."""

    matching: float = 1.0
    """Weight of the matching loss; of a model without matching head it changes nothing."""

    def __call__(self, logits: Tensor, targets: Tensor, present: Tensor) -> Tensor:
        """The loss of a batch.

        Args:
            logits: (clips, clips, candidates): video ``i`` against candidate ``k`` of clip ``j``, over temperature.
            targets: (clips, candidates), each row sums to 1; 0 where a candidate is absent.
            present: (clips, candidates), False for padding.
        """
        own = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
        log_weight = torch.where(own, 0.0, float(np.log(self.other_clips)) if self.other_clips > 0 else -torch.inf)
        diagonal = logits.diagonal(dim1=0, dim2=1).T
        weighted = (logits + log_weight[:, :, None]).masked_fill(~present[None], -torch.inf)
        to_text = (weighted.flatten(1).logsumexp(dim=1) - (targets * diagonal).sum(dim=1)).mean()
        if self.text_to_video == "none":
            return to_text
        over_videos = logits + log_weight[:, :, None] if self.text_to_video == "weighted" else logits
        to_video = (targets * (over_videos.logsumexp(dim=0) - diagonal)).sum(dim=1).mean()
        return (to_text + to_video) / 2


@dataclass(frozen=True)
class SelectorCollator:
    """Examples to tensors: pixel values, and all candidates padded to the same number per clip.

    Args:
        processor: of the model.
        augment: changes the frames of one example before processing, such as flips or noise; ``None``: nothing.
    """

    processor: UMTProcessor
    augment: Callable[[np.ndarray], np.ndarray] | None = None

    def __call__(self, examples: Sequence[SelectorExample]) -> dict[str, Tensor]:
        """Tensors for :class:`SelectorTrainer`.

        Returns:
            ``pixel_values`` (b, t, 3, h, w) or ``video_tokens`` (b, t, patches, hidden); ``input_ids`` and
            ``attention_mask`` (b, k, tokens); ``present`` and ``targets`` (b, k).
        """
        most = max(len(example.captions) for example in examples)
        texts = [caption for e in examples for caption in (*e.captions, *[""] * (most - len(e.captions)))]
        tokens = self.processor.prepare_text(texts)
        longest = int(tokens["attention_mask"].sum(dim=1).max())
        targets = [(*e.targets, *[0.0] * (most - len(e.targets))) for e in examples]
        return {
            **self._seen(examples),
            **{name: tensor[:, :longest].unflatten(0, (-1, most)) for name, tensor in tokens.items()},
            "present": torch.tensor([[k < len(e.captions) for k in range(most)] for e in examples]),
            "targets": torch.tensor(targets),
        }

    def _seen(self, examples: Sequence[SelectorExample]) -> dict[str, Tensor]:
        if examples[0].frames.ndim == 3:
            return {"video_tokens": torch.from_numpy(np.stack([e.frames for e in examples])).float()}
        frames = [self.augment(e.frames) if self.augment else e.frames for e in examples]
        return {"pixel_values": self.processor(videos=frames)["pixel_values"]}


class SelectorTrainer(Trainer):
    """``Trainer`` over :class:`SelectorExample` with :class:`SelectorLoss`, of towers alone or of the whole UMT."""

    def __init__(self, *, selector_loss: SelectorLoss, eval_collator: SelectorCollator, **kwargs: Any) -> None:
        super().__init__(compute_metrics=selector_metrics, **kwargs)
        self.selector_loss = selector_loss
        self.eval_collator = eval_collator
        self.model_accepts_loss_kwargs = False  # the loss is a mean: Trainer must divide it when it accumulates

    def get_eval_dataloader(self, eval_dataset: Any = None) -> DataLoader:
        """Evaluation sees frames as they are, and every clip."""
        training, self.data_collator = self.data_collator, self.eval_collator
        dropping, self.args.dataloader_drop_last = self.args.dataloader_drop_last, False
        try:
            return super().get_eval_dataloader(eval_dataset)
        finally:
            self.data_collator, self.args.dataloader_drop_last = training, dropping

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """Every video is encoded once and compared with all candidates of the batch, those of other processes too."""
        clips, candidates = inputs["present"].shape
        core = self.accelerator.unwrap_model(model)
        seen = {name: inputs[name] for name in ("pixel_values", "video_tokens") if name in inputs}
        whole = isinstance(core, UMTForVideoTextRetrieval) and model.training and self.selector_loss.matching
        out = model(
            **seen,
            **(self._matching(inputs) if whole else {}),
            input_ids=inputs["input_ids"].flatten(0, 1),
            attention_mask=inputs["attention_mask"].flatten(0, 1),
        )
        loss = self._contrast(core, out, inputs)
        if getattr(out, "matching_loss", None) is not None:
            loss = loss + self.selector_loss.matching * out.matching_loss
        cosine = out.similarity.unflatten(1, (clips, candidates))
        return (loss, {"cosine": cosine, "out": out}) if return_outputs else loss

    def _matching(self, inputs: dict[str, Tensor]) -> dict[str, Any]:
        """What makes the whole model compute its matching loss."""
        return {"targets": inputs["targets"].masked_fill(~inputs["present"], -1.0)}

    def _contrast(self, core: Any, out: Any, inputs: dict[str, Tensor]) -> Tensor:
        texts = out.text_embeds.unflatten(0, tuple(inputs["present"].shape))
        videos, targets, present = out.video_embeds, inputs["targets"], inputs["present"]
        if core.training and self.accelerator.num_processes > 1:
            videos, texts, targets, present = gathered(videos, texts, targets, present)
        cosine = similarity(videos, texts.flatten(0, 1)).unflatten(1, tuple(present.shape))
        towers = core.umt if isinstance(core, UMTForVideoTextRetrieval) else core
        return self.selector_loss(cosine / towers.clamped_temperature(), targets, present)

    def prediction_step(
        self,
        model: Any,
        inputs: dict[str, Any],
        prediction_loss_only: bool,
        ignore_keys: list[str] | None = None,
    ) -> tuple[Tensor | None, Any, Any]:
        """Own candidates' scores, and the embeddings that a retrieval metric needs."""
        inputs = self._prepare_inputs(inputs)
        with torch.inference_mode():
            loss, found = self.compute_loss(model, inputs, return_outputs=True)
        own = found["cosine"].diagonal(dim1=0, dim2=1).T.masked_fill(~inputs["present"], -2.0)
        texts = found["out"].text_embeds.unflatten(0, tuple(inputs["present"].shape))
        best = texts[torch.arange(len(texts)), inputs["targets"].argmax(dim=1)]
        return loss, (own, found["out"].video_embeds.mean(dim=1), best), inputs["targets"]


def selector_metrics(prediction: EvalPrediction) -> dict[str, float]:
    """``picked``: share of clips whose best candidate (or one of several equally good) has the highest score;
    ``recall_at_1``: share of clips that find their own best caption among those of all clips."""
    scores, videos, texts = cast(tuple[np.ndarray, np.ndarray, np.ndarray], prediction.predictions)
    targets = np.asarray(prediction.label_ids)
    chosen = targets[np.arange(len(targets)), scores.argmax(axis=1)]
    nearest = (videos @ texts.T).argmax(axis=1)
    return {
        "picked": float((chosen >= targets.max(axis=1) - 1e-6).mean()),
        "recall_at_1": float((nearest == np.arange(len(nearest))).mean()),
    }


def train_on_candidates(
    model: UMTModel | UMTForVideoTextRetrieval,
    processor: UMTProcessor,
    train: Dataset[SelectorExample],
    validation: Dataset[SelectorExample],
    arguments: TrainingArguments,
    *,
    loss: SelectorLoss | None = None,
    augment: Callable[[np.ndarray], np.ndarray] | None = None,
    resume: bool = True,
    callbacks: Sequence[TrainerCallback] = (),
    kind: type[SelectorTrainer] = SelectorTrainer,
) -> dict[str, float]:
    """Train ``model`` in place; interrupted runs go on from the last checkpoint in ``arguments.output_dir``.

    Args:
        model: changed in place.
        processor: of the model.
        train, validation: clips with candidates.
        arguments: of ``Trainer``; batches, steps, learning rate (the paper: 2e-5, AdamW, weight decay 0.02).
        loss: ``None``: the paper's weights.
        augment: see :class:`SelectorCollator`; only for training clips.
        resume: whether to look for a checkpoint; without, what earlier runs saved there is removed.
        callbacks: of ``Trainer``, such as one that writes curves.
        kind: of trainer; another one has another loss.

    Returns:
        The validation metrics after training: ``eval_picked``, ``eval_recall_at_1``, ``eval_loss``.
    """
    arguments.remove_unused_columns = False
    # The loss divides by the temperature after the forward pass, where data-parallel training would call it unused.
    arguments.ddp_find_unused_parameters = False
    loss = loss or SelectorLoss()
    if isinstance(model, UMTForVideoTextRetrieval) and not loss.matching:
        model.fusion.requires_grad_(False)
        model.itm_head.requires_grad_(False)
    trainer = kind(
        model=model,
        callbacks=list(callbacks),
        args=arguments,
        train_dataset=train,
        eval_dataset=validation,
        data_collator=SelectorCollator(processor, augment),
        eval_collator=SelectorCollator(processor),
        selector_loss=loss,
    )
    states.train(trainer, resume)
    return trainer.evaluate()


@torch.inference_mode()
def video_tokens(model: UMTModel, processor: UMTProcessor, videos: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Encode videos once, for lessons in which the vision tower does not learn.

    Args:
        model: whose tower.
        processor: of the model.
        videos: each uint8 (n, height, width, 3).

    Returns:
        Each video as float16 (frames, patches, hidden).
    """
    model.eval()
    found: list[np.ndarray] = []
    for start in range(0, len(videos), 32):
        pixels = processor(videos=videos[start : start + 32])["pixel_values"].to(model.device)
        tokens = model.encode_video(pixels)[0].unflatten(1, (pixels.shape[1], -1))
        found += list(tokens.half().cpu().numpy())
    return found


def learned_targets(scores: Sequence[float], temperature: float = 0.0) -> tuple[float, ...]:
    """Targets from quality scores of the candidates: all to the best, equal ones sharing.

    Args:
        scores: higher is better, one per candidate.
        temperature: above 0, ``softmax(scores / temperature)`` instead: near misses are forgiven.
    """
    values = np.asarray(scores, dtype=np.float64)
    if temperature > 0:
        shares = np.exp((values - values.max()) / temperature)
    else:
        shares = (values >= values.max() - 1e-9).astype(np.float64)
    return tuple(float(share) for share in shares / shares.sum())
