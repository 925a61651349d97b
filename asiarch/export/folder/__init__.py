"""The files of an exported folder, as they are copied: they import torch and transformers."""
