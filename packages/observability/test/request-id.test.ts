import { EventEmitter } from 'node:events';
import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { currentRequestId, requestIdFrom, withRequestContext } from '../src/index.js';
import { withRequestId } from '../src/request-id.js';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

it('takes a well-formed request id as it is', () => {
  for (const id of ['a', 'A-b_c.d:9', 'x'.repeat(128)]) expect(requestIdFrom(id)).toBe(id);
});

it('makes a UUIDv7 in place of anything else', () => {
  const hostile = [
    '',
    'x'.repeat(129),
    'a b',
    'a\r\nSet-Cookie: x=1',
    'ünï',
    'a,b',
    '<script>',
    'a\n',
  ];
  for (const id of [...hostile, undefined, ['a', 'b'], 7])
    expect(requestIdFrom(id)).toMatch(UUID_V7);
});

it('never lets a character through that a header or a log could stumble over', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (header) => {
      expect(requestIdFrom(header)).toMatch(/^[A-Za-z0-9._:-]{1,128}$/);
    }),
  );
});

it('carries the request id through awaits, timers, and listeners bound to it', async () => {
  const emitter = new EventEmitter();
  const heard: unknown[] = [];
  const removed = (): void => {
    heard.push('removed');
  };
  await withRequestContext({ requestId: 'r1' }, async () => {
    context.bind(context.active(), emitter);
    emitter.on('data', () => heard.push(currentRequestId()));
    emitter.once('data', () => heard.push(`once ${currentRequestId()}`));
    emitter.on('data', removed).off('data', removed);
    emitter.once('data', removed).off('data', removed);
    await null;
    expect(currentRequestId()).toBe('r1');
    await new Promise((resolve) => setTimeout(resolve, 1));
    expect(currentRequestId()).toBe('r1');
  });
  expect(currentRequestId()).toBeUndefined();
  emitter.emit('data');
  emitter.emit('data');
  expect(heard).toEqual(['r1', 'once r1', 'r1']);
  expect(emitter.listenerCount('data')).toBe(1);
});

it('keeps requests that run at the same time apart', async () => {
  const seen = await Promise.all(
    Array.from({ length: 200 }, (_, n) =>
      withRequestContext({ requestId: `r${n}` }, async () => {
        await new Promise((resolve) => setTimeout(resolve, n % 7));
        return currentRequestId();
      }),
    ),
  );
  expect(seen).toEqual(Array.from({ length: 200 }, (_, n) => `r${n}`));
});

it('goes on with the active request, unless another is given', () => {
  withRequestContext({ requestId: 'outer' }, () => {
    withRequestContext({}, () => expect(currentRequestId()).toBe('outer'));
    withRequestContext({ requestId: 'inner' }, () => expect(currentRequestId()).toBe('inner'));
  });
  withRequestContext({ requestId: 'not good' }, () => expect(currentRequestId()).toMatch(UUID_V7));
});

it('binds a function to a context', () => {
  const bound = context.bind(withRequestId(ROOT_CONTEXT, 'bound'), () => currentRequestId());
  expect(bound()).toBe('bound');
});
