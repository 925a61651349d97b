"""The analyst: from measurements to what may be said of a component.

Three levels, reported in this order where they are there: causal (a component was taken out, or put
into others, and retrained), by a model, and by counting. Plans are data; nothing is trained here.
"""
