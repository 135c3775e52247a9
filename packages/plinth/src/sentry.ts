export { sentryObservations } from './observe/sentry.ts'
export type { SentryOptions } from './observe/sentry.ts'
