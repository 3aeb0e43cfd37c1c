import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import * as api from '../../src/index.js';
import { postgresStore } from '../../src/stores/postgres.js';
import { redisStore } from '../../src/stores/redis.js';
import { advance, drain, virtualClock } from '../../src/testing.js';
import {
  circular,
  date,
  duration,
  flag,
  fn,
  integer,
  list,
  number,
  object,
  refusal,
  text,
  word,
} from './values.js';

type Loose = (...args: unknown[]) => unknown;
/** A function of the library as untyped code calls it. */
const loose = (f: unknown): Loose => f as Loose;

/** An option: where it is, what it must refuse, and the call that takes it. */
type Row = readonly [path: string, bad: readonly unknown[], call: (value: unknown) => unknown];

const task = api.defineTask('t');
const client = { duplicate: () => client };
const db = { transaction: () => undefined, listen: () => undefined };
let store: api.QueueStore;
let queue: api.Queue;

beforeEach(async () => {
  store = api.memoryStore({ clock: virtualClock() });
  queue = api.createQueue('q', { store });
  await queue.enqueue(task, 'there', { idempotencyKey: 'k' });
});

afterEach(() => queue.close());

/** All that a store tells of. */
async function everything(of: api.QueueStore): Promise<unknown> {
  const tasks = await of.find({}, { order: 'oldest', limit: 1_000 });
  const page = await of.events?.({ limit: 1_000, waitMs: 0 });
  return { tasks, stats: await of.stats(), schedules: await of.schedules?.({}), page };
}

/** Options by name, for a call that takes an object of them. */
function options(
  call: (options: Record<string, unknown>) => unknown,
  bad: Readonly<Record<string, readonly unknown[]>>,
  prefix = 'options.',
): Row[] {
  return Object.entries(bad).map(([name, values]) => [
    `${prefix}${name}`,
    values,
    (value) => call({ [name]: value }),
  ]);
}

const RETRY = {
  attempts: integer(1, 1_000),
  initial: duration(),
  factor: number(1, 10),
  max: duration(),
  jitter: number(0, 1),
  decide: fn,
};
const PLACEMENT = {
  priority: integer(-32_768, 32_767),
  headers: [
    null,
    5,
    'text',
    true,
    [],
    [['a', 'b']],
    { a: 1 },
    { a: null },
    { ['x'.repeat(20_000)]: 'y' },
  ],
};
const badHeaders = ['a\0b', '\ud800', 1n, Symbol('s')];

const enqueued = (of: Record<string, unknown>): unknown =>
  loose(queue.enqueue.bind(queue))(task, 1, of);
const many = (of: Record<string, unknown>): unknown =>
  loose(queue.enqueueMany.bind(queue))([
    { task, payload: 0 },
    { task, payload: 1, ...of },
  ]);
const flow = (of: Record<string, unknown>): unknown =>
  loose(queue.enqueueFlow.bind(queue))([
    { task, payload: 0 },
    { task, payload: 1, ...of },
  ]);
const batch: Loose = (...args) => loose(queue.enqueueBatch.bind(queue))(...args);
const scheduled = (of: Record<string, unknown>): unknown =>
  loose(queue.schedule.bind(queue))('s', task, 1, { every: '1m', ...of });
const cron = (of: Record<string, unknown>): unknown =>
  loose(queue.schedule.bind(queue))('s', task, 1, { cron: '0 4 * * *', ...of });
const worker = (of: unknown): unknown => loose(api.createWorker)(queue, [], of);
const made = (of: unknown): unknown => loose(api.createQueue)('q2', { store, ...Object(of) });

/** The table of one way to enqueue. */
const enqueueing = (call: (of: Record<string, unknown>) => unknown, prefix: string): Row[] => [
  ...options(call, PLACEMENT, prefix),
  ...options((of) => call({ headers: of }), { a: badHeaders }, `${prefix}headers.`),
  ...options(
    call,
    { group: [...text(200).filter(notEmptyObject), { key: 'g', other: 1 }] },
    prefix,
  ),
  ...options((of) => call({ group: of }), { key: text(200) }, `${prefix}group.`),
  ...options(
    (of) => call({ group: { key: 'g', ...of } }),
    { weight: number(0.001, 1_000), strict: word },
    `${prefix}group.`,
  ),
];
const notEmptyObject = (value: unknown): boolean => typeof value !== 'object' || value === null;

const ENQUEUE = (call: (of: Record<string, unknown>) => unknown, prefix: string): Row[] => [
  ...enqueueing(call, prefix),
  ...options(
    call,
    {
      delay: duration(),
      runAt: date,
      idempotencyKey: text(500),
      idempotencyWindow: ['1h'],
      onDuplicate: ['ignore', 'replace'],
      freeKeyOnFailure: [true, false],
    },
    prefix,
  ),
  ...options(
    (of) => call({ idempotencyKey: 'new', ...of }),
    { idempotencyWindow: duration(), onDuplicate: word, freeKeyOnFailure: flag },
    prefix,
  ),
  ...options((of) => call({ runAt: new Date(), ...of }), { delay: [0, '1s'] }, prefix),
];

const TABLE: readonly (readonly [string, readonly Row[]])[] = [
  [
    'defineTask',
    [
      ['name', text(200), (value) => loose(api.defineTask)(value)],
      ['options', object, (value) => loose(api.defineTask)('t', value)],
      ...options((of) => loose(api.defineTask)('t', of), {
        payload: [null, 5, 'text', {}, [], z.string, circular()],
        result: [null, 5, 'text', {}, [], z.string, circular()],
        retry: object,
        timeout: duration(1),
      }),
      ...options((of) => loose(api.defineTask)('t', { retry: of }), RETRY, 'options.retry.'),
    ],
  ],
  [
    'createQueue',
    [
      ['name', text(200), (value) => loose(api.createQueue)(value, { store })],
      ['options', object, (value) => loose(api.createQueue)('q', value)],
      ...options(made, {
        store: [null, 5, 'text', {}, [], { exchange: 1 }, circular()],
        tasks: [...list, [null], [5], [{}], [{ name: 't' }], [task, task]],
        retry: object,
        retention: object,
        maxPayloadBytes: integer(1, 2 ** 28),
        logger: [null, 5, 'text', {}, [], { info: 1 }],
      }),
      ...options((of) => made({ retry: of }), RETRY, 'options.retry.'),
      ...options(
        (of) => made({ retention: of }),
        { completed: duration(), dead: duration() },
        'options.retention.',
      ),
    ],
  ],
  [
    'enqueue',
    [
      [
        'task',
        [null, 5, 'text', {}, Symbol('s'), circular()],
        (value) => loose(queue.enqueue.bind(queue))(value, 1),
      ],
      [
        'options',
        [...object.filter((v) => v !== circular)],
        (value) => loose(queue.enqueue.bind(queue))(task, 1, value),
      ],
      ...ENQUEUE(enqueued, 'options.'),
    ],
  ],
  [
    'enqueueMany',
    [
      ['items', list, (value) => loose(queue.enqueueMany.bind(queue))(value)],
      [
        'items[1]',
        [null, 5, 'text', []],
        (value) => loose(queue.enqueueMany.bind(queue))([{ task, payload: 1 }, value]),
      ],
      ['items[1].task', [null, 5, 'text', {}], (value) => many({ task: value })],
      ['items[1].other', [1], (value) => many({ other: value })],
      [
        'options',
        object,
        (value) => loose(queue.enqueueMany.bind(queue))([{ task, payload: 1 }], value),
      ],
      ...ENQUEUE(many, 'items[1].'),
    ],
  ],
  [
    'enqueue by name',
    [
      [
        'tasks[0].name',
        [...text(200), 'unknown'],
        (value) => loose(queue.enqueue.bind(queue))([{ name: value, payload: 1 }]),
      ],
      ['tasks[0]', [null, 5, 'text', []], (value) => loose(queue.enqueue.bind(queue))([value])],
    ],
  ],
  [
    'enqueueFlow',
    [
      ['items', list, (value) => loose(queue.enqueueFlow.bind(queue))(value)],
      [
        'items[1]',
        [null, 5, 'text', []],
        (value) => loose(queue.enqueueFlow.bind(queue))([{ task, payload: 1 }, value]),
      ],
      [
        'options',
        object,
        (value) => loose(queue.enqueueFlow.bind(queue))([{ task, payload: 1 }], value),
      ],
      ...options(
        flow,
        {
          ref: text(200),
          after: [
            ...list,
            ['unknown'],
            [5],
            [null],
            ['__proto__'],
            ['constructor'],
            [Symbol('s')],
            [{}],
          ],
          onChildFailure: word,
        },
        'items[1].',
      ),
      ...enqueueing(flow, 'items[1].'),
    ],
  ],
  [
    'enqueueBatch',
    [
      ['items', list, (value) => batch(value, { task, payload: 1 })],
      ['items[0].task', [null, 5, 'text', {}], (value) => batch([value], { task, payload: 1 })],
      ['then', [null, 5, 'text', [], {}, { task: 5 }], (value) => batch([{ task }], value)],
      ['options', object, (value) => batch([{ task }], { task, payload: 1 }, value)],
    ],
  ],
  [
    'schedule',
    [
      [
        'id',
        text(200),
        (value) => loose(queue.schedule.bind(queue))(value, task, 1, { every: '1m' }),
      ],
      [
        'task',
        [null, 5, 'text', {}],
        (value) => loose(queue.schedule.bind(queue))('s', value, 1, { every: '1m' }),
      ],
      ['options', object, (value) => loose(queue.schedule.bind(queue))('s', task, 1, value)],
      ...enqueueing(scheduled, 'options.'),
      ...options(scheduled, {
        every: duration(1_000),
        from: date,
        until: date,
        missed: [...word, { policy: 'other' }, { policy: 'once', max: 1 }],
        overlap: word,
        timeZone: ['UTC'],
        cron: ['* * * * *'],
      }),
      ...options(
        (of) => scheduled({ missed: { policy: 'skip', ...of } }),
        { grace: duration() },
        'options.missed.',
      ),
      ...options(
        (of) => scheduled({ missed: { policy: 'all', ...of } }),
        { max: integer(1, 10_000) },
        'options.missed.',
      ),
      ...options(cron, {
        cron: [
          ...word,
          '* * * *',
          '* * * * * * *',
          '61 * * * *',
          '@daily',
          `* * * * ${'1,'.repeat(1e5)}1`,
        ],
        timeZone: [...word, 'Europe/Atlantis'],
        from: [new Date(0)],
      }),
    ],
  ],
  [
    'unschedule, children',
    [
      ['id', text(200), (value) => loose(queue.unschedule.bind(queue))(value)],
      ['id', text(200), (value) => loose(queue.children.bind(queue))(value)],
    ],
  ],
  [
    'on',
    [
      ['type', word, (value) => loose(queue.on.bind(queue))(value, () => undefined)],
      ['listener', fn, (value) => loose(queue.on.bind(queue))('task.added', value)],
    ],
  ],
  [
    'createWorker',
    [
      [
        'queues',
        [null, 5, 'text', {}, [], [null], [5], [{}]],
        (value) => loose(api.createWorker)(value, []),
      ],
      [
        'handlers',
        [...list, [null], [5], [{}], [{ task }], [task]],
        (value) => loose(api.createWorker)(queue, value),
      ],
      ['options', object, worker],
      ...options(worker, {
        concurrency: [
          ...integer(1, 10_000).filter(notEmptyObject),
          [],
          { min: 1, max: 2, step: 1 },
          { min: 1 },
          { max: 1 },
        ],
        lease: duration(1_000),
        timeout: duration(1),
        abortGrace: duration(),
        pollInterval: duration(10),
        sweepInterval: duration(10),
        logger: [null, 5, 'text', {}, [], { info: 1 }],
        clock: [
          null,
          5,
          'text',
          {},
          [],
          { now: 1, setTimeout: 1 },
          { setTimeout: () => undefined },
        ],
      }),
      ...options(
        (of) => worker({ concurrency: { min: 1, max: 5, ...of } }),
        { min: integer(1, 10_000), max: integer(1, 10_000) },
        'options.concurrency.',
      ),
      ['options.concurrency.max', [1], (value) => worker({ concurrency: { min: 2, max: value } })],
      [
        'options.deadline',
        duration(),
        (value) => loose((of: never) => api.createWorker(queue, []).close(of))({ deadline: value }),
      ],
      [
        'options',
        object,
        (value) => loose((of: never) => api.createWorker(queue, []).close(of))(value),
      ],
    ],
  ],
  [
    'handlers',
    [
      ['task', [null, 5, 'text', {}], (value) => loose(api.handle)(value, () => undefined)],
      ['handler', fn, (value) => loose(api.handle)(task, value)],
      ['task', [null, 5, 'text', {}], (value) => loose(api.handleBatch)(value, () => undefined)],
      ['handler', fn, (value) => loose(api.handleBatch)(task, value)],
      ['options', object, (value) => loose(api.handleBatch)(task, () => undefined, value)],
      [
        'options.size',
        integer(1, 1_000),
        (value) => loose(api.handleBatch)(task, () => undefined, { size: value }),
      ],
      ['task', [null, 5, 'text', {}], (value) => loose(api.handleInThread)(value, '/job.js')],
      [
        'module',
        [...word, 'job.js', 'https://a.example/job.js', new URL('https://a.example/')],
        (value) => loose(api.handleInThread)(task, value),
      ],
      ['options', object, (value) => loose(api.handleInThread)(task, '/job.js', value)],
      ...options((of) => loose(api.handleInThread)(task, '/job.js', of), {
        threads: integer(1, 256),
        terminateAfter: duration(),
        resourceLimits: object,
      }),
      ...options(
        (of) => loose(api.handleInThread)(task, '/job.js', { resourceLimits: of }),
        { stackSizeMb: number(1, 2 ** 20), maxOldGenerationSizeMb: number(1, 2 ** 20) },
        'options.resourceLimits.',
      ),
      [
        'when',
        [...duration(), new Date(Number.NaN)],
        (value) => loose((when: never) => new api.RetryAt(when))(value),
      ],
    ],
  ],
  [
    'stores and helpers',
    [
      ['options', object, (value) => loose(api.memoryStore)(value)],
      ...options((of) => loose(api.memoryStore)(of), {
        events: integer(1, 10_000_000),
        clock: [null, 5, 'text', {}, []],
      }),
      ['db', [null, 5, 'text', {}, [], { transaction: 1 }], (value) => loose(postgresStore)(value)],
      ['options', object, (value) => loose(postgresStore)(db, value)],
      [
        'options.schema',
        [
          ...word.filter((w) => w !== 'other' && w !== 'constructor' && w !== '__proto__'),
          'A',
          'a b',
          'a"',
          '1a',
          'x'.repeat(49),
          'public;drop',
        ],
        (value) => loose(postgresStore)(db, { schema: value }),
      ],
      [
        'connection',
        [null, 5, 'text', {}, [], { url: 5 }, { url: '' }],
        (value) => loose(redisStore)(value),
      ],
      ['options', object, (value) => loose(redisStore)(client, value)],
      ...options((of) => loose(redisStore)(client, of), {
        prefix: [...STRANGE_PREFIX()],
        logger: [null, 5, 'text', {}, []],
      }),
      ['options', object, (value) => loose(drain)(queue, [], value)],
      ...options((of) => loose(drain)(queue, [], of), {
        concurrency: integer(1, 10_000),
        withinMs: [Number.NaN, 0, -1, '5', null, {}, 1n, Symbol('s')],
      }),
      ['by', duration(), (value) => loose(advance)(virtualClock(), store, value)],
      ['options', object, (value) => loose((of: never) => new api.QueueAdmin(of))(value)],
      [
        'options.store',
        [null, 5, 'text', {}, []],
        (value) => loose((of: never) => new api.QueueAdmin(of))({ store: value }),
      ],
    ],
  ],
];

function STRANGE_PREFIX(): readonly unknown[] {
  return [null, 5, '', 'a b', '{a}', 'a\n', 'a\0', 'ä', 'x'.repeat(65), {}, [], Symbol('s'), 1n];
}

const rows = TABLE.flatMap(([name, list]) =>
  list.map(([path, bad, call]) => ({ name, path, bad, call })),
);

describe('what makes no sense is refused, and nothing is enqueued or changed', () => {
  it.each(rows)('$name: $path', async ({ path, bad, call }) => {
    const before = await everything(store);
    const problems: string[] = [];
    for (const value of bad) {
      try {
        const { code } = await refusal(() => call(value), path);
        expect(['QUEUE_OPTION_INVALID', 'QUEUE_PAYLOAD_INVALID']).toContain(code);
      } catch (error) {
        problems.push(
          `${typeof value} ${shortly(value)}: ${(error as Error).message.slice(0, 200)}`,
        );
      }
    }
    expect(problems).toEqual([]);
    expect(await everything(store)).toEqual(before);
  });
});

function shortly(value: unknown): string {
  try {
    return String(value).slice(0, 30);
  } catch {
    return 'something';
  }
}
