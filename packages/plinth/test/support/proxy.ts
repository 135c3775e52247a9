import { connect, createServer, type Socket } from 'node:net'

/** How the proxy treats a client: passes everything on, hangs up at once, or stays silent. */
type Mode = 'forward' | 'refuse' | 'blackhole'

/** A TCP proxy in front of PostgreSQL, for the faults a network has. */
export interface Proxy extends AsyncDisposable {
  readonly url: string
  /** Client sockets that are open now. */
  readonly open: number
  /** The most that were open at once since `mark()`. */
  readonly peak: number
  /** Connections ever accepted since `mark()`. */
  readonly accepted: number
  /** How often a client spoke after the server had answered, since `mark()`. */
  readonly roundTrips: number
  /** Starts counting anew. */
  mark(): void
  /** What happens to new connections; `blackhole` silences open ones too. */
  become(mode: Mode): void
  /** Resets every open connection. */
  cut(): void
  /** Resolves at the next connection a client opens. */
  nextConnection(): Promise<void>
  /** Calls `onBytes` for what clients send; when it returns true those bytes go nowhere and the connection is reset. */
  intercept(onBytes: ((bytes: Buffer) => boolean) | undefined): void
}

export async function startProxy(target: string): Promise<Proxy> {
  const { hostname, port } = new URL(target)
  const clients = new Set<Socket>()
  const waiting = new Set<() => void>()
  let mode: Mode = 'forward'
  let counts = { accepted: 0, peak: 0, roundTrips: 0 }
  let onBytes: ((bytes: Buffer) => boolean) | undefined

  const server = createServer((client) => {
    counts.accepted++
    clients.add(client)
    counts.peak = Math.max(counts.peak, clients.size)
    for (const resolve of waiting) resolve()
    waiting.clear()
    client.on('error', () => client.destroy())
    client.on('close', () => clients.delete(client))
    if (mode === 'refuse') client.resetAndDestroy()
    else forward(client)
  })

  const forward = (client: Socket): void => {
    const upstream = connect(Number(port || 5432), hostname)
    let isAnswered = true
    client.on('data', (bytes) => {
      if (onBytes?.(bytes)) return client.resetAndDestroy()
      if (mode === 'blackhole') return undefined
      if (isAnswered) counts.roundTrips++
      isAnswered = false
      return upstream.write(bytes)
    })
    upstream.on('data', (bytes) => {
      isAnswered = true
      if (mode !== 'blackhole') client.write(bytes)
    })
    upstream.on('error', () => client.destroy())
    upstream.on('close', () => (mode === 'blackhole' ? undefined : client.end()))
    client.on('close', () => upstream.destroy())
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const url = new URL(target)
  url.hostname = '127.0.0.1'
  url.port = String(typeof address === 'object' ? address?.port : '')
  return {
    url: url.href,
    get open() {
      return clients.size
    },
    get peak() {
      return counts.peak
    },
    get accepted() {
      return counts.accepted
    },
    get roundTrips() {
      return counts.roundTrips
    },
    mark: () => {
      counts = { accepted: 0, peak: clients.size, roundTrips: 0 }
    },
    become: (next) => {
      mode = next
    },
    cut: () => {
      for (const client of clients) client.resetAndDestroy()
    },
    nextConnection: () => new Promise((resolve) => waiting.add(resolve)),
    intercept: (next) => {
      onBytes = next
    },
    [Symbol.asyncDispose]: async () => {
      for (const client of clients) client.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
