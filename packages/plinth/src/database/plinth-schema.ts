/** The statements that lead from one version of the schema `plinth` to the next. What was released never changes. */
export const versions: readonly (readonly string[])[] = [
  [
    `create table plinth.idempotency (
      scope text not null,
      key text not null,
      request_hash text not null,
      response json,
      call uuid not null,
      created_at timestamptz not null default now(),
      expires_at timestamptz not null,
      primary key (scope, key)
    )`,
    'create index idempotency_expires_at on plinth.idempotency (expires_at)',
  ],
  [
    `create table plinth.task (
      id bigint generated always as identity primary key,
      name text not null,
      group_key text not null default '',
      key text,
      input json not null,
      state text not null check (state in ('waiting', 'ready', 'running', 'done', 'dead')),
      attempt int not null default 0,
      run_at timestamptz not null default now(),
      worker int,
      error json,
      created_at timestamptz not null default now(),
      started_at timestamptz,
      ended_at timestamptz
    )`,
    `comment on table plinth.task is
      'Work after commit. waiting: its time has not come. ready: for the next free worker. running: at a worker, '
      'for the attempt that is counted. done. dead: gave up; see error, and plinth dead redrive.'`,
    'create unique index task_key on plinth.task (name, key) where key is not null',
    `create index task_waiting on plinth.task (run_at) where state = 'waiting'`,
    `create index task_ready on plinth.task (name, group_key, id) where state = 'ready'`,
    `create index task_running on plinth.task (name, group_key, worker) where state = 'running'`,
    `create index task_ended on plinth.task (ended_at) where state in ('done', 'dead')`,
    // Its processes hold the session lock (8102, id) while they live; int4, as that lock wants it.
    'create sequence plinth.worker_id as int cycle',
    `create table plinth.worker (
      id int primary key,
      service text not null,
      started_at timestamptz not null default now(),
      lease_until timestamptz not null
    )`,
    `comment on table plinth.worker is
      'A process that runs tasks. It holds the advisory lock (8102, id) on a connection of its own, and renews '
      'lease_until; without either it counts as dead and its tasks are given to others.'`,
    'create table plinth.cron (name text primary key, schedule text not null, next_at timestamptz not null)',
  ],
  [
    `create table plinth.migration (
      number int primary key,
      name text not null,
      checksum text not null,
      state text not null check (state in ('applied', 'running', 'broken')),
      direction text not null default 'up' check (direction in ('up', 'down')),
      statement int,
      error text,
      applied_at timestamptz not null default now(),
      duration_ms int not null default 0,
      applied_by text not null default session_user || ', ' || current_setting('application_name')
    )`,
    `comment on table plinth.migration is
      'Migrations that this database has. applied: whole. running: a file without a transaction is under way, or its '
      'runner died: then nobody holds the advisory lock (8103, 1). broken: its statement failed; see error, and '
      'plinth migrate resolve. direction: down while a revert is running or broken.'`,
    `create table plinth.migration_history (
      id bigint generated always as identity primary key,
      number int not null,
      name text not null,
      change text not null check (change in ('run', 'revert', 'break', 'resolve', 'baseline', 'squash')),
      changed_at timestamptz not null default clock_timestamp(),
      duration_ms int not null default 0,
      changed_by text not null default session_user || ', ' || current_setting('application_name'),
      note text
    )`,
  ],
  [
    `create table plinth.seed (
      id text primary key,
      checksum text not null,
      environment text not null,
      duration_ms int not null,
      ran_at timestamptz not null default now()
    )`,
    `comment on table plinth.seed is 'Seeds that this database has had; written by the transaction of the seed.'`,
    'create table plinth.setting (name text primary key, value text not null)',
    `comment on table plinth.setting is
      'environment: what plinth mark says this database is. Nothing of Plinth destroys rows of a production one unasked.'`,
  ],
]
