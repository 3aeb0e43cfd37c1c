import {
  type AcceptInput,
  isMessagingError,
  type Messaging,
  type MessagingAdmin,
} from '@holdfast/messaging';
import {
  acceptedMessageSchema,
  acceptedMessageToJson,
  acceptInputSchema,
  messageSchema,
  messageToJson,
} from '@holdfast/messaging/schemas';
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { HttpProblem } from './problem.js';
import {
  bodyProblems,
  commonProblems,
  idParams,
  json,
  jsonRequest,
  named,
  problems,
  remoteAddress,
  type ServerEnv,
} from './routes.js';
import { toProblem } from './to-problem.js';

/** Headers of `POST /v1/messages` that stand for a field of the body, and win over it. */
const FIELD_HEADERS = {
  'x-webhook-url': { field: 'webhookUrl', path: 'webhook_url', name: 'X-Webhook-URL' },
  'x-platform': { field: 'platform', path: 'platform', name: 'X-Platform' },
  'x-chat-id': { field: 'chatId', path: 'chat_id', name: 'X-Chat-ID' },
} as const;

type FieldHeader = keyof typeof FIELD_HEADERS;
const FIELD_HEADER_NAMES = Object.keys(FIELD_HEADERS) as FieldHeader[];

const messageHeaders = z.object({
  'idempotency-key': z.string().min(1).max(255).optional().meta({
    description:
      'The same key with the same body is one message, however often it is sent within 24 hours. Keys belong to the client_id.',
    example: '8e03978e-40d5-43dd-bc93-6894a57f9324',
  }),
  'x-webhook-url': z.string().optional().meta({ description: 'Stands for `webhook_url`' }),
  'x-platform': z.string().optional().meta({ description: 'Stands for `platform`' }),
  'x-chat-id': z.string().optional().meta({ description: 'Stands for `chat_id`' }),
  'x-request-id': z.string().optional().meta({
    description: 'Goes with the message into every log line, task and webhook; made when absent',
  }),
});

const acceptRoute = createRoute({
  method: 'post',
  path: '/v1/messages',
  tags: ['Messages'],
  summary: 'Hand in a message of a customer',
  description:
    'Answers once the message is stored durably. It is then processed, and its replies are sent to the webhook address as one signed webhook.',
  request: {
    headers: messageHeaders,
    body: jsonRequest(named('NewMessage', acceptInputSchema), 'The message'),
  },
  responses: {
    202: {
      ...json(named('AcceptedMessage', acceptedMessageSchema), 'The message is stored'),
      headers: z.object({
        location: z.string().meta({ description: 'Where the message can be read' }),
        'idempotency-replayed': z.literal('true').optional().meta({
          description: 'Present when the message was there already, by its Idempotency-Key',
        }),
      }),
    },
    ...bodyProblems,
  },
});

const readRoute = createRoute({
  method: 'get',
  path: '/v1/messages/{id}',
  tags: ['Messages'],
  summary: 'Read a message and what became of it',
  request: { params: idParams },
  responses: {
    200: json(named('Message', messageSchema), 'The message'),
    ...commonProblems,
    404: problems[404],
  },
});

type MessageHeaders = z.infer<typeof messageHeaders>;

/** Puts what the headers say over what the body says. */
function withHeaders(input: AcceptInput, headers: MessageHeaders): AcceptInput {
  const merged = { ...input };
  for (const header of FIELD_HEADER_NAMES) {
    const value = headers[header];
    if (value !== undefined) merged[FIELD_HEADERS[header].field] = value;
  }
  return merged;
}

/** A refusal that calls each field by the name under which it was sent. */
function refusal(error: unknown, headers: MessageHeaders): unknown {
  if (!isMessagingError(error)) return error;
  const problem = toProblem(error);
  const errors = problem.errors?.map((field) => ({ ...field, path: sentAs(field.path, headers) }));
  if (errors === undefined) return problem;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  const detail = `${errors[0]?.path}: ${errors[0]?.rule}${more}`;
  return new HttpProblem(problem.kind.code, detail, { errors, cause: error });
}

function sentAs(path: string, headers: MessageHeaders): string {
  if (path === 'idempotency_key') return 'Idempotency-Key';
  const header = FIELD_HEADER_NAMES.find((name) => FIELD_HEADERS[name].path === path);
  return header === undefined || headers[header] === undefined ? path : FIELD_HEADERS[header].name;
}

/** Serves messages. */
export function messageRoutes(
  app: OpenAPIHono<ServerEnv>,
  messaging: Messaging,
  admin: MessagingAdmin,
): void {
  app.openapi(acceptRoute, async (c) => {
    const headers = c.req.valid('header');
    const key = headers['idempotency-key'];
    const ip = remoteAddress(c);
    const accepting = messaging.accept(withHeaders(c.req.valid('json'), headers), {
      ...(key === undefined ? {} : { idempotencyKey: key }),
      ...(ip === undefined ? {} : { ip }),
    });
    const { message, replayed } = await accepting.catch((error: unknown) => {
      throw refusal(error, headers);
    });
    c.header('location', `/v1/messages/${message.id}`);
    if (replayed) c.header('idempotency-replayed', 'true');
    return c.json(acceptedMessageToJson(message), 202);
  });

  app.openapi(readRoute, async (c) => {
    const message = await admin.getMessage(c.req.valid('param').id);
    return c.json(messageToJson(message), 200);
  });
}
