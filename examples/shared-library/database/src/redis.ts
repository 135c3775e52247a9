import { createClient, type RedisClientType } from '@redis/client'
import { setting } from './settings.ts'

/** Redis, which may be absent: nothing here depends on it, everything is quicker with it. */
export interface Redis {
  /** What the command answers; undefined where Redis is away, fails, or is silent for 100 ms. Never rejects. */
  ask<T>(command: (client: RedisClientType) => Promise<T>): Promise<T | undefined>
  close(): void
}

const patienceMs = 100

export function connectRedis(url: string = setting('REDIS_URL', 'redis://127.0.0.1:6379')): Redis {
  const client: RedisClientType = createClient({
    url,
    socket: { connectTimeout: 2000, reconnectStrategy: delayMs },
    // While Redis is away a command fails at once, and while it is silent no more than these wait.
    disableOfflineQueue: true,
    commandsQueueMaxLength: 1000,
  })
  reportOutages(client)
  // Not awaited, for it resolves only when Redis is there. It goes on trying, and what fails is told as 'error'.
  client.connect().catch(() => undefined)
  return {
    ask: (command) => within(patienceMs, command(client)).catch(() => undefined),
    close: () => client.destroy(),
  }
}

/** Doubling from 50 ms to 2 s, and random from the half on, so that services that lost it together do not return so. */
function delayMs(retries: number): number {
  const longest = Math.min(2000, 50 * 2 ** retries)
  return longest / 2 + (Math.random() * longest) / 2
}

/** The client says 'error' at each attempt; one line an outage is enough. */
function reportOutages(client: RedisClientType): void {
  let isAway = false
  client.on('error', (error: Error) => {
    if (!isAway) console.error(`Redis is away: ${error.message}`)
    isAway = true
  })
  client.on('ready', () => {
    isAway = false
  })
}

/** The client's own time limit ends when a command is sent, and a frozen Redis is silent after that. */
async function within<T>(limitMs: number, answer: Promise<T>): Promise<T> {
  const limit = Promise.withResolvers<never>()
  const timer = setTimeout(() => limit.reject(new Error('Redis is silent.')), limitMs)
  try {
    return await Promise.race([answer, limit.promise])
  } finally {
    clearTimeout(timer)
  }
}
