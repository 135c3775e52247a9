/** Upper bounds in seconds, as OpenTelemetry's semantic conventions advise for `db.client.operation.duration`. */
export const durationBuckets: readonly number[] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]
