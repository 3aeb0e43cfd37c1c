import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createLogger, type LoggerOptions, withRequestContext } from '../src/index.js';
import { memoryLines } from './support/lines.js';

function setUp(options: Partial<LoggerOptions> = {}) {
  const memory = memoryLines();
  const logger = createLogger({
    service: 'shop',
    destination: memory.destination,
    logCrash: false,
    ...options,
  });
  return { logger, ...memory };
}

it('writes one JSON line with time, level and the service', () => {
  const { logger, lines } = setUp({ version: '1.2.3', environment: 'test' });
  logger.info({ order: 7 }, 'paid für 5 € — оплачено');
  expect(lines()).toEqual([
    {
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      service: 'shop',
      version: '1.2.3',
      environment: 'test',
      order: 7,
      msg: 'paid für 5 € — оплачено',
    },
  ]);
});

it('takes a message alone', () => {
  const { logger, lines } = setUp();
  logger.warn('careful with %s');
  expect(lines()[0]).toMatchObject({ level: 'warn', msg: 'careful with %s' });
});

it('adds request, trace and span of the active context, and lets the caller’s own fields win', () => {
  const { logger, lines } = setUp();
  const span = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 };
  withRequestContext({ requestId: 'req-1' }, () => {
    logger.info({}, 'in the request');
    context.with(trace.setSpanContext(context.active(), span), () => {
      logger.info({ request_id: 'mine' }, 'in a span');
    });
  });
  logger.info({}, 'outside');
  expect(lines()[0]).toMatchObject({ request_id: 'req-1' });
  expect(lines()[1]).toMatchObject({
    request_id: 'mine',
    trace_id: span.traceId,
    span_id: span.spanId,
  });
  expect(lines()[2]).not.toHaveProperty('request_id');
});

it('writes errors with stack, own properties and the whole chain of causes, wherever they stand', () => {
  const { logger, lines } = setUp();
  const root = Object.assign(new TypeError('no route to host'), { code: 'EHOSTUNREACH' });
  const error = new Error('payment failed', { cause: new Error('bank is down', { cause: root }) });
  logger.error({ err: error, attempts: [new RangeError('first')] }, 'failed');
  logger.error(error);
  logger.error({ err: new AggregateError([root], 'all failed') }, 'several');
  const [line, alone, several] = lines();
  expect(line?.err).toMatchObject({
    type: 'Error',
    message: 'payment failed',
    stack: expect.stringContaining('logger.test.ts'),
    cause: {
      message: 'bank is down',
      cause: { type: 'TypeError', message: 'no route to host', code: 'EHOSTUNREACH' },
    },
  });
  expect(line?.attempts).toMatchObject([{ type: 'RangeError', message: 'first' }]);
  expect(alone).toMatchObject({ msg: 'payment failed', err: { message: 'payment failed' } });
  expect(several).toMatchObject({
    err: { type: 'AggregateError', errors: [{ type: 'TypeError' }] },
  });
});

it('replaces secrets at any depth and in any spelling, in bindings and in errors too', () => {
  const { logger, text, lines } = setUp();
  const error = Object.assign(new Error('denied'), {
    config: { headers: { Authorization: 'Basic c2VjcmV0MQ==' } },
  });
  logger.child({ module: 'auth', sessionToken: 'secret2' }).error(
    {
      password: 'secret3',
      user: { name: 'Ann', 'x-api-key': 'secret4', list: [{ SET_COOKIE: 'secret5' }] },
      webhook_secret: { value: 'secret6' },
      err: new Error('outer', { cause: error }),
    },
    'sign-in failed',
  );
  expect(text()).not.toMatch(/secret\d|c2VjcmV0MQ/);
  expect(lines()[0]).toMatchObject({
    sessionToken: '[redacted]',
    password: '[redacted]',
    user: { name: 'Ann', 'x-api-key': '[redacted]', list: [{ SET_COOKIE: '[redacted]' }] },
    err: { cause: { config: { headers: { Authorization: '[redacted]' } } } },
  });
});

it('replaces secrets inside texts: URLs, bearer tokens, webhook secrets', () => {
  const { logger, lines } = setUp();
  logger.info(
    { url: 'postgres://app:hunter2@db:5432/shop', header: 'Bearer abcdefghijklmnop.qrs' },
    'signed with whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD',
  );
  expect(lines()[0]).toMatchObject({
    url: 'postgres://app:[redacted]@db:5432/shop',
    header: 'Bearer [redacted]',
    msg: 'signed with whsec_[redacted]',
  });
});

it('leaves alone what only sounds like a secret, and everything when told so', () => {
  const { logger, lines } = setUp();
  const harmless = { tokens: 1200, hasToken: true, password: '', author: 'Ann', passed: 'yes' };
  logger.info(harmless, 'usage');
  expect(lines()[0]).toMatchObject(harmless);
  const open = setUp({ redact: false });
  open.logger.info({ password: 'p', url: 'http://a:b@c' }, 'x');
  expect(open.lines()[0]).toMatchObject({ password: 'p', url: 'http://a:b@c' });
});

it('changes levels at run time, in general and by module, for loggers made before', () => {
  const { logger, lines } = setUp({ levels: { cache: 'warn' } });
  const cache = logger.child({ module: 'cache' });
  const queue = logger.child({ module: 'queue' });
  const ofRequest = queue.child({ task_id: 't1' });
  cache.info({}, 'hidden');
  logger.setLevel('debug', 'queue');
  ofRequest.debug({}, 'queue in detail');
  logger.debug({}, 'hidden');
  logger.setLevel('debug');
  logger.debug({}, 'all in detail');
  cache.info({}, 'hidden');
  logger.setLevel('inherit', 'cache');
  cache.debug({}, 'cache in detail');
  logger.setLevel('silent');
  logger.fatal({}, 'hidden');
  expect(lines().map((line) => line.msg)).toEqual([
    'queue in detail',
    'all in detail',
    'cache in detail',
  ]);
  expect([logger.level(), logger.level('queue'), logger.level('cache')]).toEqual([
    'silent',
    'debug',
    'silent',
  ]);
});

it('names the option, the rule and the value when an option is wrong', () => {
  // @ts-expect-error a level that does not exist
  expect(() => setUp({ levels: { cache: 'loud' } })).toThrow(
    /`levels\.cache` to be one of trace, .*silent, got `loud` \(string\)/,
  );
  expect(() => setUp({ service: '' })).toThrow(/`service`/);
});

it('never throws into the application, whatever is logged and whatever the destination does', () => {
  const { logger, lines } = setUp();
  const circular: Record<string, unknown> = { big: 1n, bytes: new Uint8Array(3), at: new Date(0) };
  circular.self = circular;
  const hostile = {
    get boom(): string {
      throw new Error('getter');
    },
  };
  logger.info(circular, 'circular');
  logger.info(hostile, 'hostile');
  logger.info({ deep: { toJSON: () => ({ password: 'x' }) } }, 'toJSON');
  expect(lines()).toMatchObject([
    { big: '1', bytes: '[3 bytes]', at: '1970-01-01T00:00:00.000Z', self: '[circular]' },
    { unreadable_fields: 'getter' },
    { deep: { password: '[redacted]' } },
  ]);
  const broken = createLogger({
    service: 'shop',
    logCrash: false,
    destination: {
      write: () => {
        throw new Error('disk full');
      },
    },
  });
  expect(() => broken.fatal({}, 'still alive')).not.toThrow();
});

it('writes any JSON value so that it is read back the same', () => {
  fc.assert(
    fc.property(
      fc.jsonValue({ noUnicodeString: false, maxDepth: 5 }),
      fc.string(),
      (value, message) => {
        const { logger, lines } = setUp({ redact: false });
        logger.info({ value }, message);
        expect(lines()).toHaveLength(1);
        expect(lines()[0]?.value).toEqual(JSON.parse(JSON.stringify(value)));
        expect(lines()[0]?.msg).toBe(message);
      },
    ),
    { numRuns: 200 },
  );
});

it('makes readable lines when asked, which cannot steer the terminal', () => {
  const { logger, text } = setUp({ pretty: true });
  const error = new Error('outer', { cause: new Error('inner') });
  logger.child({ module: 'web' }).error({ err: error, path: '/a b', n: 3 }, 'failed \u001b[2J');
  expect(text()).toMatch(/^\d\d:\d\d:\d\d\.\d{3} ERROR web failed \ufffd\[2J path="\/a b" n=3\n/);
  expect(text()).toContain('  err: Error: outer\n      at ');
  expect(text()).toContain('  cause: Error: inner\n');
  expect(text()).not.toContain('\u001b');
});

it('reads the baggage that another process sent', () => {
  const { logger, lines } = setUp();
  const baggage = propagation.createBaggage({ 'request.id': { value: 'from-afar' } });
  context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), () => logger.info({}, 'x'));
  expect(lines()[0]?.request_id).toBe('from-afar');
});
