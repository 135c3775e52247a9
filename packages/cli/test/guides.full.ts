import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createDatabase, type Database, installSchema } from 'plinth'
import { enqueue } from 'plinth/services'
import { createTestDatabase } from 'plinth/testing'
import { bin, type Ended, run, temporaryFolder } from './support/command.ts'

// The commands of the guides, read out of them and run by a shell in a project: each must do its work. Lines of other
// programs (npm, psql) are passed over.

const root = temporaryFolder()
const server = { url: process.env['PLINTH_TEST_DATABASE_URL'] ?? '' }
const guide = (name: string): string =>
  readFileSync(new URL(`../../../docs/guides/${name}.md`, import.meta.url), 'utf8')
const [migrationsGuide, seedsGuide] = [guide('migrations'), guide('seeds')]
const [commandsGuide, tasksGuide] = [guide('commands'), guide('tasks')]

program('plinth', `exec '${process.execPath}' '${bin}' "$@"`)
program('npx', 'exec "$@"')
// A server's own programs do not come with the embedded one.
program('pg_dump', 'echo "create table adopted (id int primary key);"')

function program(name: string, text: string): void {
  mkdirSync(join(root, 'bin'), { recursive: true })
  writeFileSync(join(root, 'bin', name), `#!/bin/sh\n${text}\n`)
  chmodSync(join(root, 'bin', name), 0o755)
}

/** The lines of the shell blocks that run `plinth`, without what follows on the same line as a comment. */
function commandsOf(text: string): string[] {
  const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block = '']) => block.split('\n'))
  return blocks.map((line) => line.replace(/\s+#.*$/, '')).filter((line) => /^(?:(?:npx )?plinth|pg_dump) /.test(line))
}

interface Project {
  readonly db: Database
  write(path: string, text: string): void
  /** Makes migrations of one table each, from the first number to the last. */
  fill(from: number, to: number): void
  run(line: string): Promise<Ended>
}

let projects = 0

/** A folder with a configuration, and an empty database. */
async function openProject(): Promise<Project> {
  const folder = join(root, `project-${++projects}`)
  const made = await createTestDatabase({ server })
  const db = createDatabase({ url: made.url })
  after(async () => {
    await db.close()
    await made.drop()
  })
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  const config = { url: made.url, entities: './src/entities.ts', migrations: './migrations', scratch: server.url }
  write('plinth.config.ts', `export default ${JSON.stringify(config)}`)
  symlinkSync(fileURLToPath(new URL('../../../node_modules', import.meta.url)), join(folder, 'node_modules'))
  const fill = (from: number, to: number): void => {
    for (let number = from; number <= to; number++) {
      const id = `${String(number).padStart(4, '0')}_t${number}`
      write(`migrations/${id}/up.sql`, `create table t${number} (id int primary key);`)
      write(`migrations/${id}/down.sql`, `drop table t${number};`)
    }
  }
  const runLine = (line: string): Promise<Ended> =>
    run('bash', ['-c', `PATH='${join(root, 'bin')}':$PATH\n${line}`], { cwd: folder }).ended
  return { db, write, fill, run: runLine }
}

/** The module that a guide shows, by the path in its first line. */
function moduleOf(text: string, path: string): string {
  const block = new RegExp(`^\`\`\`ts\\n// ${path.replaceAll('.', '\\.')}\\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(text)?.[1]
  assert.ok(block, `the guide shows no ${path}`)
  return block
}

/** What is done before a line of a guide, which then runs in the project that is returned. */
type Stages = Readonly<Record<string, (project: Project) => Promise<Project> | Project>>

async function follow(text: string, stages: Stages): Promise<void> {
  const lines = commandsOf(text)
  const unknown = Object.keys(stages).filter((line) => !lines.includes(line))
  assert.deepEqual(unknown, [], 'the guide has no such line')
  let project = await openProject()
  for (const line of lines) {
    project = (await stages[line]?.(project)) ?? project
    const { code, stdout, stderr } = await project.run(line)
    assert.equal(code, 0, `${line}\n${stdout}${stderr}`)
  }
}

const half = '-- plinth: no-transaction\ncreate table half (id int);\nselect 1 / (select count(*) from half);'

const breakThird = (project: Project): Promise<Project> => breakAt(project, 3)

async function breakAt(project: Project, number: number): Promise<Project> {
  await project.db.query('drop table if exists half')
  project.write(`migrations/000${number}_half/up.sql`, half)
  assert.equal((await project.run('plinth migrate run')).code, 1)
  return project
}

async function filled(to: number): Promise<Project> {
  const project = await openProject()
  project.fill(1, to)
  return project
}

async function migrated(to: number): Promise<Project> {
  const project = await filled(to)
  assert.equal((await project.run('plinth migrate run')).code, 0)
  return project
}

/** One whose entities say what the guide to migrations shows, and where its migrations made that. */
async function withEntities(): Promise<Project> {
  const project = await openProject()
  project.write('src/entities.ts', moduleOf(migrationsGuide, 'src/entities.ts'))
  for (const line of ['plinth migrate generate users', 'plinth migrate run'])
    assert.equal((await project.run(line)).code, 0)
  return project
}

test('the commands of the guide to migrations do what it says', async () => {
  const stages: Stages = {
    'npx plinth migrate generate full_name': (project) => {
      project.write('src/entities.ts', moduleOf(migrationsGuide, 'src/entities.ts'))
      return project
    },
    'plinth migrate resolve 3 --reverted': (project) => {
      project.fill(2, 2)
      return breakThird(project)
    },
    'plinth migrate resolve 3 --applied': breakThird,
    'plinth migrate revert': () => migrated(6),
    'plinth migrate create baseline': openProject,
    'plinth migrate baseline --from prisma': async () => {
      const next = await openProject()
      next.fill(1, 1)
      await next.db.query(`create table _prisma_migrations (id varchar(36) primary key, checksum varchar(64) not null,
        finished_at timestamptz, migration_name varchar(255) not null, logs text, rolled_back_at timestamptz,
        started_at timestamptz not null default now(), applied_steps_count int not null default 0)`)
      await next.db.query(`insert into _prisma_migrations (id, checksum, finished_at, migration_name)
        values ('a', 'b', now(), '20260101000000_init')`)
      return next
    },
    'plinth migrate baseline --from typeorm --table audit.migrations': async () => {
      const next = await openProject()
      next.fill(1, 1)
      await next.db.query('create schema audit')
      await next.db.query('create table audit.migrations (id serial primary key, timestamp bigint, name varchar)')
      await next.db.query(`insert into audit.migrations (timestamp, name) values (1, 'Init1')`)
      return next
    },
    'plinth migrate squash --to 40': () => filled(40),
    'plinth migrate script --after 7 > deploy.sql': () => filled(9),
    'npx plinth migrate check': withEntities,
  }
  await follow(migrationsGuide, stages)
})

test('the commands of the guide to seeds do what it says', async () => {
  const stages: Stages = {
    'plinth seed': async (project) => {
      for (const path of ['seeds/010_plans.ts', 'seeds/020_demo.ts']) project.write(path, moduleOf(seedsGuide, path))
      project.write(
        'migrations/0001_tables/up.sql',
        'create table plans (id int primary key, name text); create table notes (text text);',
      )
      assert.equal((await project.run('plinth migrate run')).code, 0)
      return project
    },
  }
  await follow(seedsGuide, stages)
})

test('the migration in TypeScript of the guide to migrations runs there and back', async () => {
  const project = await openProject()
  project.write('migrations/0001_users/up.sql', 'create table users (id int, email text, name text)')
  project.write(
    'migrations/0002_fill_names/migration.ts',
    moduleOf(migrationsGuide, 'migrations/0002_fill_names/migration.ts'),
  )
  assert.equal((await project.run('plinth migrate run')).code, 0)
  await project.db.query(`insert into users values (1, 'ada@example.com', 'A')`)
  for (const name of [null, 'ada']) {
    assert.equal((await project.run(`plinth migrate ${name === null ? 'revert' : 'run'}`)).code, 0)
    assert.deepEqual((await project.db.query('select name from users')).rows, [{ name }])
  }
})

test('the commands of the guide to commands do what it says', async () => {
  const stages: Stages = {
    'plinth migrate generate add_users': (project) => {
      project.write('src/entities.ts', moduleOf(migrationsGuide, 'src/entities.ts'))
      return project
    },
    'plinth migrate revert 2': () => migrated(6),
    'plinth migrate status': () => migrated(3),
    'plinth migrate check': withEntities,
    'plinth migrate squash': () => filled(3),
    'plinth migrate baseline': () => filled(1),
    'plinth migrate resolve 7 --applied': async () => breakAt(await filled(6), 7),
    'plinth migrate script': () => filled(2),
  }
  await follow(commandsGuide, stages)
})

test('the configuration of the guide to commands is one', async () => {
  const project = await openProject()
  project.write('plinth.config.ts', moduleOf(commandsGuide, 'plinth.config.ts'))
  project.write('database/migrations/0001_a/up.sql', 'create table found (id int)')
  const { code, stdout, stderr } = await project.run('plinth migrate script')
  assert.equal(code, 0, stderr)
  assert.match(stdout, /create table found/)
})

test('the commands of the guide to tasks do what it says', async () => {
  const stages: Stages = {
    'plinth tasks ls --state waiting,running': async (project) => {
      await installSchema(project.db)
      await project.db.query('alter table plinth.task alter id restart with 4711')
      await project.db.transaction((tx) => enqueue(tx, { name: 'welcome-mail' }, { userId: 1 }, { afterMs: 60_000 }))
      return project
    },
    'plinth dead redrive --name welcome-mail': async (project) => {
      await project.db.query(`update plinth.task set state = 'dead', ended_at = now()`)
      return project
    },
  }
  await follow(tasksGuide, stages)
})
