import type { CatalogFunction, CatalogRelation } from 'plinth/operation'
import type { Dialect } from '../dialect.ts'
import type { Reply } from '../http/exchange.ts'

/** What OPTIONS answers: the methods that what is named can be asked with, whatever the caller may do. */
export function optionsReply(methods: readonly string[], { corsOrigins }: Dialect): Reply {
  const allow = methods.join(',')
  // Where some sites are named, the head of every answer says which of them may read it.
  const headers = corsOrigins === undefined ? { allow, 'access-control-allow-origin': '*' } : { allow }
  return { status: 200, headers, body: '' }
}

const read = ['OPTIONS', 'GET', 'HEAD']

export const rootMethods: readonly string[] = read

/** PUT makes a row or changes it, and finds it by its key. */
export function relationMethods({ accepts, primaryKey }: CatalogRelation): readonly string[] {
  const puts = accepts.insert && accepts.update && primaryKey.length > 0
  return [
    ...read,
    ...(accepts.insert ? ['POST'] : []),
    ...(puts ? ['PUT'] : []),
    ...(accepts.update ? ['PATCH'] : []),
    ...(accepts.delete ? ['DELETE'] : []),
  ]
}

/** GET and HEAD run read-only, which a volatile function hardly can. */
export function functionMethods({ volatility }: CatalogFunction): readonly string[] {
  return volatility === 'volatile' ? ['OPTIONS', 'POST'] : [...read, 'POST']
}
