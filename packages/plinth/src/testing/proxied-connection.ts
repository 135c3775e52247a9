import type { Socket } from 'node:net'
import { CommitWatch, type Side } from './commit-watch.ts'
import { type Conditions, Flow } from './flow.ts'

export interface LossOptions {
  /** The client's side is cut and the server's stays open, as when a machine in between loses its power. */
  readonly halfOpen?: boolean
  /** Neither side is cut: the connection falls silent. */
  readonly silent?: boolean
}

/** What one connection asks of its proxy. */
export interface ProxyView {
  readonly conditions: (side: Side) => Conditions
  readonly random: () => number
  /** How this piece is to be lost, if it is. */
  readonly lossFor: (side: Side, isCommit: boolean) => LossOptions | undefined
  readonly noteRoundTrip: () => void
}

export interface ProxiedConnection {
  /** The proxy's conditions have changed. */
  resume(): void
  /** Resets the client's side. */
  cut(): void
  /** Resets the client's side; the server's stays open and hears nothing. */
  leaveHalfOpen(): void
  /** Ends the server's side where the client's has been reset. */
  closeHalfOpen(): void
  /** Ends both sides. */
  destroy(): void
}

/** Carries one client's bytes to the server and back. Once a piece is lost, nothing passes any more. */
export function carry(client: Socket, upstream: Socket, proxy: ProxyView): ProxiedConnection {
  const watch = new CommitWatch()
  const toServer = new Flow(() => proxy.conditions('request'), proxy.random)
  const toClient = new Flow(() => proxy.conditions('answer'), proxy.random)
  let isAnswered = true
  let isHalfOpen = false
  let isLost = false

  const lose = (loss: LossOptions): void => {
    isLost = true
    isHalfOpen = loss.halfOpen === true
    if (!loss.silent) client.resetAndDestroy()
  }
  const pass = (side: Side, chunk: Buffer, deliver: (bytes: Buffer) => void): void => {
    for (const { bytes, isCommit } of watch.read(side, chunk)) {
      if (isLost) return
      const loss = proxy.lossFor(side, isCommit)
      if (loss) return lose(loss)
      deliver(bytes)
    }
  }
  const write = (flow: Flow, socket: Socket) => (bytes: Buffer) =>
    flow.send(bytes.length, () => {
      if (socket.writable) socket.write(bytes)
    })

  client.on('data', (chunk: Buffer) => {
    if (isLost) return
    if (isAnswered) proxy.noteRoundTrip()
    isAnswered = false
    upstream.cork()
    pass('request', chunk, write(toServer, upstream))
    upstream.uncork()
  })
  upstream.on('data', (chunk: Buffer) => {
    isAnswered = true
    client.cork()
    pass('answer', chunk, write(toClient, client))
    client.uncork()
  })
  client.on('error', () => client.destroy())
  upstream.on('error', () => client.destroy())
  // A packet that says goodbye is lost like any other where packets are.
  upstream.on('close', () => toClient.send(0, () => client.end()))
  client.on('close', () => {
    if (!isHalfOpen) toServer.send(0, () => upstream.destroy())
  })
  return {
    resume: () => {
      toServer.resume()
      toClient.resume()
    },
    cut: () => void client.resetAndDestroy(),
    leaveHalfOpen: () => lose({ halfOpen: true }),
    closeHalfOpen: () => {
      if (isHalfOpen) upstream.destroy()
    },
    destroy: () => {
      toServer.stop()
      toClient.stop()
      client.destroy()
      upstream.destroy()
    },
  }
}
