import {
  type Attributes,
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  trace,
} from '@opentelemetry/api';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { pipeline, settled } from './support/pipeline.js';
import { type Receiver, startReceiver } from './support/receiver.js';

interface Recorded {
  readonly name: string;
  readonly parent: string | undefined;
  readonly id: string;
  readonly attributes: Attributes;
}

let spans: Recorded[] = [];
let receiver: Receiver;

function startSpan(
  name: string,
  options: { attributes?: Attributes } | undefined,
  parent: Context,
): Span {
  const id = String(spans.length + 1).padStart(16, '0');
  const recorded = {
    name,
    id,
    parent: trace.getSpanContext(parent)?.spanId,
    attributes: { ...options?.attributes },
  };
  spans.push(recorded);
  const span = trace.wrapSpanContext({ traceId: 'a'.repeat(32), spanId: id, traceFlags: 1 });
  span.setAttribute = (key, value) => {
    if (value !== undefined) recorded.attributes[key] = value;
    return span;
  };
  return span;
}

/** A context manager of the least kind: one context for the whole of a call, kept over awaits by the caller's closure. */
beforeEach(async () => {
  spans = [];
  receiver = await startReceiver();
  const { AsyncLocalStorage } = await import('node:async_hooks');
  const storage = new AsyncLocalStorage<Context>();
  context.setGlobalContextManager({
    active: () => storage.getStore() ?? ROOT_CONTEXT,
    with: (active, fn, self, ...args) => storage.run(active, () => fn.call(self, ...args)),
    bind: (_, target) => target,
    enable() {
      return this;
    },
    disable() {
      return this;
    },
  });
  trace.setGlobalTracerProvider({
    getTracer: () => ({
      startSpan: (name, options, parent) => startSpan(name, options, parent ?? context.active()),
      startActiveSpan: () => {
        throw new Error('not used');
      },
    }),
  });
  propagation.setGlobalPropagator({
    inject(active, carrier, setter) {
      const span = trace.getSpanContext(active);
      if (span !== undefined)
        setter.set(carrier, 'traceparent', `00-${span.traceId}-${span.spanId}-01`);
    },
    extract(active, carrier, getter) {
      const [, traceId = '', spanId = ''] = String(getter.get(carrier, 'traceparent') ?? '').split(
        '-',
      );
      const remote: SpanContext = { traceId, spanId, traceFlags: 1, isRemote: true };
      return traceId === '' ? active : trace.setSpanContext(active, remote);
    },
    fields: () => ['traceparent'],
  });
});
afterEach(async () => {
  await receiver.close();
  trace.disable();
  context.disable();
  propagation.disable();
});

it.each([
  ['req-1', 'req-1'],
  ['a\u0000b', null],
  ['a\r\nx-evil: 1', null],
  ['x'.repeat(129), null],
  ['', null],
])(
  'a request ID from the baggage, %j, goes with the message when it can be a header',
  async (value, kept) => {
    const { messaging, admin } = pipeline();
    await messaging.init();
    const baggage = propagation.createBaggage({ 'request.id': { value } });
    const { message } = await context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), () =>
      messaging.accept({ clientId: 'ann', text: 'hello' }),
    );
    expect((await admin.getMessage(message.id)).requestId).toBe(kept);
    await messaging.close();
  },
);

it('one trace leads from accepting through processing to the webhook, and on to the receiver', async () => {
  const { messaging, admin } = pipeline();
  await messaging.init();
  messaging.start();
  await messaging.accept({
    clientId: 'ann',
    text: 'I want a human operator',
    webhookUrl: receiver.url,
  });
  await settled(admin);
  await messaging.close();
  const [accept, process, deliver] = spans;
  expect(spans.map(({ name }) => name)).toEqual([
    'accept message',
    'process message',
    'deliver webhook',
  ]);
  expect([process?.parent, deliver?.parent]).toEqual([accept?.id, process?.id]);
  expect(process?.attributes).toMatchObject({ 'holdfast.consequence': 'message.escalated' });
  expect(deliver?.attributes).toMatchObject({ 'http.response.status_code': 204 });
  expect(receiver.received[0]?.headers.traceparent).toBe(`00-${'a'.repeat(32)}-${deliver?.id}-01`);
});
