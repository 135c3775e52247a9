import type { MigrationProgress, SeedProgress } from 'plinth/migrate'

/** One line on a terminal that is written over and over; nothing anywhere else. Erased at the end of its scope. */
export interface ProgressLine extends Disposable {
  readonly seed: (progress: SeedProgress) => void
  readonly migration: (progress: MigrationProgress) => void
}

const width = 24

export function progressLine(stream: NodeJS.WriteStream = process.stderr): ProgressLine {
  const show = (text: string): void => {
    if (stream.isTTY) stream.write(`\r\u001b[K${text.slice(0, Math.max(stream.columns - 1, 1))}`)
  }
  return {
    seed: ({ id, done, total }) => show(total > 0 ? `${id} ${bar(done, total)}` : id),
    migration: (progress) => show(describe(progress)),
    [Symbol.dispose]: () => show(''),
  }
}

function bar(done: number, total: number): string {
  const share = Math.min(Math.max(done / total, 0), 1)
  const filled = Math.round(share * width)
  return `${'█'.repeat(filled)}${'░'.repeat(width - filled)} ${Math.floor(share * 100)} %`
}

function describe(progress: MigrationProgress): string {
  if (progress.kind === 'waiting')
    return `waiting for ${progress.holder?.application ?? 'another process'} that migrates`
  const { id } = progress.migration
  if (progress.kind === 'statement') return `${id}, statement ${progress.at} of ${progress.of}, line ${progress.line}`
  return progress.kind === 'retry' ? `${id}, attempt ${progress.attempt}` : id
}
