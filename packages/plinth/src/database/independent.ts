import type { Connection } from '../driver/connection.ts'
import type { Pool } from '../driver/pool.ts'
import { isPlinthError, PlinthError } from '../errors.ts'
import { captureHolder } from '../driver/call-site.ts'
import { enclosingScope, isIndependent } from './context.ts'
import { nestedIndependent } from './misuse-errors.ts'
import type { Transaction, TransactionOptions } from './queryable.ts'
import { runNamed, type TransactionHome } from './transaction.ts'

/**
 * A second transaction beside an open one. Its caller holds a connection already, so it must not wait for another
 * caller's: with as many callers as the pool has connections, each would wait for the others for ever. It takes a
 * connection of the pool only where one is free at once, else the spare one beyond `pool.max`, whose holder needs no
 * other: independent transactions do not nest.
 */
export async function runIndependent<R>(
  home: TransactionHome,
  spare: Pool,
  work: (tx: Transaction) => Promise<R>,
  options: TransactionOptions,
): Promise<R> {
  const named = { name: options.name ?? 'independent transaction', site: captureHolder(), isIndependent: true }
  const outer = enclosingScope(home.database)
  if (!outer) return runNamed(home, work, options, named, false)
  if (isIndependent(outer)) throw nestedIndependent(named, outer)
  return runNamed(besides(home, spare), work, options, named, false)
}

function besides(home: TransactionHome, spare: Pool): TransactionHome {
  const ofSpare = new WeakSet<Connection>()
  const acquire: TransactionHome['acquire'] = async (holder, signal, transaction) => {
    if (home.isFree()) return home.acquire(holder, signal, transaction)
    const connection = await spare.acquire(holder, signal, transaction).catch((error: unknown) => {
      throw isPlinthError(error, 'PoolTimeout') ? spareTimedOut(error) : error
    })
    ofSpare.add(connection)
    return connection
  }
  const release = (connection: Connection): void =>
    ofSpare.has(connection) ? spare.release(connection) : home.release(connection)
  return { ...home, acquire, release }
}

function spareTimedOut(cause: PlinthError): PlinthError {
  return new PlinthError(
    'PoolTimeout',
    'No connection for db.independent(): the pool is full, and the one connection beyond it was in use all the time.',
    {
      phase: 'acquire',
      retryable: true,
      cause,
      hint: 'Make independent transactions short, or raise pool.max.',
    },
  )
}
