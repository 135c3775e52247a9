/** What a statement of drizzle-kit does to rows that are there. */
export type StatementEffect =
  | { readonly kind: 'type change'; readonly table: string; readonly column: string; readonly change: string }
  | { readonly kind: 'new column'; readonly table: string; readonly column: string; readonly definition: string }
  | { readonly kind: 'not null'; readonly table: string; readonly column: string }
  | { readonly kind: 'drop column'; readonly table: string; readonly column: string }
  | { readonly kind: 'drop table'; readonly table: string }
  | { readonly kind: 'add identity' }
  | { readonly kind: 'drop type' }
  | { readonly kind: 'drop constraint'; readonly table: string; readonly constraint: string }
  /** `VIEW`, `MATERIALIZED VIEW` or `INDEX`. */
  | { readonly kind: 'drop object'; readonly type: string; readonly object: string }
  | { readonly kind: 'other' }

const name = String.raw`(?:"[^"]+"\.)?"[^"]+"`
const column = '"[^"]+"'

const forms: readonly (readonly [RegExp, (table: string, column: string, rest: string) => StatementEffect])[] = [
  [
    new RegExp(`^ALTER TABLE (${name}) ALTER COLUMN (${column}) (SET DATA TYPE .+?)(?: USING .+)?;$`, 's'),
    (table, column, change) => ({ kind: 'type change', table, column, change }),
  ],
  [
    new RegExp(`^ALTER TABLE (${name}) ADD COLUMN (${column}) (.+);$`, 's'),
    (table, column, definition) => ({ kind: 'new column', table, column, definition }),
  ],
  [
    new RegExp(`^ALTER TABLE (${name}) ALTER COLUMN (${column}) SET NOT NULL;$`),
    (table, column) => ({ kind: 'not null', table, column }),
  ],
  [
    new RegExp(`^ALTER TABLE ${name} ALTER COLUMN ${column} ADD GENERATED [A-Z ]+ AS IDENTITY`),
    () => ({ kind: 'add identity' }),
  ],
  [
    new RegExp(`^ALTER TABLE (${name}) DROP COLUMN (${column});$`),
    (table, column) => ({ kind: 'drop column', table, column }),
  ],
  [new RegExp(`^DROP TABLE (${name});$`), (table) => ({ kind: 'drop table', table })],
  [/^DROP TYPE /, () => ({ kind: 'drop type' })],
  [
    new RegExp(`^ALTER TABLE (${name}) DROP CONSTRAINT (${column});$`),
    (table, constraint) => ({ kind: 'drop constraint', table, constraint }),
  ],
  [
    new RegExp(`^DROP (VIEW|MATERIALIZED VIEW|INDEX) (${name});$`),
    (type, object) => ({ kind: 'drop object', type, object }),
  ],
]

/** Tables and columns are quoted, as the statement has them. */
export function effectOf(statement: string): StatementEffect {
  for (const [form, effect] of forms) {
    const found = form.exec(statement)
    if (found !== null) return effect(found[1] ?? '', found[2] ?? '', found[3] ?? '')
  }
  return { kind: 'other' }
}

/** True for one that a table with rows refuses. */
export function isRequired(definition: string): boolean {
  const words = definition.replace(quoted, `''`)
  return / NOT NULL\b/.test(words) && !/ (?:DEFAULT|GENERATED)\b/.test(words) && !/^\w*serial\b/.test(words)
}

/** The words NOT NULL may also stand in a literal or a name, which stays as it is. */
export function withoutNotNull(definition: string): string {
  return definition.replace(quotedOrNotNull, (found) => (found === ' NOT NULL' ? '' : found))
}

const quoted = /'(?:[^']|'')*'|"[^"]*"/g
const quotedOrNotNull = new RegExp(`${quoted.source}| NOT NULL\\b`, 'g')

/** `users.name` of `"users"` and `"name"`, as answers write it. */
export function plainName(table: string, column?: string): string {
  const [schema, ...path] = pathOf(table, column)
  return (schema === 'public' ? path : [schema, ...path]).join('.')
}

/** `['public', 'users', 'name']` of the same. */
export function pathOf(table: string, column = ''): string[] {
  const inTable = partsOf(table)
  return [...(inTable.length === 1 ? ['public'] : []), ...inTable, ...partsOf(column)]
}

function partsOf(quoted: string): string[] {
  return [...quoted.matchAll(/"([^"]+)"/g)].flatMap(([, part]) => part ?? [])
}
