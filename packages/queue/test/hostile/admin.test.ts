import { afterEach, beforeEach, expect, it } from 'vitest';
import * as api from '../../src/index.js';
import { virtualClock } from '../../src/testing.js';
import { everything, loose, options, type Row, refuses } from './table.js';
import { flag, integer, list, number, object, refusal, text, word } from './values.js';

const CODES = ['QUEUE_INPUT_INVALID', 'QUEUE_OPTION_INVALID'];
const task = api.defineTask('t');
let store: api.QueueStore;
let queue: api.Queue;
let admin: api.QueueAdmin;
let id: string;

beforeEach(async () => {
  store = api.memoryStore({ clock: virtualClock() });
  queue = api.createQueue('q', { store });
  admin = new api.QueueAdmin({ store });
  ({ id } = await queue.enqueue(task, 1));
  await queue.schedule('s', task, 1, { every: '1m' });
});

afterEach(() => queue.close());

type Method = Exclude<keyof api.QueueAdmin, symbol>;
const call = (method: Method, ...args: unknown[]): unknown => loose(admin[method], admin)(...args);
const uuids = [...text(100), 'nope', '00000000-0000-0000-0000-00000000000g'];
const time = [...word, 5, 'tomorrow', '2026-13-01T00:00:00Z', '2026-01-01'];
/** What an optional list refuses. */
const listOf = (items: readonly unknown[]): readonly unknown[] => [
  ...list,
  ...items.map((v) => [v]),
];

const CHANGE = { by: text(200), reason: text(1_000) };
const FILTER = {
  queue: text(200),
  states: [...listOf(word), []],
  name: text(200),
  ids: [
    ...listOf(uuids),
    Array.from({ length: 501 }, () => '019a6b3e-7c1d-7f60-8a53-0d6a4b7f2c11'),
  ],
  group: text(200),
  blockedBy: word,
  error: text(200),
  finishedFrom: time,
  finishedTo: time,
};

/** Rows of a method whose last argument is an object. */
const inputs = (
  method: Method,
  bad: Readonly<Record<string, readonly unknown[]>>,
  args: () => readonly unknown[] = () => [],
): Row[] => [
  ['input', object, (value) => call(method, ...args(), value)],
  ...options((of) => call(method, ...args(), of), bad, 'input.'),
];
const filtered = (method: Method, without: readonly string[] = []): Row[] => {
  const fields = Object.entries(FILTER).filter(([name]) => !without.includes(name));
  return [
    ['input.filter', object, (value) => call(method, { filter: value })],
    ...options((of) => call(method, { filter: of }), Object.fromEntries(fields), 'input.filter.'),
  ];
};
const named = (method: Method, path = 'queue'): Row => [
  path,
  text(200),
  (value) => call(method, value, ...(method === 'setLimits' ? [{}] : [])),
];
const PAGING = {
  limit: integer(1, 500),
  cursor: [...text(200), 'x', Buffer.from('["a",1]').toString('base64url')].filter(
    (value) => value !== null && value !== '',
  ),
};
const BULK = { ...CHANGE, limit: integer(1, 10_000) };
const RATE = { max: integer(1, 1e9), windowMs: integer(100, 86_400_000) };
const GROUP = {
  concurrency: notNull(integer(0, 1_000_000)),
  weight: notNull(number(0.001, 1_000)),
};
/** null takes a limit away. */
function notNull(values: readonly unknown[]): readonly unknown[] {
  return values.filter((value) => value !== null);
}

refuses(
  'reading',
  [
    ...inputs('list', {
      sort: word,
      limit: integer(1, 500),
      cursor: [...text(200), 'x', Buffer.from('nope').toString('base64url')].filter(
        (v) => v !== null && v !== '',
      ),
    }),
    ...filtered('list'),
    ['id', text(200), (value) => call('get', value)],
    ['id', text(200), (value) => call('children', value)],
    ...inputs('children', { sort: word, limit: integer(1, 500), filter: [{}] }, () => [id]),
    named('queue'),
    named('counts'),
    ...inputs('schedules', { queue: text(200), ...PAGING }),
    ...inputs('queues', PAGING),
    ['queue', text(200), (value) => call('schedule', value, 's')],
    ['id', text(200), (value) => call('schedule', 'q', value)],
    ...inputs('events', {
      after: text(200),
      queues: [...listOf(text(200)), []],
      types: [...listOf(word), []],
      limit: integer(1, 500),
      waitMs: integer(0, 30_000),
    }),
    named('activity'),
    ...inputs('activity', { from: time, to: time }, () => ['q']),
  ],
  CODES,
  () => store,
);

refuses(
  'changing one task',
  [
    ...(['redrive', 'cancel', 'remove', 'promote'] as const).flatMap((method): Row[] => [
      ['id', text(200), (value) => call(method, value)],
      ...inputs(method, CHANGE, () => [id]),
    ]),
    ...options((of) => call('redrive', id, of), { payload: [10n, Symbol('s'), () => 1] }, 'input.'),
    ...options((of) => call('cancel', id, of), { running: flag }, 'input.'),
    ['id', text(200), (value) => call('reprioritise', value, 1)],
    ['input', integer(-32_768, 32_767), (value) => call('reprioritise', id, value)],
    ...inputs('reprioritise', CHANGE, () => [id, 1]),
    ['id', text(200), (value) => call('move', value, 'other')],
    ['queue', text(200), (value) => call('move', id, value)],
    ...inputs('move', CHANGE, () => [id, 'other']),
  ],
  CODES,
  () => store,
);

refuses(
  'changing many tasks',
  [
    ...inputs('redriveMany', { ...BULK, everyMs: integer(0, 86_400_000) }),
    ...filtered('redriveMany', ['states']),
    ...inputs('cancelMany', { ...BULK, running: flag }),
    ...filtered('cancelMany', ['states']),
    ...inputs('purge', BULK),
    ...filtered('purge', ['states']),
    ...inputs('clean', BULK),
    ...filtered('clean'),
    ...options(
      (of) => call('clean', { filter: of }),
      { states: [['ready'], ['leased']] },
      'input.filter.',
    ),
    ...inputs('promoteMany', BULK),
    ...filtered('promoteMany', ['states']),
    ...options(
      (of) => call('reprioritiseMany', { priority: 1, ...of }),
      { ...BULK, priority: integer(-32_768, 32_767) },
      'input.',
    ),
    ['input.priority', [{}], (value) => call('reprioritiseMany', value)],
    ...options((of) => call('moveMany', { to: 'r', ...of }), { ...BULK, to: text(200) }, 'input.'),
    ['input.to', [{}], (value) => call('moveMany', value)],
    ...options(
      (of) => call('moveMany', { to: 'r', filter: of }),
      { states: [['leased'], ['completed']] },
      'input.filter.',
    ),
  ],
  CODES,
  () => store,
);

refuses(
  'changing queues and schedules',
  [
    ...(['pause', 'resume'] as const).flatMap((method) => [
      named(method),
      ...inputs(method, CHANGE, () => ['q']),
    ]),
    named('setLimits'),
    ...inputs(
      'setLimits',
      {
        ...CHANGE,
        concurrency: notNull(integer(0, 1_000_000)),
        rate: notNull(object),
        priorities: notNull(object),
        groupDefaults: notNull(object),
        groups: [
          null,
          true,
          5,
          'text',
          [],
          JSON.parse('{"__proto__":{"concurrency":1}}'),
          { '': {} },
        ],
      },
      () => ['q'],
    ),
    ...options(
      (of) => call('setLimits', 'q', { rate: { max: 1, windowMs: 1_000, ...of } }),
      RATE,
      'input.rate.',
    ),
    ...options(
      (of) => call('setLimits', 'q', { priorities: { min: 0, max: 0, ...of } }),
      { min: integer(-32_768, 0), max: integer(0, 32_767) },
      'input.priorities.',
    ),
    ...options(
      (of) => call('setLimits', 'q', { groupDefaults: of }),
      GROUP,
      'input.groupDefaults.',
    ),
    ...options((of) => call('setLimits', 'q', { groups: { g: of } }), GROUP, 'input.groups.g.'),
    ...(['pauseSchedule', 'resumeSchedule', 'triggerSchedule', 'removeSchedule'] as const).flatMap(
      (method): Row[] => [
        ['queue', text(200), (value) => call(method, value, 's')],
        ['id', text(200), (value) => call(method, 'q', value)],
        ...inputs(method, CHANGE, () => ['q', 's']),
      ],
    ),
  ],
  CODES,
  () => store,
);

it('tells of a getter that throws, wherever it is', async () => {
  const before = await everything(store);
  const trap = (name: string): object =>
    Object.defineProperty({}, name, {
      enumerable: true,
      get: () => {
        throw new Error('the trap');
      },
    });
  const calls: (readonly [string, () => unknown])[] = [
    ['input', () => call('list', trap('limit'))],
    ['input', () => call('purge', { filter: trap('queue') })],
    ['options', () => loose(queue.enqueue, queue)(task, 1, trap('delay'))],
    ['items[0]', () => loose(queue.enqueueMany, queue)([Object.assign(trap('payload'), { task })])],
    ['options', () => loose(api.createWorker)(queue, [], trap('lease'))],
    ['options', () => loose(api.defineTask)('t', trap('retry'))],
    ['options.headers', () => loose(queue.enqueue, queue)(task, 1, { headers: trap('a') })],
  ];
  for (const [path, attempt] of calls) {
    expect((await refusal(attempt, path)).issue.received).toContain('the trap');
  }
  expect(await everything(store)).toEqual(before);
});
