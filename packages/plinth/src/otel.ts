export { openTelemetryObservations } from './observe/otel.ts'
export type { OpenTelemetryOptions } from './observe/otel.ts'
