import { PlinthError } from 'plinth'
import { defaultDialect } from './dialect.ts'
import { LargeAnswers } from './execution/large-answer.ts'
import { createGate } from './gate.ts'
import { fromFetch, toFetch } from './http/exchange.ts'
import { startServer, type Listening } from './http/server.ts'
import { type HubOptions, type NewSettings, plainOptions } from './hub-options.ts'
import { PublishedKeys } from './identity/key-source.ts'
import { type AdminSubject, startAdmin } from './operate/admin.ts'
import { shownSettings } from './operate/shown-settings.ts'
import { hearNotices } from './schema/change-notices.ts'
import { ruledColumns } from './validation/rules.ts'

export interface ListenOptions {
  /** Default 127.0.0.1. Elsewhere a superuser role is refused, the URL's or a configured one, unless it is allowed. */
  readonly host?: string
  /** 0 takes a free one. Default 4000. */
  readonly port?: number
}

export interface Hub extends AsyncDisposable {
  /** Answers a request without a socket, by the same steps as over one. Rejects only for a body that cannot be read. */
  handle(request: Request): Promise<Response>
  /** Connects the database, reads its catalog, and serves. Resolves to the address, as `url` then says it. */
  listen(options?: ListenOptions): Promise<string>
  /** Reads the catalog anew; requests go on with the old one until then. */
  reloadSchema(): Promise<void>
  /**
   * Puts new settings in place of the old ones, for the requests that come from then on; a request under way ends by
   * the old. Sizes and times of the socket stay as they were. Rejects with InvalidOption, and then nothing has changed.
   */
  reconfigure(settings: NewSettings): Promise<void>
  /** Undefined until the hub listens. */
  readonly url: string | undefined
  readonly adminUrl: string | undefined
  /** Takes no new request, lets running ones finish until the deadline, then cuts them off. Default 10,000. */
  close(options?: { readonly deadlineMs?: number }): Promise<void>
}

/**
 * Makes the gate in front of a database: PostgREST's dialect over HTTP, and `/-/run` for `connectHub`.
 *
 *     const hub = createHub({ database, anonymousRole: 'web' })
 *     await hub.listen({ port: 4000 })
 *
 * Throws InvalidOption.
 */
export function createHub(options: HubOptions): Hub {
  const { database, onFault = warn } = options
  const shared = { large: new LargeAnswers(), published: new PublishedKeys() }
  let gate = createGate(options, shared, onFault)
  const subject: AdminSubject = {
    database,
    isCatalogRead: () => gate.schema.isLoaded,
    config: () => ({
      ...shownSettings(plainOptions(gate.options)),
      validate: ruledColumns(gate.options.validate ?? {}),
    }),
    catalog: () => gate.schema.current,
  }
  let listensOn = '127.0.0.1'
  let server: Listening | undefined
  let admin: Listening | undefined
  let notices: AsyncDisposable | undefined

  /** An empty word means both, as does the silence of a connection that was lost. */
  function hear(payload: string): void {
    if (payload === '' || payload === 'reload schema') gate.schema.noteChanged()
    if (payload === '' || payload === 'reload config') options.onReloadSettings?.()
  }

  async function listen({ host = '127.0.0.1', port = 4000 }: ListenOptions = {}): Promise<string> {
    if (server !== undefined) throw new PlinthError('InvalidOption', `The hub already listens on ${server.url}.`)
    listensOn = host
    try {
      // First, so that whoever starts the hub can see it wait for the database.
      if (options.admin) admin = await startAdmin(options.admin, subject)
      await database.connect()
      const { channels } = { ...defaultDialect, ...options.dialect }
      notices = await hearNotices(database, { channels, hear, onFault })
      await gate.open(host)
      server = await startServer((request) => gate.handle(request), gate.limits, host, port)
    } catch (error) {
      await close()
      throw error
    }
    return server.url
  }

  async function reconfigure(settings: NewSettings): Promise<void> {
    const { admin: sameAdmin, allowSuperuser, onReloadSettings } = options
    const kept = { ...(sameAdmin && { admin: sameAdmin }), ...(allowSuperuser && { allowSuperuser }) }
    const fixed = { ...kept, ...(onReloadSettings && { onReloadSettings }), database, onFault }
    const next = createGate({ ...settings, ...fixed }, shared, onFault)
    await next.open(listensOn)
    gate = next
  }

  async function close({ deadlineMs = 10_000 }: { readonly deadlineMs?: number } = {}): Promise<void> {
    await server?.close(deadlineMs)
    await notices?.[Symbol.asyncDispose]()
    await admin?.close(0)
    server = undefined
    notices = undefined
    admin = undefined
  }

  return {
    handle: async (request) => toFetch(await gate.handle(await fromFetch(request, gate.limits.bodyBytes))),
    listen,
    reloadSchema: async () => void (await gate.schema.reload()),
    reconfigure,
    get url() {
      return server?.url
    },
    get adminUrl() {
      return admin?.url
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error))
}
