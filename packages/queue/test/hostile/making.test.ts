import { afterEach, beforeEach } from 'vitest';
import { z } from 'zod';
import * as api from '../../src/index.js';
import { postgresStore } from '../../src/stores/postgres.js';
import { redisStore } from '../../src/stores/redis.js';
import { advance, assertEnqueued, drain, virtualClock } from '../../src/testing.js';
import { loose, options, refuses } from './table.js';
import { circular, duration, fn, integer, list, number, object, text, word } from './values.js';

const task = api.defineTask('t');
let store: api.QueueStore;
let queue: api.Queue;

beforeEach(async () => {
  store = api.memoryStore({ clock: virtualClock() });
  queue = api.createQueue('q', { store });
  await queue.enqueue(task, 'there', { idempotencyKey: 'k' });
});

afterEach(() => queue.close());

const CODES = ['QUEUE_OPTION_INVALID'];
const client = { duplicate: () => client };
const db = { transaction: () => undefined, listen: () => undefined };
const notEmptyObject = (value: unknown): boolean => typeof value !== 'object' || value === null;
const PREFIXES = [
  null,
  5,
  '',
  'a b',
  '{a}',
  'a\n',
  'a\0',
  'ä',
  'x'.repeat(65),
  {},
  [],
  Symbol('s'),
  1n,
];
const RETRY = {
  attempts: integer(1, 1_000),
  initial: duration(),
  factor: number(1, 10),
  max: duration(),
  jitter: number(0, 1),
  decide: fn,
};
const worker = (of: unknown): unknown => loose(api.createWorker)(queue, [], of);
const made = (of: unknown): unknown => loose(api.createQueue)('q2', { store, ...Object(of) });

refuses(
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
  CODES,
  () => store,
);

refuses(
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
  CODES,
  () => store,
);

refuses(
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
      clock: [null, 5, 'text', {}, [], { now: 1, setTimeout: 1 }, { setTimeout: () => undefined }],
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
      (value) =>
        loose((of: never) => api.createQueue('r', { store }).close(of))({ deadline: value }),
    ],
    [
      'options',
      object,
      (value) => loose((of: never) => api.createQueue('r', { store }).close(of))(value),
    ],
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
  CODES,
  () => store,
);

refuses(
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
  CODES,
  () => store,
);

refuses(
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
      prefix: PREFIXES,
      logger: [null, 5, 'text', {}, []],
    }),
    ['options', object, (value) => loose(drain)(queue, [], value)],
    ...options((of) => loose(drain)(queue, [], of), {
      concurrency: integer(1, 10_000),
      withinMs: [Number.NaN, 0, -1, '5', null, {}, 1n, Symbol('s')],
    }),
    [
      'startMs',
      [null, '5', {}, 10n, Symbol('s'), Number.NaN, -1, 1e300],
      (value) => loose(virtualClock)(value),
    ],
    ['ms', duration(), (value) => loose(virtualClock().advance)(value)],
    ['task', [null, 5, 'text', {}], (value) => loose(assertEnqueued)(queue, value)],
    ['expected', object, (value) => loose(assertEnqueued)(queue, task, value)],
    ...options(
      (of) => loose(assertEnqueued)(queue, task, of),
      {
        count: integer(0, Number.MAX_SAFE_INTEGER).filter((v) => v !== 0),
        states: [...list, ['gone'], [null]],
      },
      'expected.',
    ),
    ['by', duration(), (value) => loose(advance)(virtualClock(), store, value)],
    ['options', object, (value) => loose((of: never) => new api.QueueAdmin(of))(value)],
    [
      'options.store',
      [null, 5, 'text', {}, []],
      (value) => loose((of: never) => new api.QueueAdmin(of))({ store: value }),
    ],
  ],
  CODES,
  () => store,
);
