import type { Call, Json, Row } from 'plinth'
import { type Catalog, type CatalogFunction, type CatalogRelation, findRelation } from 'plinth/operation'
import { isFilter } from '../query/filter.ts'
import { isReserved, type Parameters, parseParameters } from '../query/parameters.ts'
import { limitedTo, parseRange, type Range } from '../query/range.ts'
import { spendNode } from '../query/scanner.ts'
import type { Scope } from '../query/scope.ts'
import type { Parameter } from '../query/url.ts'
import { argumentOfBody, argumentsOfJson, argumentsOfText, chooseFunction } from './arguments.ts'
import type { Asked, Form } from './asked.ts'
import { type ContentType, readContentType } from './content-type.ts'
import { parseCsv } from './csv.ts'
import { allowedRows, type Envelope } from './envelope.ts'
import type { Given } from './given.ts'
import { hoistedSettings } from './hoisted-settings.ts'
import { decodeText, isObject, parseJson } from './json.ts'
import { negotiate } from './media-type.ts'
import { checkSameKeys } from './payload.ts'
import { countlessFunction, invalidBody, methodNotForFunction } from './refusals.ts'
import { parseForm } from './request-body.ts'

/** A call of `/rpc/name`: arguments as parameters (GET, read-only) or in the body (POST). */
export function readFunctionRequest(envelope: Envelope, name: string, catalog: Catalog): Asked {
  const { method } = envelope.request
  if (method !== 'GET' && method !== 'HEAD' && method !== 'POST') throw methodNotForFunction(method)
  const read = method === 'POST' ? readBody(envelope) : readParameters(envelope)
  const chosen = chooseFunction(catalog, envelope.schema, name, read.given)
  const asked = parseParameters(read.filters, scopeOf(chosen, envelope, catalog), envelope.budget)
  const header = method === 'GET' ? envelope.request.headers.get('range') : undefined
  const range = parseRange(asked.limit, asked.offset, header)
  return {
    operation: {
      kind: 'call',
      target: { schema: chosen.schema, name },
      ...read.argumentsFor(chosen),
      ...resultOf(chosen, asked, range),
    },
    form: callForm(envelope, chosen, asked, range, catalog),
  }
}

/** What of a request goes to the function, once it is known which. */
interface ReadCall {
  readonly given: Given
  readonly argumentsFor: (chosen: CatalogFunction) => Pick<Call, 'args' | 'types' | 'variadic'>
  readonly filters: readonly Parameter[]
}

/** A value that begins like a filter is one, as PostgREST has it; such text can be given to a function by POST. */
function isArgument({ name, value }: Parameter): boolean {
  return !isReserved(name) && !isFilter(value)
}

function readParameters({ target, budget }: Envelope): ReadCall {
  const pairs = target.parameters.filter(isArgument).map(({ name, value }) => [name, value] as const)
  for (const _pair of pairs) spendNode(budget)
  return {
    given: { names: namesOf(pairs) },
    argumentsFor: (chosen) => argumentsOfText(chosen, pairs),
    filters: target.parameters.filter((parameter) => !isArgument(parameter)),
  }
}

function readBody(envelope: Envelope): ReadCall {
  const { request, target, dialect } = envelope
  const body = readContentType(request.headers.get('content-type'), dialect.isPostgrest)
  const filters = target.parameters
  switch (body) {
    case 'json':
    case 'csv':
      return { ...readObject(envelope, body), filters }
    case 'form': {
      const pairs = parseForm(request.body, envelope.limits)
      return { given: { names: namesOf(pairs) }, argumentsFor: (chosen) => argumentsOfText(chosen, pairs), filters }
    }
    default: {
      const text = body === 'bytes' ? `\\x${Buffer.from(request.body).toString('hex')}` : decodeText(request.body)
      return { given: { names: [], body }, argumentsFor: (chosen) => argumentOfBody(chosen, text), filters }
    }
  }
}

/** The names of an object, or of the first of a list, are those of the arguments. */
function readObject({ request, limits, target }: Envelope, body: ContentType): Omit<ReadCall, 'filters'> {
  const text = request.body.length === 0 ? '{}' : decodeText(request.body)
  const value =
    body === 'csv' ? parseCsv(text, limits) : request.body.length === 0 ? {} : parseJson(request.body, limits)
  const columns = target.parameters.find(({ name }) => name === 'columns')?.value.split(',')
  const row = firstRow(value)
  return {
    given: { names: (columns ?? Object.keys(row)).toSorted(), body },
    argumentsFor: (chosen) => {
      const isWhole = chosen.args.length === 1 && chosen.args[0]?.name === ''
      if (isWhole) return argumentOfBody(chosen, text)
      return argumentsOfJson(chosen, columns === undefined ? row : only(row, columns))
    },
  }
}

function firstRow(value: Json): Row {
  if (!Array.isArray(value)) return isObject(value) ? value : {}
  const rows: readonly Row[] = value.filter(isObject)
  if (rows.length < value.length) throw invalidBody('All object keys must match')
  checkSameKeys(rows)
  return rows[0] ?? {}
}

function only(row: Row, names: readonly string[]): Row {
  return Object.fromEntries(names.map((name) => [name, Object.hasOwn(row, name) ? (row[name] ?? null) : null]))
}

function namesOf(pairs: readonly (readonly [string, string])[]): readonly string[] {
  return [...new Set(pairs.map(([name]) => name))].toSorted()
}

function scopeOf({ name, returns }: CatalogFunction, { schema, dialect }: Envelope, catalog: Catalog): Scope {
  const relation = rowsOf(returns, catalog)
  return {
    catalog,
    ...(relation && { relation }),
    ...(returns.columns && { columns: returns.columns }),
    name: relation?.name ?? name,
    schema,
    hasAggregates: dialect.hasAggregates,
  }
}

function rowsOf({ relation }: CatalogFunction['returns'], catalog: Catalog): CatalogRelation | undefined {
  return relation && findRelation(catalog, relation.name, relation.schema)
}

type CallResult = Pick<Call, 'columns' | 'where' | 'order' | 'limit' | 'offset' | 'result'>

function resultOf(chosen: CatalogFunction, asked: Parameters, range: Range): CallResult {
  const { returns } = chosen
  if (returns.kind === 'void') return { result: 'none' }
  const { limit, offset } = range
  return {
    ...(asked.select === 'all' || isScalar(chosen) ? {} : { columns: asked.select }),
    ...(asked.where && { where: asked.where }),
    ...(asked.order && { order: asked.order }),
    ...(limit === undefined ? {} : { limit }),
    ...(offset === 0 ? {} : { offset }),
    result: returns.isSet ? 'rows' : returns.kind === 'scalar' ? 'value' : 'row',
  }
}

/** A record of no known columns is read as one value too. */
function isScalar({ returns }: CatalogFunction): boolean {
  return returns.kind === 'scalar' || (returns.relation === undefined && returns.columns === undefined)
}

function callForm(
  envelope: Envelope,
  chosen: CatalogFunction,
  asked: Parameters,
  range: Range,
  catalog: Catalog,
): Form {
  const { form, preferences, dialect } = envelope
  const { isSet, kind } = chosen.returns
  const { maxAffected, handling } = preferences
  if (!isSet && handling === 'strict' && maxAffected !== undefined) throw countlessFunction()
  const accepted = acceptResult(envelope, chosen, asked, catalog)
  return {
    ...form,
    ...accepted,
    ...(isSet ? { ...allowedRows(accepted.isSingular, preferences), ...limitedTo(range, dialect) } : {}),
    verb: 'call',
    isSet,
    isScalar: isScalar(chosen),
    body: kind === 'void' ? 'none' : 'full',
    applied: { ...form.applied, ...(maxAffected === undefined ? {} : { maxAffected }) },
    settings: {
      ...form.settings,
      // What is declared to write nothing is held to it.
      ...(chosen.volatility === 'volatile' ? {} : { transaction_read_only: 'on' }),
      ...hoistedSettings(chosen),
    },
  }
}

function acceptResult(
  envelope: Envelope,
  { returns }: CatalogFunction,
  { select }: Parameters,
  catalog: Catalog,
): ReturnType<typeof negotiate> {
  const row = rowsOf(returns, catalog)
  const { mediaType, isBytes } = returns
  return negotiate(envelope.accepts, {
    own: select === 'all' ? (row?.handlers ?? []) : [],
    ...(row && { row: { schema: row.schema, name: row.name } }),
    any: catalog.handlers,
    ...(mediaType === undefined ? {} : { raw: { mediaType, of: isBytes ? 'bytea' : 'text' } }),
  })
}
