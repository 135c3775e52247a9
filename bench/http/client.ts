import { connect, type Socket } from 'node:net'

export interface Reply {
  readonly status: number
  readonly body: string
}

/**
 * A load generator that costs little next to what it measures: kept connections, one request on each at a time, and of
 * an answer it reads the status, Content-Length and the body. `fetch` and node:http cost more CPU a request than the
 * servers do.
 */
export class HttpClient {
  readonly #url: URL
  readonly #open = new Set<Line>()
  readonly #idle: Line[] = []

  constructor(url: string) {
    this.#url = new URL(url)
  }

  async send(request: string): Promise<Reply> {
    const line = this.#idleLine() ?? (await this.#connect())
    const reply = await line.send(request)
    this.#idle.push(line)
    return reply
  }

  /** The bytes of a request; made once where it does not change. */
  request(method: string, path: string, headers: Readonly<Record<string, string>>, body = ''): string {
    const length = body === '' ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const all = Object.entries({ host: this.#url.host, ...headers, ...length })
    return `${method} ${path} HTTP/1.1\r\n${all.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`
  }

  close(): void {
    for (const line of this.#open) line.close()
  }

  /** Whoever served it may have hung up since. */
  #idleLine(): Line | undefined {
    for (;;) {
      const line = this.#idle.pop()
      if (line === undefined || line.isOpen) return line
      this.#open.delete(line)
    }
  }

  async #connect(): Promise<Line> {
    const line = await Line.open(this.#url)
    this.#open.add(line)
    return line
  }
}

class Line {
  readonly #socket: Socket
  #received: Buffer = Buffer.alloc(0)
  #waiting: PromiseWithResolvers<Reply> | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk) => this.#receive(chunk))
    socket.on('error', (error) => this.#waiting?.reject(error))
    socket.on('close', () => this.#waiting?.reject(new Error('The server hung up.')))
  }

  static open({ hostname, port }: URL): Promise<Line> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: hostname, port: Number(port), noDelay: true })
      socket.once('error', reject)
      socket.once('connect', () => resolve(new Line(socket)))
    })
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed && !this.#socket.readableEnded
  }

  send(request: string): Promise<Reply> {
    this.#waiting = Promise.withResolvers<Reply>()
    this.#socket.write(request)
    return this.#waiting.promise
  }

  close(): void {
    this.#socket.destroy()
  }

  #receive(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
    const headEnd = this.#received.indexOf('\r\n\r\n')
    if (headEnd < 0) return
    const head = this.#received.toString('latin1', 0, headEnd)
    const length = /\ncontent-length: (\d+)/i.exec(head)?.[1]
    if (length === undefined) return this.#waiting?.reject(new Error(`An answer without Content-Length: ${head}`))
    const end = headEnd + 4 + Number(length)
    if (this.#received.length < end) return
    const body = this.#received.toString('utf8', headEnd + 4, end)
    this.#received = this.#received.subarray(end)
    this.#waiting?.resolve({ status: Number(head.slice(9, 12)), body })
  }
}
