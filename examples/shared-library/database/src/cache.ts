import { type Database, isPlinthError } from 'plinth'
import type { Redis } from './redis.ts'

/**
 * Rows that are read often and written seldom, in front of the database.
 *
 * | Redis has it | the database is | the caller gets |
 * |---|---|---|
 * | not older than `freshMs` | there or away | Redis's |
 * | older | there | the database's, and Redis gets it too |
 * | older | away | Redis's: an old answer is better than none |
 * | no, or Redis is away | there | the database's |
 * | no, or Redis is away | away | the database's error, which becomes 503 |
 */
export interface Cache<Key, T> {
  read(key: Key): Promise<T | undefined>
  /** For `tx.afterCommit`: the next read comes from the database. */
  forget(key: Key): Promise<void>
}

interface CacheOptions<Key, T> {
  readonly db: Database
  readonly redis: Redis
  /** Begins the keys. Change it together with the shape of `T`. */
  readonly name: string
  /** Must give what JSON keeps unchanged. Undefined is not cached. */
  readonly load: (key: Key) => Promise<T | undefined>
}

interface Entry<T> {
  readonly storedAt: number
  readonly value: T
}

/** The longest that an entry is wrong, should Redis have been away when it was to be forgotten. */
const freshMs = 30_000
const keptMs = 3_600_000

export function createCache<Key extends string | number, T>(options: CacheOptions<Key, T>): Cache<Key, T> {
  const { db, redis, name, load } = options
  const loading = new Map<string, Promise<T | undefined>>()

  async function read(key: Key): Promise<T | undefined> {
    const at = `${name}:${key}`
    const [text, version] = (await redis.ask((client) => client.mGet([at, versionOf(at)]))) ?? []
    const entry = text ? (JSON.parse(text) as Entry<T>) : undefined
    if (entry && (db.state === 'error' || entry.storedAt > Date.now() - freshMs)) return entry.value
    try {
      return await loadOnce(at, key, version ?? '0')
    } catch (error) {
      if (entry && isPlinthError(error) && error.retryable) return entry.value
      throw error
    }
  }

  /** Single flight: however many ask for a row at once, this process loads it once. */
  function loadOnce(at: string, key: Key, version: string): Promise<T | undefined> {
    const running = loading.get(at)
    if (running) return running
    const started = loadAndStore(at, key, version).finally(() => {
      if (loading.get(at) === started) loading.delete(at)
    })
    loading.set(at, started)
    return started
  }

  async function loadAndStore(at: string, key: Key, version: string): Promise<T | undefined> {
    const value = await load(key)
    if (value === undefined) return undefined
    const entry: Entry<T> = { storedAt: Date.now(), value }
    const keys = [at, versionOf(at)]
    const values = [version, JSON.stringify(entry), String(keptMs)]
    await redis.ask((client) => client.eval(storeUnlessForgotten, { keys, arguments: values }))
    return value
  }

  async function forget(key: Key): Promise<void> {
    const at = `${name}:${key}`
    // Who asks from now on must not be given what was loaded before the commit.
    loading.delete(at)
    const version = versionOf(at)
    await redis.ask((client) => client.multi().del(at).incr(version).pExpire(version, keptMs).exec())
  }

  return { read, forget }
}

/** Counts how often a key was forgotten. */
function versionOf(at: string): string {
  return `${at}:version`
}

/** A row that was loaded before a commit and arrives here behind it is old: it must not be kept. */
const storeUnlessForgotten = `
  if (redis.call('get', KEYS[2]) or '0') == ARGV[1] then redis.call('set', KEYS[1], ARGV[2], 'PX', ARGV[3]) end`
