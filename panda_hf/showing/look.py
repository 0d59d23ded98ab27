"""The colours and fonts of the page, as Gradio wants them; `page.css` of the Space does the rest."""

from __future__ import annotations

from typing import Any

import gradio as gr


def theme() -> Any:
    """Gradio's plain theme in the colours of the page."""
    sans = ["ui-sans-serif", "system-ui", "Segoe UI", "Noto Sans", "sans-serif"]
    plain = gr.themes.Base(font=sans, font_mono=["ui-monospace", "monospace"], radius_size="md", primary_hue="blue")
    light = {
        "body_background_fill": "#faf8f4", "body_text_color": "#1f2228", "background_fill_primary": "#ffffff",
        "background_fill_secondary": "#f4f1ea", "block_background_fill": "#ffffff", "border_color_primary": "#e4e0d7",
        "block_border_color": "#e4e0d7", "body_text_color_subdued": "#5d626d", "block_label_text_color": "#5d626d",
        "block_title_text_color": "#3a3e47", "input_background_fill": "#ffffff", "input_border_color": "#d3cec2",
        "button_primary_background_fill": "#2a62b8", "button_primary_background_fill_hover": "#21509a",
        "button_primary_text_color": "#ffffff", "button_secondary_background_fill": "#ffffff",
        "button_secondary_border_color": "#d3cec2", "color_accent": "#2a62b8", "slider_color": "#2a62b8",
        "link_text_color": "#2a62b8", "input_placeholder_color": "#6d717b",
    }  # fmt: skip
    dark = {
        "body_background_fill": "#14161a", "body_text_color": "#e6e7ea", "background_fill_primary": "#1b1e24",
        "background_fill_secondary": "#20242b", "block_background_fill": "#1b1e24", "border_color_primary": "#2e323a",
        "block_border_color": "#2e323a", "body_text_color_subdued": "#a1a7b3", "block_label_text_color": "#a1a7b3",
        "block_title_text_color": "#c9ccd3", "input_background_fill": "#16191e", "input_border_color": "#3a3f49",
        "button_primary_background_fill": "#8ab4f5", "button_primary_background_fill_hover": "#a5c6f8",
        "button_primary_text_color": "#10151d", "button_secondary_background_fill": "#1b1e24",
        "button_secondary_border_color": "#3a3f49", "slider_color": "#8ab4f5", "link_text_color": "#8ab4f5",
        "input_placeholder_color": "#8d939f",
    }  # fmt: skip
    flat = {
        "block_shadow": "none", "button_primary_shadow": "none", "block_label_background_fill": "transparent",
        "block_border_width": "1px", "input_border_width": "1px", "block_radius": "10px", "button_large_radius": "8px",
    }  # fmt: skip
    return plain.set(**light, **flat, **{f"{name}_dark": value for name, value in dark.items()})
