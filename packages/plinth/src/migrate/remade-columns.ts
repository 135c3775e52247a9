import type { Answers, Question, Snapshot } from './diff-engine.ts'
import { isNamed, nameOf } from './drizzle-answers.ts'
import { inSnapshot } from './drizzle-snapshot.ts'
import { effectOf, pathOf } from './drizzle-statement.ts'

/**
 * Columns that drizzle-kit drops although the entities still name them, to add them again: one that becomes a generated
 * column. Its values are as lost as those of any other, so it is asked for too. One that was generated before is not:
 * PostgreSQL computes it anew.
 */
export function remadeColumns(
  up: readonly string[],
  before: Snapshot,
  { drops }: Answers,
): { readonly questions: readonly Question[]; readonly used: readonly string[] } {
  const columns = inSnapshot(before, 'column')
  const questions: Question[] = []
  const used: string[] = []
  for (const statement of up) {
    const path = droppedColumn(statement)
    const column = path && columns.find((one) => one.path.join('\0') === path.join('\0'))
    if (!path || column?.isGenerated === true) continue
    const drop = drops.find((name) => isNamed(name, path, 'column'))
    if (drop === undefined) questions.push({ object: 'column', removed: nameOf(path, 'column'), added: [] })
    else used.push(drop)
  }
  return { questions, used }
}

function droppedColumn(statement: string): string[] | undefined {
  const effect = effectOf(statement)
  return effect.kind === 'drop column' ? pathOf(effect.table, effect.column) : undefined
}
