export { runOperation } from './operation/answer.ts'
export type { Answer, AnswerColumn } from './operation/answer.ts'
export { compile, compileBody } from './sql/compile.ts'
export type { BodyOptions, Statement } from './sql/compile.ts'
