import type { Operation } from 'plinth'
import { parseOperation } from 'plinth/operation'
import type { HubRequest } from '../http/exchange.ts'
import { checkJson } from '../postgrest/content-type.ts'
import type { Settings } from '../postgrest/envelope.ts'
import { parsePlainJson } from '../postgrest/json.ts'
import { methodNotSupported } from '../postgrest/refusals.ts'
import { refuseByDialect } from './refused-by-dialect.ts'

/** The operation in the body of `POST /-/run`, as `connectHub` sends it. */
export function readRunRequest({ method, headers, body }: HubRequest, { limits, dialect }: Settings): Operation {
  if (method !== 'POST') throw methodNotSupported(method)
  checkJson(headers.get('content-type'))
  const { nodes: maxNodes, depth: maxDepth, embedDepth: maxEmbedDepth } = limits
  const { rows: maxRows, listValues: maxListValues } = limits
  const most = { maxNodes, maxDepth, maxEmbedDepth, maxRows, maxListValues }
  const operation = parseOperation(parsePlainJson(body, limits), most)
  refuseByDialect(operation, dialect)
  return operation
}
