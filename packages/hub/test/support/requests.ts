import fc from 'fast-check'

/**
 * A request with holes where its sender writes values: `‹int›`, `‹text›`. Filled twice with different values it is two
 * requests of one shape.
 */
export interface Template {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
}

/** Fills the holes; every value that is text holds `marker`. */
export function fill(template: Template, marker: string, number: number): Template {
  const hostile = `${marker}'"\\;--/*$1`
  const inUrl = (text: string): string =>
    text
      .replaceAll('‹int›', String(number))
      .replaceAll('‹text›', encodeURIComponent(`"${hostile.replaceAll(/["\\]/g, '\\$&')}"`))
  const inJson = (text: string): string =>
    text.replaceAll('‹int›', String(number)).replaceAll('‹text›', JSON.stringify(hostile).slice(1, -1))
  return {
    method: template.method,
    path: inUrl(template.path),
    headers: template.headers,
    body: template.body && inJson(template.body),
  }
}

/** One of `right`, and now and then one of `wrong`. */
function mostly(right: readonly string[], wrong: readonly string[]): fc.Arbitrary<string> {
  return fc.oneof({ weight: 25, arbitrary: fc.constantFrom(...right) }, fc.constantFrom(...wrong))
}

const relations = ['users', 'notes', 'pairs', 'adults', 'owned', 'half', 'invoices', encodeURIComponent('odd "table')]
const functions = ['add', 'older_than', 'ids', 'first_user', 'one_column', 'touch', 'echo', 'total', 'nothing', 'twins']
const columns = 'id name email age active balance joined tags extra author body a b'.split(' ')
const oddNames = ['"a.b"', '"we ird"', '__proto__', '"__proto__"', 'constructor', 'ünï', 'unknown', '', '"', '*', '""']

const name = mostly(columns, oddNames)
const step = mostly(['->k', '->>k', '->0', '->>"a b"', '->‹int›'], ['->>-1', '->', '->>'])
const path = fc.array(step, { minLength: 1, maxLength: 3 }).map((steps) => steps.join(''))
const field = fc.oneof(
  { weight: 6, arbitrary: name },
  fc.tuple(fc.constantFrom('extra', 'tags', 'id'), path).map((parts) => parts.join('')),
)
const cast = mostly(['', '', '', '', '::text', '::int', '::text[]'], ['::unknown', '::', '::"int4"'])
const aggregate = mostly(['', '', '', '', '', '.sum()', '.max()::text', '.count()'], ['.unknown()', '.avg('])
const alias = mostly(['', '', '', 'other:', 'a b:', '"x:y":'], [':'])
const embedded = mostly(['users', 'notes', 'author', 'notes_author_fkey'], ['adults', 'unknown', ''])
const hint = mostly(['', '', '!inner', '!left', '!author', '!notes_author_fkey!inner'], ['!', '!unknown'])
const spread = fc.constantFrom('', '', '', '...')

const { select } = fc.letrec<{ select: string; output: string }>((tie) => ({
  output: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.tuple(alias, field, cast, aggregate, cast).map((parts) => parts.join('')),
    mostly(['*', 'count()', 'n:count()::text'], ['']),
    fc.tuple(spread, alias, embedded, hint, tie('select')).map(([s, a, e, h, inside]) => `${s}${a}${e}${h}(${inside})`),
  ),
  select: fc.array(tie('output'), { maxLength: 3 }).map((outputs) => outputs.join(',')),
}))

const operator = mostly(
  [
    ...'eq neq gt gte lt lte like ilike match imatch isdistinct cs cd ov sl sr nxr nxl adj fts wfts not.eq'.split(' '),
    ...['eq(any)', 'like(all)', 'plfts(english)'],
  ],
  ['phfts(‹text›)', 'unknown', '', 'not.not.eq'],
)
const value = mostly(['‹int›', '‹int›', '‹text›', '{‹int›}', '{}'], ['[1,2)', '{"k":1}', ''])
const listed = fc.array(mostly(['‹int›', '‹text›'], ['null', '', 'a b', '"']), { minLength: 1, maxLength: 4 })
const test = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(operator, value).map((parts) => parts.join('.')) },
  { weight: 2, arbitrary: listed.map((values) => `in.(${values.join(',')})`) },
  mostly(['is.null', 'not.is.null', 'is.true', 'is.not_null'], ['is.unknown', 'is.other', 'in.', 'in.(‹int›', 'eq']),
)
const at = mostly(['', '', '', '', 'notes.', 'users.', 'users.notes.'], ['unknown.', '.'])

const { tree } = fc.letrec<{ tree: string; member: string }>((tie) => ({
  member: fc.oneof(
    { depthSize: 'small' },
    fc.tuple(field, test).map(([column, tested]) => `${column}.${tested}`),
    fc.tuple(mostly(['and', 'or', 'not.and'], ['not', '']), tie('tree')).map((parts) => parts.join('')),
  ),
  tree: fc.array(tie('member'), { minLength: 1, maxLength: 3 }).map((members) => `(${members.join(',')})`),
}))

const term = fc
  .tuple(
    fc.oneof({ weight: 6, arbitrary: field }, fc.constantFrom('users(name)', 'author(id)', 'notes(id)')),
    mostly(['', '.asc', '.desc', '.desc.nullslast'], ['.unknown', '.']),
  )
  .map((parts) => parts.join(''))
const terms = fc.array(term, { minLength: 1, maxLength: 3 }).map((all) => all.join(','))
const whole = mostly(['‹int›', '0'], ['-1', '1e9', '99999999999999999999', 'ten', ''])

const parameter = fc.oneof(
  { weight: 4, arbitrary: select.map((text) => `select=${text}`) },
  { weight: 4, arbitrary: fc.tuple(at, field, test).map(([where, column, tested]) => `${where}${column}=${tested}`) },
  {
    weight: 2,
    arbitrary: fc.tuple(at, fc.constantFrom('or', 'and', 'not.or'), tree).map(([w, k, t]) => `${w}${k}=${t}`),
  },
  { weight: 2, arbitrary: fc.tuple(at, terms).map(([where, text]) => `${where}order=${text}`) },
  fc.tuple(at, fc.constantFrom('limit', 'offset'), whole).map(([where, key, text]) => `${where}${key}=${text}`),
  fc.constantFrom('columns=name', 'columns=name,age', 'on_conflict=id', 'on_conflict=email'),
  fc.constantFrom('a=‹int›', 'years=‹int›', 'data={}', 'list={‹int›}', 'list=‹int›', 'note=‹text›'),
  fc.tuple(embedded, fc.constantFrom('is.null', 'not.is.null')).map((parts) => parts.join('=')),
)

const row = mostly(
  [
    '{"name":"‹text›"}',
    '[{"name":"‹text›","age":‹int›},{"name":"x","age":null}]',
    '{"id":‹int›,"name":"‹text›"}',
    '{"body":"‹text›","author":1}',
    '{"a":‹int›}',
    '{"a":‹int›,"b":2,"label":"‹text›"}',
    '{"note":"‹text›"}',
    '{"years":‹int›}',
    '{"list":[‹int›,2]}',
    '{"age":12345678901234567890}',
    '{"name":{"k":["‹text›"]}}',
    'name,age\n"‹int›",‹int›',
    'a=‹int›&b=2',
  ],
  [
    ...['{}', '[]', '{"unknown":1}', '[1]', 'null', '{', '', '{"name":1e400}', '{"__proto__":1}'],
    ...['{"name":"\\ud800"}', '{"name":"\\u0000"}', '"‹text›"', '[[]]'],
  ],
)
const preference = mostly(
  [
    ...['return=representation', 'return=minimal', 'return=headers-only', 'handling=strict', 'tx=rollback'],
    ...['count=exact', 'count=planned', 'count=estimated', 'resolution=merge-duplicates', 'missing=default'],
    ...['resolution=ignore-duplicates', 'max-affected=1', 'timezone=Europe/Paris'],
  ],
  ['max-affected=x', 'timezone=Mars', 'unknown', ''],
)
const sentHeaders = fc
  .record(
    {
      accept: mostly(
        [
          ...['application/json', '*/*', 'text/csv', 'application/vnd.pgrst.object+json'],
          'application/vnd.pgrst.array+json;nulls=stripped',
        ],
        ['x/y', '', 'text/csv;q=0.1, */*;q=0', 'text/plain', 'application/octet-stream'],
      ),
      prefer: fc.array(preference, { maxLength: 3 }).map((parts) => parts.join(', ')),
      range: mostly(['0-1', '1-'], ['5-2', 'x', '0-99999999999999999999']),
      'content-type': mostly(
        ['application/json', 'application/json', 'text/csv', 'application/x-www-form-urlencoded'],
        ['text/plain', 'application/octet-stream', 'text/xml', 'application/json; charset=latin1', ''],
      ),
      'accept-profile': mostly(['public'], ['unknown']),
      'content-profile': mostly(['public'], ['unknown']),
    },
    { requiredKeys: [] },
  )
  .map((given): Readonly<Record<string, string>> => given)

const target = fc.oneof(
  { weight: 16, arbitrary: fc.constantFrom(...relations) },
  { weight: 8, arbitrary: fc.constantFrom(...functions).map((one) => `rpc/${one}`) },
  fc.constantFrom('', 'rpc', 'rpc/', 'unknown', 'users/1', '%00', '%ff', 'rpc/unknown', '-/unknown', '..', 'pg_class'),
)
const method = fc.oneof(
  { weight: 12, arbitrary: fc.constant('GET') },
  { weight: 8, arbitrary: fc.constantFrom('POST', 'PATCH', 'DELETE') },
  fc.constantFrom('PUT', 'HEAD', 'OPTIONS', 'BREW'),
)

/** Requests of the dialect, most of them nearly right, and wrong now and then in every place a sender can write. */
export const templates: fc.Arbitrary<Template> = fc
  .record({ method, target, parameters: fc.array(parameter, { maxLength: 3 }), headers: sentHeaders, body: row })
  .map((drawn) => ({
    method: drawn.method,
    path: `/${drawn.target}${drawn.parameters.length === 0 ? '' : `?${drawn.parameters.map(encoded).join('&')}`}`,
    headers: drawn.headers,
    body: drawn.method === 'GET' || drawn.method === 'HEAD' ? undefined : drawn.body,
  }))

/** Encodes what no URL holds as it is, and leaves the holes. */
function encoded(text: string): string {
  return text.replaceAll(/[^‹›\w=.,:()!*{}[\]<>@~|-]/g, (character) => encodeURIComponent(character))
}
