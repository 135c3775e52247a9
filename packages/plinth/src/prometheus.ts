export { prometheusObservations } from './observe/prometheus.ts'
export type { PrometheusOptions } from './observe/prometheus.ts'
