import type { Connection } from './connection.ts'

interface Idle {
  readonly connection: Connection
  readonly since: number
}

/** Exclusive lanes that nobody holds, at most the pool's `max`. They leave by `take`, `remove` or `expired`. */
export class IdleLanes {
  #idle: Idle[] = []

  get size(): number {
    return this.#idle.length
  }

  /**
   * The one that was used last: its caches are warm, and those below it can grow old enough to be given up. Of those
   * with the settings of `key`, if there are any.
   */
  take(key: string): Connection | undefined {
    const at = this.#idle.findLastIndex(({ connection }) => connection.settingsKey === key)
    return at < 0 ? this.#idle.pop()?.connection : this.#idle.splice(at, 1)[0]?.connection
  }

  put(connection: Connection): void {
    this.#idle.push({ connection, since: performance.now() })
  }

  /** False when it was not among them. */
  remove(connection: Connection): boolean {
    const before = this.#idle.length
    this.#idle = this.#idle.filter((idle) => idle.connection !== connection)
    return this.#idle.length < before
  }

  /** Takes out those past their lifetime, and those idle for `idleMs` beyond the `keep` used last. */
  expired(idleMs: number, keep: number): Connection[] {
    const now = performance.now()
    const surplus = Math.max(0, this.#idle.length - keep)
    return this.#takeWhere(({ connection, since }, at) => {
      const isUnused = at < surplus && now - since > idleMs
      return isUnused || connection.retireAt <= now
    })
  }

  takeWhere(leaves: (connection: Connection) => boolean): Connection[] {
    return this.#takeWhere(({ connection }) => leaves(connection))
  }

  takeAll(): Connection[] {
    return this.#takeWhere(() => true)
  }

  #takeWhere(leaves: (idle: Idle, at: number) => boolean): Connection[] {
    const gone = this.#idle.filter(leaves)
    if (gone.length > 0) this.#idle = this.#idle.filter((idle) => !gone.includes(idle))
    return gone.map((idle) => idle.connection)
  }
}
