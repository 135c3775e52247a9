import { loadPg, type WireClient } from './peer.ts'

/** How long a caller waits for the server to take the request. */
const patienceMs = 1000

/**
 * How long the socket stays open for a server that has not taken it by then: PgBouncer ends such a request after 10 s
 * by itself, and one whose client left before can end PgBouncer (1.18, "bad client state: 0", pgbouncer issue 801).
 */
const lingerMs = 15_000

/**
 * Asks the server to cancel what it runs for this client. The request needs no login, so it works while every
 * connection is taken, and goes encrypted where the client's own connection is: its secret key is worth as much. It
 * promises nothing: the statement may have ended before. Resolves with false when it may still arrive later.
 */
export function requestCancel(client: WireClient): Promise<boolean> {
  const { host, port, processID, secretKey, ssl, sslNegotiation } = client
  const wire = new (loadPg().Connection)({ ssl, sslNegotiation })
  return new Promise((resolve) => {
    let isSent = false
    const send = (): void => {
      isSent = true
      wire.cancel(processID, secretKey)
    }
    wire.on('connect', () => {
      if (!ssl) send()
      else if (sslNegotiation !== 'direct') wire.requestSsl()
    })
    wire.on('sslconnect', send)
    wire.on('error', () => wire.stream.destroy())
    // The server hangs up when it has signalled the backend. We never do first, by half either: see `lingerMs`.
    wire.on('end', () => settle(true))
    const late = setTimeout(() => settle(!isSent), patienceMs)
    const settle = (isOver: boolean): void => {
      clearTimeout(late)
      resolve(isOver)
      if (wire.stream.destroyed) return
      wire.stream.unref()
      if (!isSent) wire.stream.destroy()
      else setTimeout(() => wire.stream.destroy(), lingerMs).unref()
    }
    if (host.startsWith('/')) wire.connect(`${host}/.s.PGSQL.${port}`)
    else wire.connect(port, host)
  })
}
