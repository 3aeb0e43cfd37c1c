import { afterEach, beforeEach } from 'vitest';
import * as api from '../../src/index.js';
import { virtualClock } from '../../src/testing.js';
import { loose, options, type Row, refuses } from './table.js';
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
  text,
  word,
} from './values.js';

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

const enqueued = (of: Record<string, unknown>): unknown => loose(queue.enqueue, queue)(task, 1, of);
const many = (of: Record<string, unknown>): unknown =>
  loose(
    queue.enqueueMany,
    queue,
  )([
    { task, payload: 0 },
    { task, payload: 1, ...of },
  ]);
const flow = (of: Record<string, unknown>): unknown =>
  loose(
    queue.enqueueFlow,
    queue,
  )([
    { task, payload: 0 },
    { task, payload: 1, ...of },
  ]);
const batch = (...args: unknown[]): unknown => loose(queue.enqueueBatch, queue)(...args);
const scheduled = (of: Record<string, unknown>): unknown =>
  loose(queue.schedule, queue)('s', task, 1, { every: '1m', ...of });
const cron = (of: Record<string, unknown>): unknown =>
  loose(queue.schedule, queue)('s', task, 1, { cron: '0 4 * * *', ...of });

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

refuses(
  'enqueue',
  [
    [
      'task',
      [null, 5, 'text', {}, Symbol('s'), circular()],
      (value) => loose(queue.enqueue, queue)(value, 1),
    ],
    ['options', object, (value) => loose(queue.enqueue, queue)(task, 1, value)],
    ...ENQUEUE(enqueued, 'options.'),
  ],
  CODES,
  () => store,
);

refuses(
  'enqueueMany',
  [
    ['items', list, (value) => loose(queue.enqueueMany, queue)(value)],
    [
      'items[1]',
      [null, 5, 'text', []],
      (value) => loose(queue.enqueueMany, queue)([{ task, payload: 1 }, value]),
    ],
    ['items[1].task', [null, 5, 'text', {}], (value) => many({ task: value })],
    ['items[1].other', [1], (value) => many({ other: value })],
    ['options', object, (value) => loose(queue.enqueueMany, queue)([{ task, payload: 1 }], value)],
    ...ENQUEUE(many, 'items[1].'),
  ],
  CODES,
  () => store,
);

refuses(
  'enqueue by name',
  [
    [
      'tasks[0].name',
      [...text(200), 'unknown'],
      (value) => loose(queue.enqueue, queue)([{ name: value, payload: 1 }]),
    ],
    ['tasks[0]', [null, 5, 'text', []], (value) => loose(queue.enqueue, queue)([value])],
  ],
  CODES,
  () => store,
);

refuses(
  'enqueueFlow',
  [
    ['items', list, (value) => loose(queue.enqueueFlow, queue)(value)],
    [
      'items[1]',
      [null, 5, 'text', []],
      (value) => loose(queue.enqueueFlow, queue)([{ task, payload: 1 }, value]),
    ],
    ['options', object, (value) => loose(queue.enqueueFlow, queue)([{ task, payload: 1 }], value)],
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
  CODES,
  () => store,
);

refuses(
  'enqueueBatch',
  [
    ['items', list, (value) => batch(value, { task, payload: 1 })],
    ['items[0].task', [null, 5, 'text', {}], (value) => batch([value], { task, payload: 1 })],
    ['then', [null, 5, 'text', [], {}, { task: 5 }], (value) => batch([{ task }], value)],
    ['options', object, (value) => batch([{ task }], { task, payload: 1 }, value)],
  ],
  CODES,
  () => store,
);

refuses(
  'schedule',
  [
    ['id', text(200), (value) => loose(queue.schedule, queue)(value, task, 1, { every: '1m' })],
    [
      'task',
      [null, 5, 'text', {}],
      (value) => loose(queue.schedule, queue)('s', value, 1, { every: '1m' }),
    ],
    ['options', object, (value) => loose(queue.schedule, queue)('s', task, 1, value)],
    ...enqueueing(scheduled, 'options.'),
    ...options(scheduled, {
      every: duration(1_000),
      from: date,
      until: date,
      missed: [...word, { policy: 'other' }, { policy: 'once', max: 1 }],
      overlap: word,
      timeZone: ['UTC'],
      cron: ['* * * * *'],
      by: text(200),
      reason: text(1_000),
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
  CODES,
  () => store,
);

refuses(
  'unschedule, children',
  [
    ['id', text(200), (value) => loose(queue.unschedule, queue)(value)],
    ['options', object, (value) => loose(queue.unschedule, queue)('s', value)],
    ...options((of) => loose(queue.unschedule, queue)('s', of), {
      by: text(200),
      reason: text(1_000),
    }),
    ['id', text(200), (value) => loose(queue.children, queue)(value)],
  ],
  CODES,
  () => store,
);

refuses(
  'on',
  [
    ['type', word, (value) => loose(queue.on, queue)(value, () => undefined)],
    ['listener', fn, (value) => loose(queue.on, queue)('task.added', value)],
  ],
  CODES,
  () => store,
);
