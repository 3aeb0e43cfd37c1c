import { webhookEventSchema } from '@holdfast/messaging/schemas';
import { type OpenAPIHono, z } from '@hono/zod-openapi';
import { VERSION } from '../version.js';
import { json, named, type ServerEnv } from './routes.js';

const webhookHeaders = z.object({
  'webhook-id': z
    .string()
    .meta({ description: 'The same in every attempt: sort out repetitions by it' }),
  'webhook-timestamp': z.string().meta({ description: 'Seconds since 1970 of this attempt' }),
  'webhook-signature': z.string().meta({
    description:
      'Standard Webhooks: v1 and the HMAC-SHA256 of `id.timestamp.body`, for each secret',
  }),
});

/** The document of the whole interface, with the webhook that the server sends. */
export function openApiDocument(app: OpenAPIHono<ServerEnv>, keys: boolean): object {
  const registry = app.openAPIRegistry;
  registry.registerWebhook({
    method: 'post',
    path: 'message.replied',
    summary: 'The replies to a message',
    description:
      'Sent to the webhook address of the message. Answer with 2xx within 15 seconds; anything else is tried again.',
    request: {
      headers: webhookHeaders,
      body: { ...json(named('MessageReplied', webhookEventSchema), 'The replies'), required: true },
    },
    responses: { '2XX': { description: 'It was received' } },
  });
  if (keys) {
    registry.registerComponent('securitySchemes', 'key', { type: 'http', scheme: 'bearer' });
  }
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Holdfast reference server',
      version: VERSION,
      description:
        'Takes messages of customers, answers them, and delivers the answers as signed webhooks. JSON is snake_case, times are ISO 8601 in UTC, failures are RFC 9457 problems.',
      license: { name: 'MIT', url: 'https://opensource.org/license/mit' },
    },
    servers: [{ url: '/' }],
    tags: [
      { name: 'Messages' },
      { name: 'Deliveries' },
      { name: 'Templates' },
      { name: 'Alerts' },
      { name: 'Tasks', description: 'What messages and time cause, and what became of it' },
      { name: 'Queues' },
      { name: 'Schedules' },
      { name: 'System', description: 'Open without a key' },
    ],
    ...(keys ? { security: [{ key: [] }] } : {}),
  });
}
