import { type Database, sql } from 'plinth'
import type { CatalogRelation } from 'plinth/operation'
import type { FoundTable } from './tables.ts'

export interface CurlLines {
  readonly read: string
  readonly write: string
}

/** Reads the posts people like best, and writes a comment. */
export function sampleCurl(url: string, key: string): CurlLines {
  const read = '/blogs?select=id,title,likes,published_at&tags=not.is.null&likes=gte.400&order=likes.desc,id&limit=3'
  const body = { blog_id: 1, author_id: 7, body: 'Written with curl.' }
  return {
    read: curlLine(url + read, key),
    write: curlLine(`${url}/comments`, key, [...returning, `-d '${shellJson(body)}'`]),
  }
}

const returning = ["-H 'Content-Type: application/json'", "-H 'Prefer: return=representation'"]

/**
 * The same for tables nobody here knows: a read by key, and a write that sets a text to what it is already, so that
 * pasting it changes nothing. Undefined where no table has a key, a row and a text.
 */
export async function curlFor(
  database: Database,
  tables: readonly FoundTable[],
  url: string,
  key: string,
): Promise<CurlLines | undefined> {
  for (const { relation } of tables.filter(({ rows }) => rows > 0)) {
    const text = writableText(relation)
    if (relation.schema !== 'public' || relation.primaryKey.length === 0 || text === undefined) continue
    const row = await firstRow(database, relation, text)
    if (row !== undefined) return linesOf(relation, text, row, url, key)
  }
  return undefined
}

function writableText({ columns, primaryKey }: CatalogRelation): string | undefined {
  const texts = [...columns.values()].filter(
    ({ type, isGenerated }) => /^(?:text|character)/.test(type) && !isGenerated,
  )
  return texts.find(({ name }) => !primaryKey.includes(name))?.name
}

type TextRow = Readonly<Record<string, string | null>>

async function firstRow(database: Database, relation: CatalogRelation, text: string): Promise<TextRow | undefined> {
  const names = [...relation.primaryKey, text]
  const outputs = names.map((name) => sql`${sql.name(name)}::text as ${sql.name(name)}`)
  const list = outputs.reduce((left, right) => sql`${left}, ${right}`)
  const keys = relation.primaryKey.map((name) => sql.name(name)).reduce((left, right) => sql`${left}, ${right}`)
  const table = sql.name(relation.schema, relation.name)
  const { rows } = await database.query<TextRow>(
    sql`select ${list} from ${table} as t where ${sql.name(text)} is not null order by ${keys} limit 1`,
  )
  return rows[0]
}

function linesOf(relation: CatalogRelation, text: string, row: TextRow, url: string, key: string): CurlLines {
  const path = `/${encode(relation.name)}`
  const keys = relation.primaryKey.map((name) => [encode(name), encode(row[name] ?? '')] as const)
  const columns = [...relation.primaryKey, text].map(encode).join(',')
  const [name, value] = keys[0] ?? ['', '']
  const where = keys.map(([column, equal]) => `${column}=eq.${equal}`).join('&')
  const read = `${path}?select=${columns}&${name}=gte.${value}&order=${name}.desc&limit=3`
  const body = shellJson({ [text]: row[text] ?? null })
  return {
    read: curlLine(url + read, key),
    write: curlLine(`${url}${path}?${where}`, key, ['-X PATCH', ...returning, `-d '${body}'`]),
  }
}

export function curlLine(url: string, key: string, options: readonly string[] = []): string {
  return ['curl', `'${url}'`, `-H 'Authorization: Bearer ${key}'`, ...options].join(' ')
}

/** Safe between single quotes of a shell, which encodeURIComponent alone is not. */
export function encode(text: string): string {
  return encodeURIComponent(text).replaceAll("'", '%27')
}

function shellJson(value: unknown): string {
  return JSON.stringify(value).replaceAll("'", '\\u0027')
}
