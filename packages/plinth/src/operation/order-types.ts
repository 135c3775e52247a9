/** A direction; nulls are the largest value unless said otherwise, so `asc` puts them last and `desc` first. */
export type Direction = 'asc' | 'desc' | 'asc nulls first' | 'asc nulls last' | 'desc nulls first' | 'desc nulls last'

/** `['title', { createdAt: 'desc' }]`: each item a column, or one column with its direction. */
export type OrderBy<Row> = readonly ((keyof Row & string) | { readonly [K in keyof Row]?: Direction })[]
