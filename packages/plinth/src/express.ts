export { expressDatabase } from './http/express.ts'
export type { ExpressDatabase, Middleware, WithDatabase } from './http/express.ts'
export { problemOf } from './http/problem.ts'
export type { Problem } from './http/problem.ts'
