"""Parses metrics by the OpenMetrics parser of Prometheus' client for Python, which is strict. Prints one metric's labels.

Usage: parse-metrics.py METRIC <METRICS
"""

import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families

samples = [
    sample
    for family in text_string_to_metric_families(sys.stdin.read())
    for sample in family.samples
]
assert samples, "there are no metrics"
for sample in samples:
    if sample.name == sys.argv[1]:
        print(repr(sorted(sample.labels.values())), sample.value)
