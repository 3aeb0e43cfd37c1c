import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunningServer } from '../src/server.js';
import { eventually, Receiver, startTestServer } from './helpers.js';

let server: RunningServer;
let receiver: Receiver;

beforeAll(async () => {
  receiver = await Receiver.start();
  server = await startTestServer();
});

afterAll(async () => {
  await server?.shutdown('the tests are over');
  await receiver?.close();
});

interface MessageView {
  id: string;
  session_id: string;
  status: string;
  delivery: { id: string; status: string } | null;
  replies: { purpose: string; text: string }[];
}

const post = (body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${server.url}/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

const get = async <T>(path: string): Promise<T> =>
  (await fetch(`${server.url}${path}`)).json() as Promise<T>;

const delivered = (id: string): Promise<MessageView> =>
  eventually(async () => {
    const message = await get<MessageView>(`/v1/messages/${id}`);
    return message.delivery?.status === 'delivered' ? message : undefined;
  });

describe('a message', () => {
  it('is accepted, answered and delivered as one signed webhook', async () => {
    const response = await post(
      {
        client_id: 'ann',
        text: 'Hello, my internet is not working',
        webhook_url: receiver.url,
        platform: 'crm',
        chat_id: 'chat-7',
        metadata: { ticket: 'A-17' },
      },
      { 'x-request-id': 'req-ann-1' },
    );
    expect(response.status).toBe(202);
    expect(response.headers.get('x-request-id')).toBe('req-ann-1');
    const receipt = (await response.json()) as { id: string; session_id: string };
    expect(receipt).toMatchObject({ client_id: 'ann', status: 'accepted' });
    expect(response.headers.get('location')).toBe(`/v1/messages/${receipt.id}`);

    const message = await delivered(receipt.id);
    expect(message.replies.map((reply) => reply.purpose)).toContain('greeting');

    const webhook = receiver.received.find(({ id }) => id === message.delivery?.id);
    expect(webhook?.verified).toBe(true);
    expect(webhook?.headers['x-request-id']).toBe('req-ann-1');
    expect(webhook?.body).toMatchObject({
      type: 'message.replied',
      data: {
        message_id: receipt.id,
        session_id: receipt.session_id,
        client_id: 'ann',
        platform: 'crm',
        chat_id: 'chat-7',
        metadata: { ticket: 'A-17' },
      },
    });
  });

  it('shows its delivery and the attempts, and can be replayed', async () => {
    receiver.answers.push(410);
    const { id } = (await (
      await post({ client_id: 'bob', text: 'Hi', webhook_url: receiver.url })
    ).json()) as { id: string };
    const dead = await eventually(async () => {
      const message = await get<MessageView>(`/v1/messages/${id}`);
      return message.delivery?.status === 'dead' ? message.delivery : undefined;
    });
    const list = await get<{ items: { id: string }[] }>('/v1/deliveries?status=dead&limit=500');
    expect(list.items.map((item) => item.id)).toContain(dead.id);

    const replay = await fetch(`${server.url}/v1/deliveries/${dead.id}/replay`, { method: 'POST' });
    expect(replay.status).toBe(202);
    await delivered(id);
    const attempts = await get<{ items: object[] }>(`/v1/deliveries/${dead.id}/attempts`);
    expect(attempts.items).toMatchObject([
      { n: 1, http_status: 410, trigger: 'schedule' },
      { n: 2, http_status: 204, trigger: 'replay' },
    ]);
    expect(receiver.received.filter((webhook) => webhook.id === dead.id)).toHaveLength(2);
  });

  it('takes address, platform and chat from headers, which win over the body', async () => {
    const response = await post(
      { client_id: 'cid', text: 'Hi', webhook_url: 'https://elsewhere.example/', platform: 'a' },
      { 'x-webhook-url': receiver.url, 'x-platform': 'b', 'x-chat-id': 'c' },
    );
    const { id } = (await response.json()) as { id: string };
    expect(await delivered(id)).toMatchObject({
      webhook_url: receiver.url,
      platform: 'b',
      chat_id: 'c',
    });
  });

  it('is one message for all requests with its idempotency key', async () => {
    const body = { client_id: 'dan', text: 'Once', webhook_url: receiver.url };
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => post(body, { 'idempotency-key': 'dan-1' })),
    );
    const bodies = await Promise.all(answers.map((answer) => answer.text()));
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([202]));
    expect(new Set(bodies).size).toBe(1);
    const replayed = answers.filter((a) => a.headers.get('idempotency-replayed') === 'true');
    expect(replayed).toHaveLength(19);
  });

  it('of which there is none is a 404 problem', async () => {
    for (const id of ['nonsense', '019b3f6e-2c11-7d4e-8a2b-5f0c9e7d1a34']) {
      const response = await fetch(`${server.url}/v1/messages/${id}`);
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ code: 'MESSAGING_MESSAGE_NOT_FOUND' });
    }
  });
});
