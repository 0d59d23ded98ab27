"""The student: one captioner in place of all teachers. Importing it registers it with the auto classes."""

from __future__ import annotations

from transformers import AutoConfig, AutoModel, AutoModelForImageTextToText, AutoProcessor

from panda_hf.models.student.configuration_student import PandaStudentConfig
from panda_hf.models.student.modeling_student import PandaStudentForConditionalGeneration, PandaStudentOutput
from panda_hf.models.student.processing_student import PandaStudentProcessor

AutoConfig.register(PandaStudentConfig.model_type, PandaStudentConfig, exist_ok=True)
AutoModel.register(PandaStudentConfig, PandaStudentForConditionalGeneration, exist_ok=True)
AutoModelForImageTextToText.register(PandaStudentConfig, PandaStudentForConditionalGeneration, exist_ok=True)
AutoProcessor.register(PandaStudentConfig, PandaStudentProcessor, exist_ok=True)

__all__ = [
    "PandaStudentConfig",
    "PandaStudentForConditionalGeneration",
    "PandaStudentOutput",
    "PandaStudentProcessor",
]
