import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createTestDatabase } from 'plinth/testing'
import { run, temporaryFolder } from './support/command.ts'

// Each TypeScript block of these guides is a program that runs by itself, on an empty database of its own, with what
// its comment `given` puts in front of it. But for two kinds, which run elsewhere: a module whose first line says its
// path is part of the project in guides.full.ts or commands.full.ts, and a block behind `from` is a piece of the
// example, which is run from end to end. Programs marked `ts run` are run by tools/structure/documents.test.ts.

const guides = ['migrations', 'seeds', 'shared-library', 'testing', 'tasks', 'commands']

interface Block {
  readonly guide: string
  readonly line: number
  readonly language: string
  readonly code: string
  readonly isPiece: boolean
}

function blocksOf(guide: string): Block[] {
  const text = readFileSync(new URL(`../../../docs/guides/${guide}.md`, import.meta.url), 'utf8')
  const blocks = text.matchAll(/(?:<!-- (given|from):([\s\S]*?)-->\s*)?^```([\w ]*)\n([\s\S]*?)^```$/gm)
  return [...blocks].map((block) => {
    const [whole, kind, comment = '', language = '', code = ''] = block
    const line = text.slice(0, block.index + whole.indexOf('```')).split('\n').length
    return { guide, line, language, code: kind === 'given' ? `${comment}\n${code}` : code, isPiece: kind === 'from' }
  })
}

const blocks = guides.flatMap(blocksOf)
const isModule = ({ code }: Block): boolean => /^\/\/ [\w./-]+\.ts\n/.test(code)
const programs = blocks.filter((one) => one.language === 'ts' && !one.isPiece && !isModule(one))
const root = temporaryFolder()

test('the guides have no other kinds of blocks than those that are run, or said not to be', () => {
  // Without a language: folders drawn, and what a command prints, which guides.full.ts and commands.full.ts compare.
  // sh: lines of plinth run in those two; npm and psql are parsed by documents.test.ts. sql: shown, and its like run in
  // the tests of migrations. The compose file and the Dockerfile of the example stand in no guide; docker.test.ts parses
  // them, and nothing starts them.
  assert.deepEqual(new Set(blocks.map(({ language }) => language)), new Set(['ts', 'ts run', 'sh', 'sql', '']))
  const { length } = blocks.filter(
    ({ guide, isPiece, language }) => guide === 'shared-library' && language === 'ts' && !isPiece,
  )
  assert.equal(length, 0, 'code of the guide to the example is a piece of it')
})

describe('the programs of the guides run', { concurrency: 2 }, () => {
  for (const { guide, line, code } of programs)
    test(`${guide}.md:${line}`, async () => {
      const folder = join(root, `${guide}-${line}`)
      mkdirSync(folder)
      symlinkSync(fileURLToPath(new URL('../../../node_modules', import.meta.url)), join(folder, 'node_modules'))
      writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
      writeFileSync(join(folder, 'program.ts'), code)
      await using database = await createTestDatabase({
        server: { url: process.env['PLINTH_TEST_DATABASE_URL'] ?? '' },
      })
      const command = `DATABASE_URL='${database.url}' exec timeout 60 '${process.execPath}' --conditions=plinth-dev program.ts`
      const { code: exit, stdout, stderr } = await run('bash', ['-c', command], { cwd: folder }).ended
      assert.equal(exit, 0, `${stdout}${stderr}`)
    })
})
