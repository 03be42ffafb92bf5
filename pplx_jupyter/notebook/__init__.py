"""What a user touches: magics, prompt templates, display, panel. Only this folder imports IPython or ipywidgets."""

from __future__ import annotations
