import { defaultLimits } from '../src/exchange.ts'
import { parseFilter } from '../src/postgrest/filter.ts'
import { parseLogic } from '../src/postgrest/logic.ts'
import { parseOrder } from '../src/postgrest/order.ts'
import { parseRange } from '../src/postgrest/range.ts'
import { createBudget } from '../src/postgrest/scanner.ts'
import { parseNames, parseSelect } from '../src/postgrest/select.ts'
import { parseUrl } from '../src/postgrest/url.ts'
import { testReaders } from './support/hostile-text.ts'

const most = 1_000_000_000
const budget = () => createBudget({ ...defaultLimits, nodes: most, depth: most, listValues: most, embedDepth: 100 })

testReaders({
  'a URL': (text) => parseUrl(`/users?${text}`),
  'a select': (text) => parseSelect(text, budget()),
  names: (text) => parseNames('columns', text, budget()),
  'an order': (text) => parseOrder(text, budget()),
  'a filter': (text) => parseFilter({ column: 'a' }, text, budget()),
  'a list': (text) => parseFilter({ column: 'a' }, `in.(${text}`, budget()),
  'a list of several': (text) => parseFilter({ column: 'a' }, `eq(any).{${text}}`, budget()),
  'a tree': (text) => parseLogic('or', `(${text}`, budget()),
  'a range': (text) => parseRange(text, undefined, text),
})
