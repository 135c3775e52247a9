import { LRUCache } from 'lru-cache'
import type { Catalog } from 'plinth/operation'
import type { Dialect } from '../dialect.ts'
import type { Executor } from '../execution/execute.ts'
import { tell } from '../execution/session-settings.ts'
import { type HubRequest, pathOf, type TextReply } from '../http/exchange.ts'
import type { Caller } from '../identity/caller.ts'
import { schemaNamed } from '../postgrest/envelope.ts'
import { parseAccept } from '../postgrest/media-type.ts'
import { methodNotSupported, noMediaType, noRootDocument } from '../postgrest/refusals.ts'
import { showAll, writeDocument } from './document.ts'
import { readPrivileges } from './privileges.ts'

/** Of the documents that are kept; of 2,000 tables one takes about 5 MB. */
const MOST_BYTES = 67_108_864
/** A right that was granted or revoked shows after this time, or with the next catalog. */
const KEPT_MS = 60_000

const offered: ReadonlyMap<string, string> = new Map([
  ['*/*', 'application/openapi+json'],
  ['application/*', 'application/openapi+json'],
  ['application/openapi+json', 'application/openapi+json'],
  ['application/json', 'application/json'],
])

export type AnswerRoot = (request: HubRequest, caller: Caller, catalog: Catalog) => Promise<TextReply>

/** Whether a request is for the document. Where a function answers at the root, none is; OPTIONS has its own answer. */
export function isForDocument(request: HubRequest, { rootFunction }: Dialect): boolean {
  return request.method !== 'OPTIONS' && rootFunction === undefined && pathOf(request) === '/'
}

/** Answers with the OpenAPI document, made when it is first asked for, by role and schema. */
export function createRoot(executor: Executor): AnswerRoot {
  const { database, dialect } = executor
  const kept = new LRUCache<string, string>({
    maxSize: MOST_BYTES,
    sizeCalculation: (document) => document.length,
    ttl: KEPT_MS,
  })
  const making = new Map<string, Promise<string>>()
  const versions = new WeakMap<Catalog, number>()
  let version = 0

  const versionOf = (catalog: Catalog): number => {
    const known = versions.get(catalog) ?? ++version
    versions.set(catalog, known)
    return known
  }

  async function make(key: string, catalog: Catalog, schema: string, caller: Caller): Promise<string> {
    const shown =
      dialect.openApi === 'ignore-privileges'
        ? showAll(catalog, schema)
        : await readPrivileges(database, caller, schema)
    const hasSecurity = dialect.hasOpenApiSecurity || !dialect.isPostgrest
    const document = await writeDocument(catalog, schema, shown, { url: dialect.openApiUrl, hasSecurity })
    kept.set(key, document)
    return document
  }

  return async (request, caller, catalog) => {
    if (dialect.openApi === 'disabled') throw noRootDocument()
    const isHead = request.method === 'HEAD'
    if (request.method !== 'GET' && !isHead) throw methodNotSupported(request.method)
    const type = acceptedType(request.headers.get('accept'))
    const schema = schemaNamed(request.headers.get('accept-profile'), catalog.schemas) ?? catalog.schemas[0] ?? ''
    await checkRole(executor, { request, caller, schema })
    const role = caller.kind === 'owner' ? ['owner'] : ['role', caller.role]
    const key = JSON.stringify([versionOf(catalog), schema, ...role])
    const document = kept.get(key) ?? (await joined(making, key, () => make(key, catalog, schema, caller)))
    return {
      status: 200,
      headers: { 'content-type': `${type}; charset=utf-8`, vary: 'Accept, Accept-Profile, Authorization' },
      body: isHead ? '' : document,
    }
  }
}

interface Asking {
  readonly request: HubRequest
  readonly caller: Caller
  readonly schema: string
}

/**
 * As in front of any other request: the hub must be able to take the role, or a token that names another one would be
 * shown what that one may use, and the pre-request function may refuse.
 */
async function checkRole({ database, dialect, timeoutMs, settings }: Executor, asking: Asking): Promise<void> {
  const { caller, request, schema } = asking
  const form = { schema, settings: { transaction_read_only: 'on' } }
  const { options, before } = tell({ caller, request, form }, { use: await settings.get(), dialect, timeoutMs })
  const runsCode = before.length > 0
  await database.batch([...before, { text: 'select', values: [] }], { ...options, runsCode, effect: 'read' })
}

/** Callers of the same document at the same time wait for one. */
function joined(making: Map<string, Promise<string>>, key: string, make: () => Promise<string>): Promise<string> {
  const before = making.get(key)
  if (before) return before
  const document = make().finally(() => making.delete(key))
  making.set(key, document)
  return document
}

/** The best of the header that there is. */
function acceptedType(accept: string | undefined): string {
  const wanted = parseAccept(accept)
  const type = wanted.map((one) => offered.get(one.split(';', 1)[0] ?? '')).find((found) => found !== undefined)
  if (type === undefined) throw noMediaType(wanted.join(', '))
  return type
}
