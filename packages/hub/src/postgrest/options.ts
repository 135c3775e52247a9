import type { CatalogFunction, CatalogRelation } from 'plinth/operation'
import type { Reply } from '../http/exchange.ts'

/** What OPTIONS answers: the methods that what is named can be asked with, whatever the caller may do. */
export function optionsReply(methods: readonly string[]): Reply {
  return { status: 200, headers: { allow: methods.join(','), 'access-control-allow-origin': '*' }, body: '' }
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
