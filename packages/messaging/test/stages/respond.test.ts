import { describe, expect, it } from 'vitest';
import { defaultTemplates, type MessagingOptions, type Template } from '../../src/index.js';
import { allMessages, pipeline, settled } from '../support/pipeline.js';

/** What becomes of texts of one client, one after another. */
async function conversation(
  texts: readonly string[],
  options: Partial<MessagingOptions> = {},
  locale?: string,
) {
  const warnings: object[] = [];
  const logger = {
    debug() {},
    info() {},
    error() {},
    warn: (fields: object) => void warnings.push(fields),
  };
  const { messaging, admin } = pipeline({ logger, ...options });
  await messaging.init();
  messaging.start();
  for (const text of texts)
    await messaging.accept({ clientId: 'ann', text, ...(locale === undefined ? {} : { locale }) });
  await settled(admin);
  await messaging.close();
  const messages = await allMessages(admin);
  const purposes = messages.map(({ replies }) =>
    replies.map(({ purpose, template }) => `${purpose}:${template}`),
  );
  return { messages, purposes, warnings };
}

const only = (...keys: string[]): Template[] =>
  defaultTemplates.filter(({ key }) => keys.includes(key));
/** Says what it is told to, with a certain confidence. */
const says = (category: string, confidence = 0.9, margin = 1) => ({
  classify: () => ({ category, confidence, margin, source: 'test' }),
});

describe('what a client is answered', () => {
  it('begins with one greeting a session', async () => {
    const { purposes } = await conversation([
      'why was I charged a fee',
      'my card is lost',
      'thanks',
    ]);
    expect(purposes).toEqual([
      ['greeting:greeting', 'answer:billing'],
      ['answer:card'],
      ['answer:thanks'],
    ]);
  });

  it.each([
    ['My internet is not working', 'TECH_SUPPORT_BASIC', 'en'],
    ['Не работает интернет с утра', 'TECH_SUPPORT_BASIC', 'ru'],
    ['Не працює інтернет з ранку', 'TECH_SUPPORT_BASIC', 'uk'],
    ['Where is my order?', 'ORDER', 'en'],
    ['Где мой заказ', 'ORDER', 'ru'],
    ['Де моє замовлення', 'ORDER', 'uk'],
    ['Соедините с оператором', 'ESCALATE_TO_HUMAN', 'ru'],
    ["З'єднайте з живою людиною, оператор!", 'ESCALATE_TO_HUMAN', 'uk'],
    ['I forgot my password', 'ACCOUNT_ACCESS', 'en'],
    ['Дякую!', 'THANKS', 'uk'],
    ['zxcv qwerty', 'UNKNOWN', 'en'],
  ])('%s: %s in %s', async (text, category, locale) => {
    const { messages } = await conversation([text]);
    expect(messages[0]).toMatchObject({
      locale,
      classification: { category, source: 'rules', cached: false },
    });
    expect(messages[0]?.replies.every((reply) => reply.locale === locale)).toBe(true);
  });

  it('fills the places, and nothing that the client wrote becomes one', async () => {
    const templates = [
      ...only('greeting'),
      { key: 'fallback', locale: 'en', body: '{{client_id}} said {{ text }}.' },
    ];
    const { messages } = await conversation(['{{ session_id }} {{'], { templates });
    expect(messages[0]?.replies[1]?.text).toBe('ann said {{ session_id }} {{.');
  });

  it('is the fallback when nothing was understood, and a person the second time', async () => {
    const { purposes, messages } = await conversation(['zxcv', 'qwerty asdf', 'my card', 'zxcv']);
    expect(purposes.flat()).toEqual([
      'greeting:greeting',
      'answer:fallback',
      'escalation:escalation',
      'answer:card',
      'answer:fallback',
    ]);
    expect(messages.map(({ status }) => status)).toEqual([
      'responded',
      'escalated',
      'responded',
      'responded',
    ]);
    expect(messages[1]?.escalationReason).toBe('not_understood');
  });

  it('is the fallback when two categories are as good', async () => {
    const { purposes } = await conversation(['x'], { classifier: says('BILLING', 0.9, 0.05) });
    expect(purposes[0]).toEqual(['greeting:greeting', 'answer:fallback']);
  });

  it('is a person for what always needs one', async () => {
    const { messages, purposes } = await conversation(['my account was hacked, this is fraud']);
    expect(purposes[0]).toEqual(['greeting:greeting', 'escalation:fraud']);
    expect(messages[0]).toMatchObject({ status: 'escalated', escalationReason: 'scenario' });
  });

  it('is the instruction first when basic support escalates, and never the general escalation text', async () => {
    const order: string[] = [];
    const tasks = {
      enqueue: async (requests: readonly { name: string }[]) =>
        void order.push(...requests.map(({ name }) => name)),
    };
    const options = { classifier: says('TECH_SUPPORT_BASIC', 0.3), tasks };
    const { messages, purposes } = await conversation(['it is broken'], options);
    expect(purposes[0]).toEqual(['greeting:greeting', 'instruction:tech_support_basic']);
    expect(messages[0]).toMatchObject({ status: 'escalated', escalationReason: 'low_confidence' });
    expect(order).toEqual(['escalation.notify']);
  });
});

describe('a template that is missing', () => {
  it('is replaced by that of the base language', async () => {
    const { messages, warnings } = await conversation(['my card'], {}, 'uk-UA');
    expect(messages[0]?.replies.map(({ locale }) => locale)).toEqual(['uk', 'uk']);
    expect(warnings).toEqual([]);
  });

  it('is replaced by that of the default language, with a warning', async () => {
    const { messages, warnings } = await conversation(['my card'], {}, 'fr');
    expect(messages[0]?.replies.map(({ locale, template }) => [template, locale])).toEqual([
      ['greeting', 'en'],
      ['card', 'en'],
    ]);
    expect(warnings).toMatchObject([
      { template: 'greeting' },
      { template: 'card', locale: 'fr', used: 'card', used_locale: 'en' },
    ]);
  });

  it('is replaced by the fallback', async () => {
    const { purposes } = await conversation(['my card'], {
      templates: only('greeting', 'fallback'),
    });
    expect(purposes[0]).toEqual(['greeting:greeting', 'answer:fallback']);
  });

  it('calls a person when there is none at all; the message is not lost', async () => {
    const { messages, warnings } = await conversation(['my card'], { templates: [] });
    expect(messages[0]).toMatchObject({
      status: 'escalated',
      escalationReason: 'template_missing',
      replies: [],
      delivery: { status: 'no_destination' },
    });
    expect(warnings.length).toBe(2);
  });

  it('greets with the next message, once the greeting is there', async () => {
    const { messaging, admin } = pipeline({ templates: only('fallback') });
    await messaging.init();
    messaging.start();
    await messaging.accept({ clientId: 'ann', text: 'zxcv' });
    await settled(admin);
    await admin.putTemplate({ key: 'greeting', locale: 'en', body: 'Hi {{ client_id }}' });
    await messaging.accept({ clientId: 'ann', text: 'my card' });
    await settled(admin);
    const messages = await allMessages(admin);
    expect(messages.map(({ replies }) => replies.map(({ text }) => text)[0])).toEqual([
      expect.any(String),
      'Hi ann',
    ]);
    await messaging.close();
  });
});

describe('a classifier', () => {
  it('that fails is replaced by the rules', async () => {
    const classifier = { classify: () => Promise.reject(new Error('away')) };
    const { messages } = await conversation(['my card is lost'], { classifier });
    expect(messages[0]?.classification).toMatchObject({
      category: 'CARD',
      source: 'rules-fallback',
    });
  });

  it('that hangs is replaced by the rules, and told so', async () => {
    let aborted = false;
    const classifier = {
      classify: (_: unknown, { signal }: { signal: AbortSignal }) => {
        signal.addEventListener('abort', () => {
          aborted = true;
        });
        return new Promise<never>(() => {});
      },
    };
    const { messages } = await conversation(['my card is lost'], {
      classifier,
      classifierTimeout: 20,
    });
    expect(messages[0]?.classification).toMatchObject({
      category: 'CARD',
      source: 'rules-fallback',
    });
    expect(aborted).toBe(true);
  });

  it.each([
    [{ category: 7 }],
    [null],
    [{ category: 'X', confidence: 2, source: 's' }],
    [{ category: 'CARD', confidence: 1, source: 'a\u0000b' }],
    [{ category: 'half \ud83d', confidence: 1, source: 's' }],
    [{ category: 'CARD', confidence: 1, source: 'x'.repeat(65) }],
  ])('that answers %j is replaced by the rules', async (answer) => {
    const classifier = { classify: () => answer as never };
    const { messages } = await conversation(['my card is lost'], { classifier });
    expect(messages[0]?.classification?.source).toBe('rules-fallback');
  });

  it('is asked once for equal texts when there is a cache', async () => {
    const entries = new Map<string, unknown>();
    let asked = 0;
    const cache = {
      async getOrSet<T>(key: string, factory: () => Promise<T>): Promise<T> {
        if (!entries.has(key)) entries.set(key, await factory());
        return entries.get(key) as T;
      },
      delete: async (key: string) => entries.delete(key),
    };
    const classifier = {
      classify: () => {
        asked += 1;
        return { category: 'CARD', confidence: 0.9, source: 'model' };
      },
    };
    const { messages } = await conversation(['My card', '  my   CARD '], { classifier, cache });
    expect(asked).toBe(1);
    expect(messages.map(({ classification }) => classification?.cached)).toEqual([false, true]);
  });

  it('is asked when the cache is away', async () => {
    const cache = { getOrSet: () => Promise.reject(new Error('away')), delete: async () => true };
    const { messages } = await conversation(['x'], { classifier: says('CARD'), cache });
    expect(messages[0]?.classification).toMatchObject({
      category: 'CARD',
      source: 'test',
      cached: false,
    });
  });
});
