import type { Statement, StepAnswer } from '../driver/exchange.ts'
import { asOpened, type LaneSettings, laneSettings } from '../driver/lane-settings.ts'
import { PlinthError } from '../errors.ts'
import { setLocally } from '../sql/set-locally.ts'
import type { BatchAnswer, BatchOptions, BatchStatement } from './queryable.ts'
import { type RoundTrip, runRoundTrip, type SingleHome } from './single.ts'
import { checkIsolation, refuseSessionStatement, settingsStatement, toStatement } from './statement.ts'

/**
 * Runs statements as one transaction in one round trip: under one Sync, which makes an implicit transaction of them, or
 * between a BEGIN and its end where it needs a level or an end of its own.
 */
export async function runBatch(
  home: SingleHome,
  given: readonly BatchStatement[],
  options: BatchOptions,
): Promise<readonly BatchAnswer[]> {
  const statements = given.map(toBatched)
  const [last] = statements.slice(-1)
  if (!last) throw new PlinthError('InvalidOperation', 'A batch needs a statement.')
  const about = given.find((one) => one.isMain)?.text ?? last.text
  const isTransaction = options.isolation !== undefined || options.end === 'rollback'
  const trip = isTransaction
    ? transaction(home, statements, about, options)
    : implicit(home, statements, about, options)
  // Behind a pooler no connection is ours to reset.
  const runsCode = !home.pooler && (options.runsCode ?? trip.effect === 'write')
  const answers = await runRoundTrip(home, { ...trip, isReadOnly: isReadOnly(options), runsCode }, options)
  if (isTransaction) checkEnd(answers.at(-1), options)
  const first = trip.statements.indexOf(statements[0] ?? last)
  return answers.slice(first, first + statements.length).map(toBatchAnswer)
}

function isReadOnly({ settings, laneSettings: kept }: BatchOptions): boolean {
  return settings?.['transaction_read_only'] === 'on' || kept?.['default_transaction_read_only'] === 'on'
}

function toBatched({ text, values }: BatchStatement): Statement {
  refuseSessionStatement(text)
  return { ...toStatement(text, values), asBytes: true }
}

function implicit(home: SingleHome, statements: readonly Statement[], text: string, options: BatchOptions): RoundTrip {
  const { effect = 'write', laneSettings: kept } = options
  // Behind a pooler nothing may be left on a connection.
  const given = home.pooler ? { ...options, settings: { ...kept, ...options.settings } } : options
  const local = settingsStatement(given, home.statementTimeoutMs, home.pooler)
  return {
    statements: local ? [local, ...statements] : statements,
    text,
    effect,
    settings: home.pooler ? asOpened : lanesOf(kept),
    mayShare: effect === 'read' && home.lanes.mayShare(text, true),
  }
}

function transaction(
  home: SingleHome,
  statements: readonly Statement[],
  text: string,
  options: BatchOptions,
): RoundTrip {
  const { effect = 'write', isolation, end = 'commit', laneSettings: kept = {} } = options
  checkIsolation(isolation)
  const level = isolation === undefined ? '' : ` isolation level ${isolation}`
  const local = settingsStatement({ ...options, settings: {} }, home.statementTimeoutMs, home.pooler)
  const settings = Object.entries({ ...options.settings, ...kept })
  const all = [
    { text: `begin${level}`, values: [] },
    ...(local ? [local] : []),
    ...(settings.length > 0 ? [setLocally(settings)] : []),
    ...statements,
    // What would fail at the COMMIT is to fail here too.
    ...(end === 'rollback' ? [{ text: 'set constraints all immediate', values: [] }] : []),
    { text: end, values: [] },
  ]
  return { statements: all, text, effect, settings: asOpened, mayShare: false, isTransaction: true }
}

/** PostgreSQL answers the COMMIT of a failed transaction with success and ROLLBACK. */
function checkEnd(last: StepAnswer | undefined, { end = 'commit' }: BatchOptions): void {
  if (last?.tag.toLowerCase() === end) return
  const message = `A batch was to end with ${end}, and PostgreSQL answered ${last?.tag ?? 'nothing'}.`
  throw new PlinthError('TransactionAborted', message, { phase: 'commit', outcome: 'not applied' })
}

/** Callers give the same object again for the same settings. */
const known = new WeakMap<object, LaneSettings>()

function lanesOf(given: Readonly<Record<string, string>> | undefined): LaneSettings {
  if (given === undefined) return asOpened
  const settings = known.get(given) ?? laneSettings(given)
  known.set(given, settings)
  return settings
}

function toBatchAnswer({ columns, byteRows: rows, rowCount }: StepAnswer): BatchAnswer {
  return { columns, rows, rowCount }
}
