import { createHash, randomUUID } from 'node:crypto';
import type { CheckpointStore, NewVersion, Segment, StoredVersion } from './store.js';

/** What the suite uses of a test runner: vitest's and jest's fit as they are. */
export interface TestRunner {
  describe(name: string, body: () => void): unknown;
  it(name: string, body: () => Promise<void>): unknown;
  expect(actual: unknown): {
    toBe(expected: unknown): unknown;
    toEqual(expected: unknown): unknown;
    toMatchObject(expected: object): unknown;
  };
}

/** The store under test. */
export interface ConformanceOptions<Tx> {
  /** Shown in test names. */
  readonly name: string;
  /** Gives the store; the same one each time if you like, as every test has subjects of its own. */
  create(): Promise<CheckpointStore<Tx>>;
}

/** Changes what a store reads, to see that damage is noticed. */
export interface Damage {
  /** Gives what is read in place of a segment; `null`: it is missing. */
  segment?(segment: Segment): Segment | null;
  /** Gives what is read in place of a version. */
  version?(version: StoredVersion): StoredVersion;
}

/** A store whose reads are damaged by `damage`; writes go through untouched. */
export function damagedStore<Tx>(store: CheckpointStore<Tx>, damage: Damage): CheckpointStore<Tx> {
  const altered = (version: StoredVersion) => damage.version?.(version) ?? version;
  return {
    name: store.name,
    append: (versions, options) => store.append(versions, options),
    subjects: (query) => store.subjects(query),
    transaction: (work, options) => store.transaction(work, options),
    health: () => store.health(),
    async find(subject, selector, options) {
      const found = await store.find(subject, selector, options);
      return found === null ? null : altered(found);
    },
    async list(query, options) {
      return (await store.list(query, options)).map(altered);
    },
    async read(subject, hashes, options) {
      const segments = await store.read(subject, hashes, options);
      if (damage.segment === undefined) return segments;
      return segments.flatMap((segment) => damage.segment?.(segment) ?? []);
    },
  };
}

/** A segment with these bytes. */
function segmentOf(text: string): Segment {
  const body = Buffer.from(text);
  return { hash: createHash('sha256').update(body).digest('hex'), body };
}

function versionOf(subject: string, texts: string[], rest: Partial<NewVersion> = {}): NewVersion {
  const segments = texts.map(segmentOf);
  return {
    id: randomUUID(),
    subject,
    label: null,
    tags: [],
    author: null,
    metadata: {},
    size: 1,
    contentHash: 'c0',
    checksum: 'c1',
    origin: { kind: 'save' },
    manifest: '{}',
    refs: segments.map(({ hash }) => hash),
    segments,
    expectedVersion: null,
    ...rest,
  };
}

/** What every {@link CheckpointStore} must do. */
export function checkpointStoreConformance<Tx>(
  { describe, it, expect }: TestRunner,
  { name, create }: ConformanceOptions<Tx>,
): void {
  const subjectName = () => `s${randomUUID()}`;
  const numbers = (versions: readonly StoredVersion[]) => versions.map(({ version }) => version);

  describe(`${name}: append`, () => {
    it('numbers versions without gaps and links each to the one before', async () => {
      const store = await create();
      const subject = subjectName();
      const first = versionOf(subject, ['a']);
      await store.append([first]);
      const [outcome] = await store.append([versionOf(subject, ['b'])]);
      expect(outcome).toMatchObject({ kind: 'appended', version: 2, parent: first.id });
      const [second, stored] = await store.list({ subject, limit: 10 });
      expect(stored).toMatchObject({ version: 1, parent: null });
      expect((second?.createdAt ?? 0) >= (stored?.createdAt ?? 1)).toBe(true);
    });

    it('keeps numbers gapless when many append at once', async () => {
      const store = await create();
      const subject = subjectName();
      const texts = Array.from({ length: 20 }, (_, index) => `text ${index}`);
      await Promise.all(texts.map((text) => store.append([versionOf(subject, [text, 'same'])])));
      const found = await store.list({ subject, limit: 100 });
      expect(numbers(found)).toEqual(texts.map((_, index) => 20 - index));
      const ids = new Map(found.map(({ version, id }) => [version, id]));
      expect(found.every(({ version, parent }) => parent === (ids.get(version - 1) ?? null))).toBe(
        true,
      );
    });

    it('appends nothing when the head is not the expected one', async () => {
      const store = await create();
      const subject = subjectName();
      const append = async (expectedVersion: number) =>
        (await store.append([versionOf(subject, ['x'], { expectedVersion })]))[0];
      expect(await append(1)).toEqual({ kind: 'conflict', head: 0 });
      expect(await append(0)).toMatchObject({ kind: 'appended', version: 1 });
      expect(await append(0)).toEqual({ kind: 'conflict', head: 1 });
      expect(await append(1)).toMatchObject({ kind: 'appended', version: 2 });
      expect(numbers(await store.list({ subject, limit: 9 }))).toEqual([2, 1]);
    });

    it('lets one of several that expect the same head through', async () => {
      const store = await create();
      const subject = subjectName();
      const outcomes = await Promise.all(
        ['a', 'b', 'c', 'd'].map((text) =>
          store.append([versionOf(subject, [text], { expectedVersion: 0 })]),
        ),
      );
      const kinds = outcomes.flat().map(({ kind }) => kind);
      expect(kinds.sort()).toEqual(['appended', 'conflict', 'conflict', 'conflict']);
    });

    it('shares segments between versions and names those it lacks', async () => {
      const store = await create();
      const subject = subjectName();
      await store.append([versionOf(subject, ['old'])]);
      const next = versionOf(subject, ['old', 'new']);
      const [lacking] = await store.append([{ ...next, segments: [] }]);
      expect(lacking).toEqual({ kind: 'missing', hashes: [segmentOf('new').hash] });
      expect(numbers(await store.list({ subject, limit: 9 }))).toEqual([1]);
      const [outcome] = await store.append([{ ...next, segments: [segmentOf('new')] }]);
      expect(outcome).toMatchObject({ kind: 'appended', version: 2 });
      expect((await store.read(subject, next.refs)).length).toBe(2);
    });

    it('does not lend segments to another subject', async () => {
      const store = await create();
      const [subject, other] = [subjectName(), subjectName()];
      await store.append([versionOf(subject, ['secret'])]);
      const stolen = { ...versionOf(other, ['secret']), segments: [] };
      expect((await store.append([stolen]))[0]?.kind).toBe('missing');
      expect(await store.read(other, stolen.refs)).toEqual([]);
    });

    it('gives each version of a batch its own outcome', async () => {
      const store = await create();
      const [one, two] = [subjectName(), subjectName()];
      const outcomes = await store.append([
        versionOf(one, ['a']),
        versionOf(two, ['b'], { expectedVersion: 7 }),
        versionOf(one, ['c']),
      ]);
      expect(outcomes.map(({ kind }) => kind)).toEqual(['appended', 'conflict', 'appended']);
      expect(numbers(await store.list({ subject: one, limit: 9 }))).toEqual([2, 1]);
      expect(await store.find(two, undefined)).toBe(null);
    });
  });

  describe(`${name}: find, list, read`, () => {
    it('gives back every fact as it was given', async () => {
      const store = await create();
      const subject = `${subjectName()} "ü" ☃ 😀`;
      const given = versionOf(subject, ['body ☃'], {
        label: 'v1, "final" {x}',
        tags: ['a,b', '"c"', '{d}', 'null', '\\'],
        author: "o'neill",
        metadata: JSON.parse('{"__proto__":{"a":1},"nul":"\\u0000","half":"\\ud800","n":1e21}'),
        size: 123_456_789_012,
        origin: { kind: 'rollback', to: 3, reason: 'line 1\nline 2' },
        manifest: '{"format":1,"pieces":["\\u0000",0]}',
      });
      await store.append([given]);
      const { segments: _segments, expectedVersion: _expected, ...facts } = given;
      const found = await store.find(subject, undefined);
      expect(found).toEqual({ ...facts, version: 1, parent: null, createdAt: found?.createdAt });
      expect(Object.keys(found?.metadata ?? {}).length).toBe(4);
      const [segment] = await store.read(subject, given.refs);
      expect(Buffer.from(segment?.body ?? []).toString()).toBe('body ☃');
    });

    it('gives back any bytes', async () => {
      const store = await create();
      const subject = subjectName();
      const body = Uint8Array.from({ length: 256 }, (_, index) => index);
      const hash = createHash('sha256').update(body).digest('hex');
      const version = versionOf(subject, [], { refs: [hash], segments: [{ hash, body }] });
      await store.append([version]);
      const [segment] = await store.read(subject, [hash, segmentOf('unknown').hash]);
      expect([...(segment?.body ?? [])]).toEqual([...body]);
    });

    it('finds the head, a number, the newest with a label, and what was current at a time', async () => {
      const store = await create();
      const subject = subjectName();
      for (const label of ['x', 'x', null]) {
        await store.append([versionOf(subject, ['a'], { label })]);
      }
      const found = async (selector?: Parameters<typeof store.find>[1]) =>
        (await store.find(subject, selector))?.version ?? null;
      expect(await found()).toBe(3);
      expect(await found({ version: 1 })).toBe(1);
      expect(await found({ version: 4 })).toBe(null);
      expect(await found({ label: 'x' })).toBe(2);
      expect(await found({ label: 'y' })).toBe(null);
      const head = await store.find(subject, undefined);
      expect(await found({ at: head?.createdAt ?? new Date(0) })).toBe(3);
      expect(await found({ at: new Date(0) })).toBe(null);
      expect(await store.find(subjectName(), undefined)).toBe(null);
    });

    it('lists newest first, by page and by filter', async () => {
      const store = await create();
      const subject = subjectName();
      for (const [index, author] of ['ann', 'bob', 'ann', 'bob', 'ann'].entries()) {
        const tags = index % 2 === 0 ? ['even', 'all'] : ['all'];
        const label = index === 1 ? 'second' : null;
        await store.append([versionOf(subject, ['a'], { author, tags, label })]);
      }
      const list = async (filter: object) =>
        numbers(await store.list({ subject, limit: 100, ...filter }));
      expect(await list({ limit: 2 })).toEqual([5, 4]);
      expect(await list({ limit: 2, before: 4 })).toEqual([3, 2]);
      expect(await list({ author: 'bob' })).toEqual([4, 2]);
      expect(await list({ tag: 'even' })).toEqual([5, 3, 1]);
      expect(await list({ tag: 'even', author: 'ann', before: 5 })).toEqual([3, 1]);
      expect(await list({ label: 'second' })).toEqual([2]);
      expect(await list({ from: new Date(0) })).toEqual([5, 4, 3, 2, 1]);
      expect(await list({ to: new Date(0) })).toEqual([]);
    });

    it('lists subjects by name and kind', async () => {
      const store = await create();
      const kind = subjectName();
      const names = [kind, `${kind}:Z`, `${kind}:a`, `${kind}:b_`, `${kind}x`, `${kind}x:1`];
      await store.append(names.map((subject) => versionOf(subject, ['a'])));
      await store.append([versionOf(`${kind}:a`, ['b'])]);
      const found = await store.subjects({ kind, limit: 10 });
      expect(found.map(({ subject, version }) => [subject, version])).toEqual([
        [kind, 1],
        [`${kind}:Z`, 1],
        [`${kind}:a`, 2],
        [`${kind}:b_`, 1],
      ]);
      const rest = await store.subjects({ kind, after: `${kind}:Z`, limit: 1 });
      expect(rest.map(({ subject }) => subject)).toEqual([`${kind}:a`]);
    });

    it('keeps what it has when the caller changes what was read', async () => {
      const store = await create();
      const subject = subjectName();
      await store.append([versionOf(subject, ['a'], { metadata: { list: [1] } })]);
      const found = await store.find(subject, undefined);
      Object.assign(found?.metadata ?? {}, { list: [2] });
      expect((await store.find(subject, undefined))?.metadata).toEqual({ list: [1] });
    });
  });

  describe(`${name}: transaction`, () => {
    it('undoes everything when it fails', async () => {
      const store = await create();
      const subject = subjectName();
      await store.append([versionOf(subject, ['a'])]);
      const failure = new Error('no');
      const caught = await store
        .transaction(async (tx) => {
          await store.append([versionOf(subject, ['b'])], { tx });
          expect((await store.find(subject, undefined, { tx }))?.version).toBe(2);
          throw failure;
        })
        .catch((error: unknown) => error);
      expect(caught).toBe(failure);
      expect((await store.find(subject, undefined))?.version).toBe(1);
      expect(await store.read(subject, [segmentOf('b').hash])).toEqual([]);
      const [outcome] = await store.append([versionOf(subject, ['c'])]);
      expect(outcome).toMatchObject({ kind: 'appended', version: 2 });
    });

    it('undoes only the inner part when that fails alone', async () => {
      const store = await create();
      const subject = subjectName();
      await store.transaction(async (tx) => {
        await store.append([versionOf(subject, ['a'])], { tx });
        await store
          .transaction(
            async (inner) => {
              await store.append([versionOf(subject, ['b'])], { tx: inner });
              throw new Error('inner');
            },
            { tx },
          )
          .catch(() => undefined);
      });
      expect(numbers(await store.list({ subject, limit: 9 }))).toEqual([1]);
    });

    it('gives the number after its own to an append that came in between', async () => {
      const store = await create();
      const subject = subjectName();
      let begin: () => void = () => {};
      const begun = new Promise<void>((resolve) => {
        begin = resolve;
      });
      const outside = begun.then(() => store.append([versionOf(subject, ['theirs'])]));
      await store.transaction(async (tx) => {
        await store.append([versionOf(subject, ['mine'])], { tx });
        begin();
        await store.append([versionOf(subject, ['mine too'])], { tx });
      });
      expect((await outside)[0]).toMatchObject({ kind: 'appended', version: 3 });
    });
  });

  describe(`${name}: health`, () => {
    it('is healthy', async () => {
      const store = await create();
      expect((await store.health()).status).toBe('healthy');
    });
  });
}
