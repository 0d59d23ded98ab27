"""UMT: the retrieval model that scores captions. Importing it registers it with ``AutoConfig``, ``AutoModel``,
``AutoProcessor``."""

from __future__ import annotations

from transformers import AutoConfig, AutoModel, AutoProcessor

from panda_hf.models.umt.configuration_umt import UMTConfig
from panda_hf.models.umt.modeling_umt import UMTModel, UMTOutput, UMTPreTrainedModel, contrastive_loss
from panda_hf.models.umt.processing_umt import UMTProcessor
from panda_hf.models.umt.retrieval_umt import UMTForVideoTextRetrieval, UMTRetrievalOutput

AutoConfig.register(UMTConfig.model_type, UMTConfig, exist_ok=True)
AutoModel.register(UMTConfig, UMTModel, exist_ok=True)
AutoProcessor.register(UMTConfig, UMTProcessor, exist_ok=True)

__all__ = [
    "UMTConfig",
    "UMTForVideoTextRetrieval",
    "UMTModel",
    "UMTOutput",
    "UMTPreTrainedModel",
    "UMTProcessor",
    "UMTRetrievalOutput",
    "contrastive_loss",
]
