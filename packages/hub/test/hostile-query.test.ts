import { defaultLimits } from '../src/limits.ts'
import { parseFilter } from '../src/query/filter.ts'
import { parseLogic } from '../src/query/logic.ts'
import { parseOrder } from '../src/query/order.ts'
import { parseRange } from '../src/query/range.ts'
import { createBudget } from '../src/query/scanner.ts'
import { parseNames, parseSelect } from '../src/query/select.ts'
import { parseUrl } from '../src/query/url.ts'
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
