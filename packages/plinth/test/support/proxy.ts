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
  /**
   * The next bytes from this side of any connection go nowhere, and that connection ends for its client. Resolves then.
   */
  loseNext(side: 'request' | 'answer', options?: LossOptions): Promise<void>
}

export interface LossOptions {
  /** The client's side is cut and the server's stays open, as when a machine in between loses its power. */
  readonly halfOpen?: boolean
  /** Neither side is cut: the connection falls silent. */
  readonly silent?: boolean
}

export async function startProxy(target: string): Promise<Proxy> {
  const { hostname, port } = new URL(target)
  const clients = new Set<Socket>()
  const waiting = new Set<() => void>()
  const halfOpen = new Set<Socket>()
  let mode: Mode = 'forward'
  let counts = { accepted: 0, peak: 0, roundTrips: 0 }
  let loss: (LossOptions & { readonly side: 'request' | 'answer'; readonly happened: () => void }) | undefined

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
    let lost: LossOptions | undefined
    /** True when the bytes go nowhere. */
    const isLost = (side: 'request' | 'answer'): boolean => {
      if (lost || mode === 'blackhole') return true
      if (loss?.side !== side) return false
      lost = loss
      loss.happened()
      loss = undefined
      if (!lost.silent) client.resetAndDestroy()
      return true
    }
    client.on('data', (bytes) => {
      if (isLost('request')) return
      if (isAnswered) counts.roundTrips++
      isAnswered = false
      upstream.write(bytes)
    })
    upstream.on('data', (bytes) => {
      isAnswered = true
      if (!isLost('answer')) client.write(bytes)
    })
    upstream.on('error', () => client.destroy())
    upstream.on('close', () => (mode === 'blackhole' ? undefined : client.end()))
    client.on('close', () => (lost?.halfOpen ? halfOpen.add(upstream) : upstream.destroy()))
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
    loseNext: (side, options = {}) =>
      new Promise((happened) => {
        loss = { side, happened, ...options }
      }),
    [Symbol.asyncDispose]: async () => {
      for (const socket of [...clients, ...halfOpen]) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
