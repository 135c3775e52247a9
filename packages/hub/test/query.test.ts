import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { testHub } from './support/hub.ts'

const hub = testHub(() => ({ dialect: { hasAggregates: true } }))

/** A small cinema: films with a director and with actors, and shows of them in rooms. */
async function makeCinema(): Promise<void> {
  await hub.sql(`
    create table people (id int primary key, name text not null, born date, mentor int references people);
    create table films (
      id int primary key, title text not null, director int references people, extra jsonb, raw json, years int4range,
      tags text[], words tsvector generated always as (to_tsvector('english', title)) stored);
    create table roles (film int references films, actor int references people, part text, primary key (film, actor));
    create table shows (id int primary key, film int not null references films, room text, seats int);
    create table posters (film int primary key references films, url text);
    create function decade(people) returns int language sql stable as
      'select extract(year from $1.born)::int / 10 * 10';
    create function long_shows(films) returns setof shows language sql stable as
      'select * from shows where film = $1.id and seats > 50';
    create view film_titles as select id as film_id, title, director as by from films;
    insert into people values (1, 'Ada', '1950-02-01', null), (2, 'Bo', '1961-01-01', 1), (3, 'Cy', '1968-01-01', 1);
    insert into films (id, title, director, extra, years, tags) values
      (1, 'Running rivers', 1, '{"stars": 5, "at": {"city": "Oslo"}, "list": [1, 2]}', '[1990,1995)', '{calm,wet}'),
      (2, 'A run', 2, '{"stars": 3}', '[1995,2000)', '{fast}'),
      (3, 'Still', null, null, null, null);
    update films set raw = '{"lists": [[1,2], [3,  4]], "a": {"lists": []}}' where id = 1;
    insert into roles values (1, 2, 'river'), (1, 3, 'boat'), (2, 3, 'runner');
    insert into shows values (1, 1, 'red', 100), (2, 1, 'blue', 40), (3, 2, 'red', 60);
    insert into posters values (1, '/rivers.png');
    grant select on people, films, roles, shows, posters, film_titles to ${hub.roles.backend};
    grant execute on function decade, long_shows to ${hub.roles.backend};`)
}

async function read(path: string): Promise<unknown> {
  const { status, json } = await hub.ask('GET', path)
  assert.equal(status, 200, JSON.stringify(json))
  return json
}

const answers: Readonly<Record<string, readonly (readonly [path: string, expected: unknown])[]>> = {
  'embedding by a foreign key': [
    [
      '/films?select=title,people!director(name)&order=id',
      [
        { title: 'Running rivers', people: { name: 'Ada' } },
        { title: 'A run', people: { name: 'Bo' } },
        { title: 'Still', people: null },
      ],
    ],
    ['/films?select=by:director(name)&id=eq.1', [{ by: { name: 'Ada' } }]],
    ['/films?select=films_director_fkey(id)&id=eq.1', [{ films_director_fkey: { id: 1 } }]],
    [
      '/films?select=id,shows(room)&shows.order=room&id=lt.3&order=id',
      [
        { id: 1, shows: [{ room: 'blue' }, { room: 'red' }] },
        { id: 2, shows: [{ room: 'red' }] },
      ],
    ],
    ['/films?select=id,shows(id)&id=eq.3', [{ id: 3, shows: [] }]],
    ['/films?select=posters(url)&id=eq.1', [{ posters: { url: '/rivers.png' } }]],
    ['/posters?select=films(title)', [{ films: { title: 'Running rivers' } }]],
    ['/people?select=name,films!director(title)&id=eq.2', [{ name: 'Bo', films: [{ title: 'A run' }] }]],
    ['/people?select=name,mentor(name)&id=eq.2', [{ name: 'Bo', mentor: { name: 'Ada' } }]],
    [
      '/people?select=name,pupils:people(name)&id=eq.1&pupils.order=name',
      [{ name: 'Ada', pupils: [{ name: 'Bo' }, { name: 'Cy' }] }],
    ],
  ],
  'embedding through a junction': [
    [
      '/films?select=title,actors:people!roles(name)&actors.order=name&id=eq.1',
      [{ title: 'Running rivers', actors: [{ name: 'Bo' }, { name: 'Cy' }] }],
    ],
  ],
  'embedding of views and functions': [
    [
      '/film_titles?select=title,people!films_director_fkey(name)&film_id=eq.1',
      [{ title: 'Running rivers', people: { name: 'Ada' } }],
    ],
    ['/film_titles?select=title,shows(room)&film_id=eq.2', [{ title: 'A run', shows: [{ room: 'red' }] }]],
    [
      '/films?select=id,long_shows(id)&id=lt.3&order=id',
      [
        { id: 1, long_shows: [{ id: 1 }] },
        { id: 2, long_shows: [{ id: 3 }] },
      ],
    ],
    [
      '/people?select=name,decade&decade=eq.1960&order=name',
      [
        { name: 'Bo', decade: 1960 },
        { name: 'Cy', decade: 1960 },
      ],
    ],
  ],
  'embeds inside embeds, each with conditions of its own': [
    [
      '/people?select=name,films!director(title,shows(room))&films.shows.room=eq.red&id=eq.1',
      [{ name: 'Ada', films: [{ title: 'Running rivers', shows: [{ room: 'red' }] }] }],
    ],
    ['/films?select=id,shows(id)&shows.limit=1&shows.order=seats.desc&id=eq.1', [{ id: 1, shows: [{ id: 1 }] }]],
    ['/films?select=id,shows(id)&shows.or=(room.eq.blue,seats.gt.500)&id=eq.1', [{ id: 1, shows: [{ id: 2 }] }]],
    ['/films?select=id,shows(id)&shows.offset=1&shows.order=id&id=eq.1', [{ id: 1, shows: [{ id: 2 }] }]],
  ],
  'rows chosen by what is embedded': [
    ['/films?select=id,shows!inner(id)&shows.room=eq.blue', [{ id: 1, shows: [{ id: 2 }] }]],
    ['/films?select=id,people!director!inner(name)&people.name=eq.Bo', [{ id: 2, people: { name: 'Bo' } }]],
    ['/films?select=id,shows()&shows=is.null', [{ id: 3 }]],
    ['/films?select=id,shows()&shows=not.is.null&order=id', [{ id: 1 }, { id: 2 }]],
    [
      '/films?select=id,people!director(),shows()&or=(people.is.null,shows.not.is.null)&order=id',
      [{ id: 1 }, { id: 2 }, { id: 3 }],
    ],
    ['/films?select=id,people!director()&order=people(name).desc.nullslast', [{ id: 2 }, { id: 1 }, { id: 3 }]],
  ],
  spreading: [
    ['/films?select=title,...people!director(director:name)&id=eq.1', [{ title: 'Running rivers', director: 'Ada' }]],
    [
      '/films?select=id,...shows(rooms:room)&shows.order=room&id=lt.3&order=id',
      [
        { id: 1, rooms: ['blue', 'red'] },
        { id: 2, rooms: ['red'] },
      ],
    ],
    ['/films?select=title,...posters(*)&id=eq.1', [{ title: 'Running rivers', film: 1, url: '/rivers.png' }]],
    [
      '/people?select=name,...roles(*)&roles.order=film&id=eq.3',
      [{ name: 'Cy', film: [1, 2], actor: [3, 3], part: ['boat', 'runner'] }],
    ],
    [
      '/films?select=id,...people!director(by:name)&order=people(by).desc&director=not.is.null',
      [
        { id: 2, by: 'Bo' },
        { id: 1, by: 'Ada' },
      ],
    ],
    ['/people?select=name,films!director(shows(posters:films()))&id=eq.1', [{ name: 'Ada' }]],
  ],
  aggregates: [
    ['/shows?select=seats.sum()', [{ sum: 200 }]],
    [
      '/shows?select=room,total:seats.sum(),count()&order=room',
      [
        { room: 'blue', total: 40, count: 1 },
        { room: 'red', total: 160, count: 2 },
      ],
    ],
    ['/shows?select=seats.avg()::int', [{ avg: 67 }]],
    ['/shows?select=count', [{ count: 3 }]],
    ['/films?select=id,shows(count)&id=eq.1', [{ id: 1, shows: [{ count: 2 }] }]],
    ['/films?select=id,shows(seats.max())&id=eq.1', [{ id: 1, shows: [{ max: 100 }] }]],
    [
      '/shows?select=...films(title),seats.sum()&order=films(title)',
      [
        { title: 'A run', sum: 60 },
        { title: 'Running rivers', sum: 140 },
      ],
    ],
  ],
  'places in json': [
    ['/films?select=id,extra->stars&id=eq.1', [{ id: 1, stars: 5 }]],
    ['/films?select=extra->at->>city&id=eq.1', [{ city: 'Oslo' }]],
    ['/films?select=second:extra->list->1&id=eq.1', [{ second: 2 }]],
    ['/films?select=extra->list->-1&id=eq.1', [{ list: 2 }]],
    ['/films?select=raw->lists->>-1&id=eq.1', [{ lists: '[3,  4]' }]],
    ['/films?select=raw->lists->-2->-1&id=eq.1', [{ lists: 2 }]],
    ['/films?select=id&raw->lists->0->>-1=eq.2', [{ id: 1 }]],
    ['/films?select=id&extra->>stars=eq.3', [{ id: 2 }]],
    ['/films?select=id&extra->stars=gt.3', [{ id: 1 }]],
    ['/films?select=id&order=extra->stars.desc.nullslast', [{ id: 1 }, { id: 2 }, { id: 3 }]],
    ['/films?select=first:tags->0&id=eq.1', [{ first: 'calm' }]],
  ],
  operators: [
    ['/films?select=id&tags=cs.{wet}', [{ id: 1 }]],
    ['/films?select=id&tags=cd.{fast,slow}', [{ id: 2 }]],
    ['/films?select=id&tags=ov.{fast,calm}&order=id', [{ id: 1 }, { id: 2 }]],
    ['/films?select=id&years=sl.[1996,1999)', [{ id: 1 }]],
    ['/films?select=id&years=adj.[2000,2001)', [{ id: 2 }]],
    ['/films?select=id&extra=cs.{"stars":5}', [{ id: 1 }]],
    ['/films?select=id&title=match.^A', [{ id: 2 }]],
    ['/films?select=id&title=imatch.^a', [{ id: 2 }]],
    ['/films?select=id&director=isdistinct.1&order=id', [{ id: 2 }, { id: 3 }]],
    ['/films?select=id&id=eq(any).{1,3}&order=id', [{ id: 1 }, { id: 3 }]],
    ['/films?select=id&title=like(all).{*run*,A*}', [{ id: 2 }]],
    ['/films?select=id&words=fts(english).run&order=id', [{ id: 1 }, { id: 2 }]],
    ['/films?select=id&title=plfts(english).still', [{ id: 3 }]],
    ['/films?select=id&title=wfts(simple).rivers', [{ id: 1 }]],
    ['/films?select=id&or=(tags.cs.{wet,calm},title.phfts(simple).a%20run)&order=id', [{ id: 1 }, { id: 2 }]],
  ],
}

describe('the query language', () => {
  before(makeCinema)

  for (const [what, cases] of Object.entries(answers)) {
    describe(what, () => {
      for (const [path, expected] of cases) test(path, async () => assert.deepEqual(await read(path), expected))
    })
  }

  test('several relationships are told with what chooses one of them', async () => {
    const several = await hub.ask('GET', '/people?select=films(title)')
    assert.deepEqual([several.status, several.json.code], [300, 'PGRST201'])
    assert.deepEqual(several.json.details.map((one: { cardinality: string }) => one.cardinality).toSorted(), [
      'many-to-many',
      'one-to-many',
    ])
    assert.match(several.json.hint, /'films!films_director_fkey'/)
  })

  const refused: readonly (readonly [path: string, status: number, code: string, details?: string])[] = [
    ['/films?select=ghost,nowhere(id)', 400, 'PGRST200'],
    ['/films?select=shows(rooms(id))&ghost=eq.1', 400, 'PGRST200'],
    ['/films?select=ghost', 400, '42703'],
    ['/films?select=shows(ghost)', 400, '42703'],
    ['/films?select=id,shows(id)&shows.ghost=eq.1', 400, '42703'],
    ['/films?select=id,shows(id)&order=shows(room)', 400, 'PGRST118'],
    ['/films?order=people(name)', 400, 'PGRST108'],
    ['/films?select=id&shows.room=eq.red', 400, 'PGRST108'],
    ['/films?select=id,shows(id)&shows.people.or=(id.eq.1)', 400, 'PGRST108'],
    ['/films?select=id::ghost', 400, '42704'],
    ['/shows?select=seats.sum()::ghost', 400, '42704'],
    ['/shows?select=count()::ghost', 400, '42704'],
    ['/films?select=shows(id),shows(room)', 400, '42712'],
    [
      '/films?select=...shows(seats.sum())',
      400,
      'PGRST127',
      'Aggregates are not implemented for one-to-many or many-to-many spreads.',
    ],
    ['/shows?select=seats.median()', 400, 'PGRST100'],
    ['/films?select=extra->--1', 400, 'PGRST100', 'unexpected "-" expecting digit'],
    ['/films?order=id.asc.nullslasttt', 400, 'PGRST100', `unexpected 't' expecting "," or end of input`],
    ['/films?shows.limit=x&select=shows(id)', 400, 'PGRST100'],
  ]
  for (const [path, status, code, details] of refused)
    test(`${path} is ${code}`, async () => {
      const { status: answered, json } = await hub.ask('GET', path)
      assert.deepEqual([answered, json.code], [status, code], JSON.stringify(json))
      if (details !== undefined) assert.equal(json.details, details)
    })

  test('the rows of an embed count for the whole', async () => {
    const { headers } = await hub.ask('GET', '/films?select=id,shows!inner(id)&shows.room=eq.blue', {
      headers: { prefer: 'count=exact' },
    })
    assert.equal(headers.get('content-range'), '0-0/1')
  })
})
