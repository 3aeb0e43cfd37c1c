import { expect, it } from 'vitest';
import { pipeline } from './support/pipeline.js';

const encoded = (text: string): string => Buffer.from(text).toString('base64url');

it.each([
  ['status', { status: 'odd' }],
  ['sessionId', { sessionId: "' or 1=1" }],
  ['clientId', { clientId: 'a\u0000b' }],
  ['clientId', { clientId: '\ud800' }],
  ['clientId', { clientId: 'x'.repeat(256) }],
  ['clientId', { clientId: 7 }],
])('a filter of messages by a malformed %s is refused: %j', async (path, filter) => {
  const { admin } = pipeline();
  await expect(admin.listMessages(filter as object)).rejects.toMatchObject({
    code: 'MESSAGING_INPUT_INVALID',
    details: { errors: [{ path, rule: expect.any(String), received: expect.any(String) }] },
  });
});

it.each([
  'nonsense',
  '',
  encoded('c1:'),
  encoded('c1:7'),
  encoded('c2:019b3f6e-2c11-7d4e-8a2b-5f0c9e7d1a34'),
])('a cursor that no list returned is refused: %j', async (cursor) => {
  const { admin } = pipeline();
  const invalid = { code: 'MESSAGING_CURSOR_INVALID' };
  await expect(admin.listMessages({}, { cursor })).rejects.toMatchObject(invalid);
  await expect(admin.listDeliveries({}, { cursor })).rejects.toMatchObject(invalid);
});

it.each([0, 501, 1.5, Number.NaN])('a page of %d items is refused', async (limit) => {
  const { admin } = pipeline();
  await expect(admin.listMessages({}, { limit })).rejects.toMatchObject({
    code: 'MESSAGING_INPUT_INVALID',
  });
});

it.each(['', 'x', '019b3f6e-2c11-7d4e-8a2b-5f0c9e7d1a34'])('%j is no message', async (id) => {
  const { admin } = pipeline();
  await expect(admin.getMessage(id)).rejects.toMatchObject({ code: 'MESSAGING_MESSAGE_NOT_FOUND' });
  const missing = { code: 'MESSAGING_DELIVERY_NOT_FOUND' };
  await expect(admin.getDelivery(id)).rejects.toMatchObject(missing);
  await expect(admin.listAttempts(id)).rejects.toMatchObject(missing);
  await expect(admin.replayDelivery(id)).rejects.toMatchObject(missing);
});
