import type { Hub } from '@plinth/hub'
import type { Embedded } from 'plinth/embedded'
import { bold, columns, count, dim, shortPath } from '../terminal/text.ts'
import type { Content } from './content.ts'
import type { CurlLines } from './curl.ts'
import type { LoadedContent } from './loaded-content.ts'
import type { FoundTable } from './tables.ts'

export interface Running {
  readonly content: Content
  readonly server: Pick<Embedded, 'url' | 'dataDir'>
  readonly hub: Pick<Hub, 'url' | 'adminUrl'>
  readonly loaded: LoadedContent
  readonly tables: readonly FoundTable[]
  /** By service. */
  readonly keys: Readonly<Record<string, string>>
  readonly curl: CurlLines | undefined
  readonly ms: number
}

/** Everything somebody needs who has just started it, and nothing twice. */
export function announcement(running: Running): string {
  const { content, keys, curl, ms, tables, loaded } = running
  const parts = [
    `${bold('Plinth is running')}, ready in ${(ms / 1000).toFixed(1)} s.`,
    columns(places(running)),
    ...notices(loaded, content, running.server.dataDir),
    ...content.services.map((service) => describeService(service, keys[service] ?? '', tables)),
    curl
      ? `${dim('Read:')}\n${curl.read}\n\n${dim('Write:')}\n${curl.write}`
      : 'There is no table yet with a key, a row and a text to make an example of.',
    dim('Ctrl-C stops everything.'),
  ]
  return `\n${parts.join('\n\n')}\n`
}

function places({ server, hub, loaded, content }: Running): string[][] {
  const { username, host, pathname } = new URL(server.url)
  const folder = shortPath(server.dataDir)
  const since = loaded.isNew ? `made now from ${content.source}` : `kept since ${day(loaded.loadedAt)}`
  return [
    ['Hub', hub.url ?? ''],
    ['Admin', `${hub.adminUrl ?? ''}/ready`],
    ['PostgreSQL', `postgres://${username}@${host}${pathname}`],
    ['', `its password is in ${folder}/password`],
    ['Folder', `${folder}, ${since}`],
  ]
}

function notices({ isCurrent, passed }: LoadedContent, { source }: Content, dataDir: string): string[] {
  const folder = shortPath(dataDir)
  return [
    ...(passed.length === 0 ? [] : [`Passed over, because only psql knows it: ${passed.join('; ')}.`]),
    ...(isCurrent || source === 'the sample'
      ? []
      : [`${source} has changed since it was loaded. To load it anew, stop this, then: rm -r '${folder}'`]),
  ]
}

/** More tables than fit a screen are no help at a prompt. */
const shownTables = 30

function describeService(service: string, key: string, tables: readonly FoundTable[]): string {
  const own = tables.filter(({ readers }) => readers.includes(service))
  const numbers = own.map(({ rows }) => count(rows))
  const width = Math.max(0, ...numbers.map((text) => text.length))
  const list = own.map(({ relation: { schema, name } }, i) => [
    schema === 'public' ? name : `${schema}.${name}`,
    `${(numbers[i] ?? '').padStart(width)} rows`,
  ])
  const more = list.length > shownTables ? [`  and ${list.length - shownTables} more tables`] : []
  const tableLines = list.length === 0 ? ['  no table'] : [columns(list.slice(0, shownTables)), ...more]
  return [`Service ${bold(service)}, key ${key}`, ...tableLines].join('\n')
}

function day(date: Date): string {
  return date.toISOString().slice(0, 16).replace('T', ' ')
}
