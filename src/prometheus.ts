/** `mabeam/prometheus`: the metrics of a running system for Prometheus. Needs the package `prom-client`. */
export { createPrometheus, type PrometheusMetrics, type PrometheusOptions } from './prometheus/prometheus.ts';
