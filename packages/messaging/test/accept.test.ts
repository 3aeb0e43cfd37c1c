import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AcceptInput, type FieldError, isMessagingError } from '../src/index.js';
import { acceptInputSchema, fieldErrorsToJson } from '../src/schemas.js';
import { pipeline } from './support/pipeline.js';

const input = (fields: object = {}): AcceptInput => ({ clientId: 'ann', text: 'hello', ...fields });

const nested = (levels: number): object => {
  let value: object = {};
  for (let i = 1; i < levels; i += 1) value = { a: value };
  return value;
};

async function refusal(
  fields: object,
  options: object = {},
): Promise<{ code: string; errors: FieldError[] }> {
  const { messaging, admin } = pipeline();
  const error = await messaging.accept(input(fields), options).catch((thrown: unknown) => thrown);
  if (!isMessagingError(error)) throw new Error('Expected a MessagingError');
  expect((await admin.listMessages()).items).toEqual([]);
  return { code: error.code, errors: (error.details?.errors ?? []) as FieldError[] };
}

describe('input that breaks a rule is refused, named and not stored', () => {
  it.each([
    ['clientId', { clientId: '' }],
    ['clientId', { clientId: 'x'.repeat(256) }],
    ['clientId', { clientId: 7 }],
    ['clientId', { clientId: undefined }],
    ['text', { text: '' }],
    ['text', { text: ' \n\t ' }],
    ['text', { text: 'x'.repeat(8_001) }],
    ['text', { text: 'a\u0000b' }],
    ['text', { text: 'half \ud83d' }],
    ['text', { text: null }],
    ['webhookUrl', { webhookUrl: 'ftp://example.com' }],
    ['webhookUrl', { webhookUrl: 'https://user:pw@example.com' }],
    ['webhookUrl', { webhookUrl: 'http://10.0.0.1/' }],
    ['webhookUrl', { webhookUrl: `https://example.com/${'a'.repeat(500)}` }],
    ['webhookUrl', { webhookUrl: 42 }],
    ['platform', { platform: 'x'.repeat(51) }],
    ['chatId', { chatId: 'x'.repeat(256) }],
    ['locale', { locale: 'not a locale' }],
    ['metadata', { metadata: [] }],
    ['metadata', { metadata: { big: 'x'.repeat(20_000) } }],
    ['metadata', { metadata: { deep: [{ text: 'a\u0000b' }] } }],
    ['metadata', { metadata: { n: 1n } }],
    ['metadata', { metadata: new Date() }],
    ['metadata', { metadata: nested(65) }],
    ['metadata', { metadata: nested(3_000) }],
    ['metadata', { metadata: nested(20_000) }],
    ['surprise', { surprise: 1 }],
  ])('%s', async (path, fields) => {
    const { code, errors } = await refusal(fields);
    expect(code).toBe('MESSAGING_INPUT_INVALID');
    expect(errors).toEqual([{ path, rule: expect.any(String), received: expect.any(String) }]);
  });

  it.each([[''], ['x'.repeat(256)], ['ключ'], ['a\nb']])(
    'idempotency key %j',
    async (idempotencyKey) => {
      const { errors } = await refusal({}, { idempotencyKey });
      expect(errors.map(({ path }) => path)).toEqual(['idempotencyKey']);
    },
  );

  it('takes metadata of 64 levels', async () => {
    const { messaging, admin } = pipeline();
    const { message } = await messaging.accept(input({ metadata: nested(64) }));
    expect((await admin.getMessage(message.id)).metadata).toEqual(nested(64));
  });

  it('names every field at once, on the wire by its own name', async () => {
    const { errors } = await refusal({ text: '', webhookUrl: 'x', chatId: '' });
    expect(errors.map(({ path }) => path)).toEqual(['text', 'webhookUrl', 'chatId']);
    expect(fieldErrorsToJson(errors).map(({ path }) => path)).toEqual([
      'text',
      'webhook_url',
      'chat_id',
    ]);
  });

  it('does not repeat a long text in the error', async () => {
    const { errors } = await refusal({ text: 'x'.repeat(100_000) });
    expect(JSON.stringify(errors).length).toBeLessThan(400);
  });
});

describe('any text that is stored', () => {
  it('comes back unchanged', async () => {
    const { messaging, admin } = pipeline();
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'binary', minLength: 1, maxLength: 200 }),
        async (text) => {
          const fits = text.trim() !== '' && !text.includes('\u0000');
          const accepted = await messaging.accept(input({ text })).catch(() => null);
          expect(accepted !== null).toBe(fits);
          if (accepted !== null)
            expect((await admin.getMessage(accepted.message.id)).text).toBe(text);
        },
      ),
    );
  });
});

describe('an idempotency key', () => {
  it('gives the same receipt for the same input, in whatever order its fields come', async () => {
    const { messaging, admin } = pipeline();
    const key = { idempotencyKey: 'k' };
    const first = await messaging.accept(input({ metadata: { a: 1, b: { c: 2, d: 3 } } }), key);
    const again = await messaging.accept(
      { metadata: { b: { d: 3, c: 2 }, a: 1 }, text: 'hello', clientId: 'ann', platform: null },
      key,
    );
    expect(again).toEqual({ message: first.message, replayed: true });
    expect((await admin.listMessages()).items.length).toBe(1);
  });

  it('is refused for another input, and nothing is stored', async () => {
    const { messaging, admin } = pipeline();
    const first = await messaging.accept(input(), { idempotencyKey: 'k' });
    await expect(
      messaging.accept(input({ text: 'other' }), { idempotencyKey: 'k' }),
    ).rejects.toMatchObject({
      code: 'MESSAGING_IDEMPOTENCY_KEY_INVALID',
      details: { messageId: first.message.id },
    });
    expect((await admin.listMessages()).items.length).toBe(1);
  });
});

describe('the wire', () => {
  it('turns a body into input', () => {
    const body = {
      client_id: 'ann',
      text: 'hi',
      webhook_url: 'https://example.com',
      chat_id: '7',
      metadata: { a: 1 },
    };
    expect(acceptInputSchema.parse(body)).toEqual({
      clientId: 'ann',
      text: 'hi',
      webhookUrl: 'https://example.com',
      platform: null,
      chatId: '7',
      locale: null,
      metadata: { a: 1 },
    });
    const bad = acceptInputSchema.safeParse({ client_id: '', surprise: 1 });
    expect(bad.error?.issues.map(({ path, code }) => [path.join('.'), code])).toEqual([
      ['client_id', 'too_small'],
      ['text', 'invalid_type'],
      ['', 'unrecognized_keys'],
    ]);
  });
});
