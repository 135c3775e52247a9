export { runOperation } from './operation/answer.ts'
export type { Answer, AnswerColumn } from './operation/answer.ts'
