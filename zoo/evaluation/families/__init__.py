"""Families of metrics: each module registers metrics that are measured in a similar way.

`zoo.evaluation.metric` imports all of them. They import Keras only when they measure.
"""
