import { connect } from 'node:net'

export interface CancelTarget {
  readonly host: string
  readonly port: number
  readonly processId: number
  readonly secretKey: number
}

/** Protocol 3.0, CancelRequest: length 16, code 80877102, process id, secret key. */
const cancelRequestCode = 80_877_102

/**
 * Asks the server to cancel what a backend is running. It needs no login, so it works while every connection is taken.
 * It promises nothing: the statement may have ended before the request arrives. Resolves when the server hung up.
 */
export function requestCancel(target: CancelTarget, timeoutMs = 1000): Promise<void> {
  const message = Buffer.alloc(16)
  message.writeInt32BE(16, 0)
  message.writeInt32BE(cancelRequestCode, 4)
  message.writeInt32BE(target.processId, 8)
  message.writeInt32BE(target.secretKey, 12)
  return new Promise((resolve) => {
    const path = target.host.startsWith('/') ? `${target.host}/.s.PGSQL.${target.port}` : undefined
    const socket = path === undefined ? connect(target.port, target.host) : connect(path)
    socket.setTimeout(timeoutMs, () => socket.destroy())
    socket.on('connect', () => socket.end(message))
    socket.on('error', () => socket.destroy())
    socket.on('close', () => resolve())
    socket.resume()
  })
}
