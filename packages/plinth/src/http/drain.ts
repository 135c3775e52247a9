import type { Server, ServerResponse } from 'node:http'
import { Server as SecureServer } from 'node:https'
import { Server as NetServer, type Socket } from 'node:net'

/** Ends a server: no new connection, running answers to their last byte, and after the deadline whatever is left. */
export type Drain = (deadlineMs: number) => Promise<void>

/**
 * Follows the connections of a server from its start. `http.Server.close()` is not used: it destroys each connection
 * whose answer was handed over, also one of which half is still to be sent (Node 24, measured with 20 MB), and leaves
 * one whose answer comes later open for as long as it is kept alive, 5 s in Node and 72 s in Fastify.
 */
export function followConnections(server: Server): Drain {
  const connections = new Map<Socket, ServerResponse[]>()
  let isClosing = false
  const follow = (socket: Socket): ServerResponse[] => {
    // No Set: see driver/membership.ts.
    const answers: ServerResponse[] = []
    connections.set(socket, answers)
    socket.once('close', () => connections.delete(socket))
    return answers
  }
  // Of TLS the socket that requests have is another than the one of `connection`.
  server.on(server instanceof SecureServer ? 'secureConnection' : 'connection', follow)
  // Before the program's own listener, so that its answer still gets the header.
  server.prependListener('request', ({ socket }, response) => {
    const answers = connections.get(socket) ?? follow(socket)
    answers.push(response)
    if (isClosing) announceClose(response)
    response.once('close', () => {
      answers.splice(answers.indexOf(response), 1)
      if (isClosing && answers.length === 0) socket.destroySoon()
    })
  })
  return async (deadlineMs) => {
    isClosing = true
    const cut = setTimeout(() => server.closeAllConnections(), deadlineMs)
    const closed = new Promise<void>((resolve) => {
      NetServer.prototype.close.call(server, () => resolve())
    })
    for (const [socket, answers] of connections) {
      if (answers.length === 0) socket.destroySoon()
      for (const response of answers) announceClose(response)
    }
    await closed
    clearTimeout(cut)
  }
}

/** The client then sends its next request on another connection, which comes to another process. */
function announceClose(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('connection', 'close')
}
