import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createCheckpoints, isCheckpointError, memoryStore } from '../src/index.js';
import { type Damage, damagedStore } from '../src/testing.js';

async function failure(work: Promise<unknown>): Promise<Record<string, unknown>> {
  const error: unknown = await work.then(
    () => 'nothing failed',
    (reason: unknown) => reason,
  );
  if (!isCheckpointError(error)) return { error };
  return { code: error.code, message: error.message, details: error.details };
}

/** A set of templates and checkpoints over it, as an application has them. */
function templates() {
  const checkpoints = createCheckpoints({ store: memoryStore() });
  const owner = { state: {} as Record<string, string> };
  checkpoints.register('templates', {
    schema: z.record(z.string(), z.string()),
    restore(state) {
      owner.state = state;
    },
  });
  return { checkpoints, owner };
}

describe('save and load', () => {
  it('gives back the state with its facts', async () => {
    const { checkpoints } = templates();
    const saved = await checkpoints.save('session:1', [1, { a: null }], {
      label: 'first',
      tags: ['x', 'x', 'y'],
      author: 'ann',
      metadata: { ticket: 7 },
    });
    expect(saved).toMatchObject({ version: 1, parent: null, label: 'first', tags: ['x', 'y'] });
    const loaded = await checkpoints.load('session:1');
    expect(loaded).toEqual({ ...saved, state: [1, { a: null }] });
    expect(loaded.size).toBe('[1,{"a":null}]'.length);
    expect(loaded.origin).toEqual({ kind: 'save' });
  });

  it('round-trips any JSON state', async () => {
    const { checkpoints } = templates();
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ stringUnit: 'binary' }), async (state) => {
        await checkpoints.save('any', state);
        // As JSON has it: -0 is 0.
        expect((await checkpoints.load('any')).state).toEqual(JSON.parse(JSON.stringify(state)));
      }),
    );
  });

  it('finds versions by number, label and time', async () => {
    const { checkpoints } = templates();
    const first = await checkpoints.save('s', 'one', { label: 'a' });
    await checkpoints.save('s', 'two', { label: 'a' });
    expect((await checkpoints.load('s', { version: 1 })).state).toBe('one');
    expect((await checkpoints.load('s', { label: 'a' })).state).toBe('two');
    const loaded = await checkpoints.load('s', { at: first.createdAt });
    expect(loaded.createdAt.getTime()).toBeLessThanOrEqual(first.createdAt.getTime());
    expect(await failure(checkpoints.load('s', { label: 'b' }))).toMatchObject({
      code: 'CHECKPOINT_NOT_FOUND',
      details: { subject: 's', selector: { label: 'b' } },
    });
    expect(await checkpoints.latest('nobody')).toBe(null);
  });

  it('stores the unchanged parts of a large state once', async () => {
    const { checkpoints } = templates();
    const list = Array.from({ length: 5_000 }, (_, id) => ({ id, text: `message ${id}` }));
    const { size } = await checkpoints.save('log', { list });
    const before = checkpoints.stats().bytesWritten;
    expect(before).toBeGreaterThan(size * 0.99);
    await checkpoints.save('log', { list: [...list, { id: 5_000, text: 'one more' }] });
    expect(checkpoints.stats().bytesWritten - before).toBeLessThan(size / 2);
    expect((await checkpoints.load<{ list: object[] }>('log')).state.list).toHaveLength(5_001);
  });

  it('writes the same bytes for two savers that do not know of each other', async () => {
    const store = memoryStore();
    const [one, two] = [createCheckpoints({ store }), createCheckpoints({ store })];
    await one.save('s', { a: 1 });
    await two.save('s', { b: 2 });
    await one.save('s', { a: 1 });
    expect((await two.load('s')).state).toEqual({ a: 1 });
    expect((await one.verify('s')).damaged).toEqual([]);
  });

  it('refuses the slower of two that changed the same version', async () => {
    const { checkpoints } = templates();
    await checkpoints.save('s', 1, { expectedVersion: 0 });
    const results = await Promise.allSettled(
      [2, 3].map((state) => checkpoints.save('s', state, { expectedVersion: 1 })),
    );
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await failure(checkpoints.save('s', 4, { expectedVersion: 1 }))).toMatchObject({
      code: 'CHECKPOINT_VERSION_CONFLICT',
      details: { subject: 's', expected: 1, actual: 2 },
    });
  });

  it('refuses a state that does not fit the schema of its kind', async () => {
    const { checkpoints } = templates();
    expect(await failure(checkpoints.save('templates:en', { greeting: 1 }))).toMatchObject({
      code: 'CHECKPOINT_STATE_INVALID',
      details: { kind: 'templates' },
    });
    expect(await checkpoints.latest('templates:en')).toBe(null);
  });

  it('names the option, the rule and what was received', async () => {
    const { checkpoints } = templates();
    const loose = checkpoints.save.bind(checkpoints) as (...given: unknown[]) => Promise<unknown>;
    const cases: [unknown[], string][] = [
      [['', 1], 'subject'],
      [['a\nb', 1], 'subject'],
      [['\ud800', 1], 'subject'],
      [['s', 1, { label: 7 }], 'options.label'],
      [['s', 1, { tags: ['ok', ''] }], 'options.tags.1'],
      [['s', 1, { expectedVersion: -1 }], 'options.expectedVersion'],
      [['s', 1, { expectedVersion: Number.NaN }], 'options.expectedVersion'],
      [['s', 1, { lable: 'typo' }], 'lable'],
      [['s', 1, { metadata: { at: new Date() } }], 'options.metadata'],
      [['s', 1, { metadata: { text: 'x'.repeat(70_000) } }], 'options.metadata'],
    ];
    for (const [given, named] of cases) {
      const found = await failure(loose(...given));
      expect(found.code).toBe('CHECKPOINT_OPTION_INVALID');
      expect(found.message).toContain(named);
    }
  });
});

describe('list', () => {
  it('pages with cursors that survive new versions', async () => {
    const { checkpoints } = templates();
    for (const state of [1, 2, 3, 4, 5]) await checkpoints.save('s', state);
    const seen: number[] = [];
    let cursor: string | undefined;
    do {
      const page = await checkpoints.list({ subject: 's', limit: 2, cursor });
      seen.push(...page.items.map(({ version }) => version));
      cursor = page.nextCursor ?? undefined;
      await checkpoints.save('s', 'more');
    } while (cursor !== undefined);
    expect(seen).toEqual([5, 4, 3, 2, 1]);
    expect(await failure(checkpoints.list({ subject: 's', cursor: 'nonsense' }))).toMatchObject({
      code: 'CHECKPOINT_OPTION_INVALID',
    });
  });

  it('asks no store for what it cannot hold, whoever made the cursor up', async () => {
    const { checkpoints } = templates();
    await checkpoints.save('s', 1);
    const cursor = (place: unknown) => Buffer.from(JSON.stringify(place)).toString('base64url');
    const invalid = { code: 'CHECKPOINT_OPTION_INVALID' };
    for (const place of [2 ** 31, -1, 0, 1.5, '\u0000', null]) {
      const found = await failure(checkpoints.list({ subject: 's', cursor: cursor(place) }));
      expect(found).toMatchObject(invalid);
    }
    for (const place of ['a\u0000b', '\ud800', '', 1]) {
      const found = await failure(checkpoints.subjects({ cursor: cursor(place) }));
      expect(found).toMatchObject(invalid);
    }
    expect(await failure(checkpoints.load('s', { version: 2 ** 31 }))).toMatchObject(invalid);
    expect(await failure(checkpoints.verify('s', { version: 2 ** 31 }))).toMatchObject(invalid);
  });

  it('lists subjects with their newest version', async () => {
    const { checkpoints } = templates();
    await checkpoints.save('b:1', 1);
    await checkpoints.save('a', 1);
    await checkpoints.save('a', 2);
    const { items } = await checkpoints.subjects();
    expect(items.map(({ subject, version }) => [subject, version])).toEqual([
      ['a', 2],
      ['b:1', 1],
    ]);
  });
});

describe('rollback', () => {
  it('restores through the owner, is history, and can be undone', async () => {
    const { checkpoints, owner } = templates();
    await checkpoints.save('templates', { greeting: 'Hello' }, { label: 'good' });
    await checkpoints.save('templates', { greeting: 'Hi' });
    const record = await checkpoints.rollback('templates', {
      to: { label: 'good' },
      by: 'ann',
      reason: 'too informal',
    });
    expect(owner.state).toEqual({ greeting: 'Hello' });
    expect(record).toMatchObject({
      version: 3,
      author: 'ann',
      origin: { kind: 'rollback', from: 2, to: 1, reason: 'too informal' },
    });
    expect((await checkpoints.load('templates')).state).toEqual({ greeting: 'Hello' });

    await checkpoints.undo('templates', { by: 'bob', reason: 'it was asked for' });
    expect(owner.state).toEqual({ greeting: 'Hi' });
    expect((await checkpoints.latest('templates'))?.origin).toMatchObject({ from: 3, to: 2 });
    const { items } = await checkpoints.list({ subject: 'templates' });
    expect(items.map(({ version }) => version)).toEqual([4, 3, 2, 1]);
  });

  it('leaves no record when the owner could not restore', async () => {
    const checkpoints = createCheckpoints({ store: memoryStore() });
    const broken = new Error('disk full');
    checkpoints.register('s', {
      restore() {
        throw broken;
      },
    });
    await checkpoints.save('s', 1);
    const failed = await failure(checkpoints.rollback('s', { to: 1, by: 'ann', reason: 'test' }));
    expect(failed.error).toBe(broken);
    expect((await checkpoints.latest('s'))?.version).toBe(1);
    await checkpoints.save('s', 2);
    expect((await checkpoints.latest('s'))?.version).toBe(2);
  });

  it('lets restore save other subjects in the same transaction', async () => {
    const checkpoints = createCheckpoints({ store: memoryStore() });
    let fail = true;
    checkpoints.register('s', {
      async restore(_state, { tx }) {
        await checkpoints.save('audit', 'restored', { tx });
        if (fail) throw new Error('after the save');
      },
    });
    await checkpoints.save('s', 1);
    const rollback = () => checkpoints.rollback('s', { to: 1, by: 'ann', reason: 'test' });
    await failure(rollback());
    expect(await checkpoints.latest('audit')).toBe(null);
    fail = false;
    await rollback();
    expect((await checkpoints.latest('audit'))?.version).toBe(1);
  });

  it('refuses a save inside restore that would wait for itself', async () => {
    const checkpoints = createCheckpoints({ store: memoryStore() });
    checkpoints.register('s', {
      async restore() {
        await checkpoints.save('s', 'without tx');
      },
    });
    await checkpoints.save('s', 1);
    const failed = await failure(checkpoints.rollback('s', { to: 1, by: 'ann', reason: 'test' }));
    expect(failed.message).toContain('needs the option `tx`');
    expect((await checkpoints.latest('s'))?.version).toBe(1);
  });

  it('restores nothing that is stale, damaged, unknown or without an owner', async () => {
    const { checkpoints, owner } = templates();
    await checkpoints.save('templates', { a: '1' });
    await checkpoints.save('templates', { a: '2' });
    const by = { by: 'ann', reason: 'test' };
    const roll = (to: number, expectedVersion?: number) =>
      failure(checkpoints.rollback('templates', { to, expectedVersion, ...by }));
    expect((await roll(1, 1)).code).toBe('CHECKPOINT_VERSION_CONFLICT');
    expect((await roll(9)).code).toBe('CHECKPOINT_NOT_FOUND');
    expect((await roll(0)).code).toBe('CHECKPOINT_OPTION_INVALID');
    await checkpoints.save('other', 1);
    expect(await failure(checkpoints.rollback('other', { to: 1, ...by }))).toMatchObject({
      code: 'CHECKPOINT_HANDLER_NOT_FOUND',
      details: { kind: 'other' },
    });
    expect((await failure(checkpoints.undo('templates', by))).code).toBe(
      'CHECKPOINT_UNDO_CONFLICT',
    );
    expect(owner.state).toEqual({});
    expect((await checkpoints.latest('templates'))?.version).toBe(2);
  });

  it('takes one handler a kind', () => {
    const { checkpoints } = templates();
    expect(() => checkpoints.register('templates', { restore() {} })).toThrow(
      'already has a handler',
    );
    expect(() => checkpoints.register('a:b', { restore() {} })).toThrow('without a colon');
  });
});

describe('integrity', () => {
  const three = async (damage: Damage) => {
    const store = memoryStore();
    const writer = createCheckpoints({ store });
    for (const state of [{ n: 1 }, { n: 2 }, { n: 3 }]) {
      await writer.save('s', state, { author: 'ann', metadata: { n: 1 } });
    }
    return createCheckpoints({ store: damagedStore(store, damage) });
  };
  const isThird = (body: Uint8Array) => Buffer.from(body).toString().includes('3');

  it('detects every flipped bit of a state, and offers the last good version', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.nat(7), async (place, bit) => {
        const checkpoints = await three({
          segment(segment) {
            if (!isThird(segment.body)) return segment;
            const body = Uint8Array.from(segment.body);
            const index = place % body.length;
            body[index] = (body[index] ?? 0) ^ (1 << bit);
            return { ...segment, body };
          },
        });
        const found = await failure(checkpoints.load('s'));
        expect(found.code).toBe('CHECKPOINT_DAMAGED');
        expect(found.details).toMatchObject({
          version: 3,
          lastGood: 2,
          problems: [{ part: 'segment', reason: 'altered' }],
        });
        expect((await checkpoints.load('s', { version: 2 })).state).toEqual({ n: 2 });
      }),
      { numRuns: 40 },
    );
  });

  it('detects a missing part', async () => {
    const checkpoints = await three({ segment: (part) => (isThird(part.body) ? null : part) });
    expect((await failure(checkpoints.load('s'))).details).toMatchObject({
      lastGood: 2,
      problems: [{ part: 'segment', reason: 'missing' }],
    });
  });

  it.each([
    ['metadata', { metadata: { n: 2 } }, 'record'],
    ['the author', { author: 'eve' }, 'record'],
    ['the origin', { origin: { kind: 'rollback', to: 1, reason: 'x' } }, 'record'],
    ['the manifest', { manifest: '{"format":1,"pieces":["[]"]}' }, 'manifest'],
    ['the list of parts', { refs: [] }, 'manifest'],
  ] as const)('detects a change of %s', async (_, change, part) => {
    const checkpoints = await three({
      version: (version) => (version.version === 1 ? { ...version, ...change } : version),
    });
    expect((await failure(checkpoints.load('s', { version: 1 }))).details).toMatchObject({
      lastGood: null,
      problems: [{ part, reason: 'altered' }],
    });
    expect(await checkpoints.verify('s')).toMatchObject({
      checked: 3,
      damaged: [{ version: 1, problems: [{ part }] }],
      lastGood: 3,
    });
  });

  it('verifies all versions, however many', async () => {
    const checkpoints = createCheckpoints({ store: memoryStore() });
    for (let state = 1; state <= 250; state++) await checkpoints.save('s', state);
    const report = await checkpoints.verify('s');
    expect(report).toEqual({ subject: 's', checked: 250, damaged: [], lastGood: 250 });
    expect((await checkpoints.verify('s', { version: 7 })).checked).toBe(1);
  });
});

describe('close', () => {
  it('comes to its end at the deadline, and keeps the process alive until then', async () => {
    let unrefs = 0;
    const checkpoints = createCheckpoints({
      store: memoryStore(),
      clock: {
        now: Date.now,
        setTimeout(fn, ms) {
          const timer = setTimeout(fn, ms);
          return {
            clear: () => clearTimeout(timer),
            unref() {
              unrefs += 1;
            },
          };
        },
      },
    });
    checkpoints.register('s', { restore: () => new Promise(() => {}) });
    await checkpoints.save('s', 1);
    void checkpoints.rollback('s', { to: 1, by: 'ann', reason: 'never ends' });
    expect((await checkpoints.close({ deadline: 20 })).drained).toBe(false);
    expect(unrefs).toBe(0);
  });

  it('waits for running calls, then refuses new ones', async () => {
    const { checkpoints } = templates();
    const running = checkpoints.save('s', 1);
    expect((await checkpoints.close()).drained).toBe(true);
    expect((await running).version).toBe(1);
    expect((await failure(checkpoints.load('s'))).code).toBe('CHECKPOINT_CLOSED');
    expect((await checkpoints.close()).drained).toBe(true);
  });
});
