import type { Meter, Tracer } from '@opentelemetry/api'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'

export interface TestTelemetry {
  readonly tracer: Tracer
  readonly meter: Meter
  spans(): readonly ReadableSpan[]
  metrics(): Promise<readonly ResourceMetrics[]>
  clear(): void
  stop(): Promise<void>
}

/** The real SDK, exporting to memory. */
export function startOpenTelemetry(): TestTelemetry {
  const spans = new InMemorySpanExporter()
  const tracer = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }).getTracer('test')
  const metrics = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter: metrics, exportIntervalMillis: 3_600_000 })
  const provider = new MeterProvider({ readers: [reader] })
  return {
    tracer,
    meter: provider.getMeter('test'),
    spans: () => spans.getFinishedSpans(),
    async metrics() {
      await reader.forceFlush()
      return metrics.getMetrics()
    },
    clear() {
      spans.reset()
      metrics.reset()
    },
    stop: () => provider.shutdown(),
  }
}
