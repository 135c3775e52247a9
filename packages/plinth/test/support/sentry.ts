import * as Sentry from '@sentry/node'

/** In the form that the SDK streams to the server. */
interface SentSpan {
  readonly name: string
  readonly span_id: string
  readonly parent_span_id?: string
  readonly status: string
  readonly start_timestamp: number
  readonly end_timestamp: number
  readonly attributes: Record<string, { readonly value: unknown } | undefined>
}

export interface SentryServer {
  /** Everything that was sent, as it went over the wire. */
  readonly raw: readonly string[]
  spans(): Promise<SentSpan[]>
  /** Events of errors, as the server gets them. */
  events(): Promise<any[]>
  clear(): void
}

/** The real SDK with a transport that keeps what would go to the server. */
export function startSentry(): SentryServer {
  const raw: string[] = []
  Sentry.init({
    dsn: 'https://key@sentry.invalid/1',
    tracesSampleRate: 1,
    // It puts the fields of an error into the event.
    integrations: [Sentry.extraErrorDataIntegration({ depth: 8 })],
    transport: (options) =>
      Sentry.createTransport(options, (request) => {
        raw.push(typeof request.body === 'string' ? request.body : Buffer.from(request.body).toString())
        return Promise.resolve({ statusCode: 200 })
      }),
  })
  const items = async (type: string): Promise<any[]> => {
    await Sentry.flush(2000)
    const lines = raw.flatMap((envelope) => envelope.split('\n')).filter((line) => line !== '')
    const parsed = lines.map((line): any => JSON.parse(line))
    return parsed.filter((_item, i) => parsed[i - 1]?.type === type)
  }
  return {
    raw,
    spans: async () => (await items('span')).flatMap((batch) => batch.items),
    events: () => items('event'),
    clear() {
      raw.length = 0
      Sentry.getIsolationScope().clearBreadcrumbs()
    },
  }
}
