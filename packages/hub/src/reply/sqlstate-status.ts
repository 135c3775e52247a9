/** PostgREST's table from SQLSTATE to HTTP status; a full code goes before its class, its first two characters. */
const statuses: ReadonlyMap<string, number> = new Map([
  ['08', 503],
  ['09', 500],
  ['0L', 403],
  ['0P', 403],
  ['21000', 500],
  ['23503', 409],
  ['23505', 409],
  ['25006', 405],
  ['25', 500],
  ['28', 403],
  ['2D', 500],
  ['38', 500],
  ['39', 500],
  ['3B', 500],
  ['40', 500],
  ['53400', 500],
  ['53', 503],
  ['54', 500],
  ['55', 500],
  ['57P01', 503],
  ['57', 500],
  ['58', 500],
  ['F0', 500],
  ['HV', 500],
  ['P0001', 400],
  ['P0', 500],
  ['XX', 500],
  ['42883', 404],
  ['42P01', 404],
  ['42P17', 500],
])

/** `message` decides where PostgREST looks at it; `isAnonymous` makes a missing grant a missing login. */
export function statusOf(sqlstate: string, message: string, isAnonymous: boolean): number {
  if (sqlstate === '42501') return isAnonymous ? 401 : 403
  if (sqlstate === '22023' && /^role .* does not exist$/.test(message)) return 401
  if (sqlstate === '21000' && message.endsWith('requires a WHERE clause')) return 400
  const raised = /^PT([2-5]\d\d)$/.exec(sqlstate)
  if (raised !== null) return Number(raised[1])
  if (sqlstate.startsWith('PT')) return 500
  return statuses.get(sqlstate) ?? statuses.get(sqlstate.slice(0, 2)) ?? 400
}
