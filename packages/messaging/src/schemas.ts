import { z } from 'zod';
import { LIMITS } from './limits.js';
import { type AcceptInput, DELIVERY_STATUSES, MESSAGE_STATUSES, REPLY_PURPOSES } from './types.js';
import type {
  AcceptedMessageJson,
  AttemptJson,
  DeliveryJson,
  MessageJson,
  TemplateJson,
  WebhookEventJson,
} from './wire.js';

export {
  type AcceptedMessageJson,
  type AttemptJson,
  acceptedMessageToJson,
  attemptToJson,
  type DeliveryJson,
  deliveryToJson,
  fieldErrorsToJson,
  type MessageJson,
  messageToJson,
  type ReplyJson,
  type TemplateJson,
  templateToJson,
  type WebhookEventJson,
} from './wire.js';

const ID = '019b3f6e-2c11-7d4e-8a2b-5f0c9e7d1a34';
const TIME = '2026-11-21T12:00:00.000Z';

const id = (description: string): z.ZodUUID => z.uuid().meta({ description, examples: [ID] });
const time = (description: string): z.ZodISODateTime =>
  z.iso.datetime({ precision: 3 }).meta({ description, examples: [TIME] });
const metadata = z.record(z.string(), z.unknown()).meta({
  description: 'Plain JSON, sent back unchanged in the webhook',
  examples: [{ ticket: 'A-17' }],
});

/** The body of a message handed in over HTTP. */
export interface AcceptBody {
  client_id: string;
  text: string;
  webhook_url?: string | null | undefined;
  platform?: string | null | undefined;
  chat_id?: string | null | undefined;
  locale?: string | null | undefined;
  metadata?: Record<string, unknown> | null | undefined;
}

/** The body of a message handed in over HTTP; unknown fields are refused. Where the address leads is judged by `accept`. */
export const acceptBodySchema: z.ZodType<AcceptBody, AcceptBody> = z
  .strictObject({
    client_id: z
      .string()
      .min(1)
      .max(LIMITS.clientId)
      .meta({ description: "The client's name in your system", examples: ['customer-42'] }),
    text: z
      .string()
      .min(1)
      .max(LIMITS.text)
      .meta({ description: 'What the client wrote', examples: ['My internet is not working'] }),
    webhook_url: z
      .string()
      .max(LIMITS.webhookUrl)
      .nullish()
      .meta({
        description: 'Where replies go; the session keeps it for later messages',
        examples: ['https://crm.example.com/holdfast'],
      }),
    platform: z
      .string()
      .min(1)
      .max(LIMITS.platform)
      .nullish()
      .meta({ description: 'The platform the client writes on', examples: ['crm'] }),
    chat_id: z
      .string()
      .min(1)
      .max(LIMITS.chatId)
      .nullish()
      .meta({ description: 'The chat on the platform', examples: ['chat-7'] }),
    locale: z
      .string()
      .max(LIMITS.locale)
      .nullish()
      .meta({
        description: 'Language of the client; found from the text when absent',
        examples: ['en'],
      }),
    metadata: metadata.nullish(),
  })
  .meta({ description: 'A message of a customer' });

/** The wire's body, turned into the input of `accept`. */
export const acceptInputSchema: z.ZodType<AcceptInput, AcceptBody> = acceptBodySchema.transform(
  (body): AcceptInput => ({
    clientId: body.client_id,
    text: body.text,
    webhookUrl: body.webhook_url ?? null,
    platform: body.platform ?? null,
    chatId: body.chat_id ?? null,
    locale: body.locale ?? null,
    metadata: body.metadata ?? null,
  }),
);

/** The receipt of an accepted message. */
export const acceptedMessageSchema: z.ZodType<AcceptedMessageJson> = z
  .object({
    id: id('Id of the message'),
    session_id: id('Id of its session'),
    client_id: z.string(),
    seq: z
      .int()
      .min(1)
      .meta({ description: 'Place in the session, from 1', examples: [1] }),
    status: z.literal('accepted'),
    created_at: time('When it was accepted'),
  })
  .meta({ description: 'The receipt of an accepted message' });

const share = z.number().min(0).max(1);
const replySchema = z
  .object({
    id: id('Id of the reply'),
    purpose: z.enum(REPLY_PURPOSES),
    text: z.string().meta({
      description: 'The text for the client',
      examples: ['Hello! Thank you for writing to us.'],
    }),
    locale: z.string().meta({ examples: ['en'] }),
    template: z.string().meta({ description: 'Key of the template', examples: ['greeting'] }),
  })
  .meta({ description: 'One text for the client' });

/** A message and what became of it. */
export const messageSchema: z.ZodType<MessageJson> = z
  .object({
    id: id('Id of the message'),
    session_id: id('Id of its session'),
    client_id: z.string(),
    seq: z.int().min(1).meta({ description: 'Place in the session, from 1' }),
    status: z
      .enum(MESSAGE_STATUSES)
      .meta({ description: 'responded, escalated and failed are final' }),
    text: z.string().meta({ description: 'As received' }),
    normalised_text: z.string().nullable(),
    locale: z.string().nullable(),
    platform: z.string().nullable(),
    chat_id: z.string().nullable(),
    webhook_url: z.string().nullable(),
    metadata: metadata.nullable(),
    classification: z
      .object({
        category: z.string().meta({ examples: ['BILLING'] }),
        confidence: share,
        source: z.string().meta({ examples: ['rules'] }),
        cached: z.boolean(),
      })
      .nullable(),
    escalation_reason: z.string().nullable().meta({ description: 'Why a person must look at it' }),
    replies: z.array(replySchema),
    delivery: z
      .object({ id: id('Id of the delivery'), status: z.enum(DELIVERY_STATUSES) })
      .nullable(),
    attempts: z.int().min(0).meta({ description: 'How often processing was begun' }),
    error: z.string().nullable(),
    request_id: z.string().nullable(),
    created_at: time('When it was accepted'),
    processed_at: time('When its replies were written').nullable(),
  })
  .meta({ description: 'A message and what became of it' });

/** The webhook of one message. */
export const deliverySchema: z.ZodType<DeliveryJson> = z
  .object({
    id: id('Id of the delivery; also its webhook-id'),
    message_id: id('Id of the message'),
    session_id: id('Id of the session'),
    client_id: z.string(),
    url: z.string().nullable(),
    status: z.enum(DELIVERY_STATUSES),
    attempts: z.int().min(0),
    next_attempt_at: time('When it is tried next').nullable(),
    last_http_status: z.int().nullable(),
    last_error: z.string().nullable(),
    request_id: z.string().nullable(),
    created_at: time('When it was written'),
    delivered_at: time('When it was delivered').nullable(),
  })
  .meta({ description: 'The webhook of one message' });

/** One try to send a delivery. */
export const attemptSchema: z.ZodType<AttemptJson> = z
  .object({
    n: z.int().min(1),
    started_at: time('When it began'),
    duration_ms: z.int().min(0).nullable(),
    http_status: z
      .int()
      .nullable()
      .meta({ examples: [204] }),
    error_code: z
      .string()
      .nullable()
      .meta({
        description: 'UNKNOWN when the process ended before the result was written',
        examples: ['TIMEOUT'],
      }),
    trigger: z.enum(['schedule', 'replay']),
  })
  .meta({ description: 'One try to send a delivery' });

/** A template as stored. */
export const templateSchema: z.ZodType<TemplateJson> = z
  .object({
    key: z.string().meta({ examples: ['greeting'] }),
    locale: z.string().meta({ examples: ['en'] }),
    body: z.string().meta({ examples: ['Hello! Thank you for writing to us.'] }),
    version: z.int().min(1),
    updated_at: time('When it was changed last'),
  })
  .meta({ description: 'A text with places to fill, in one language' });

/** The body of a change of one template. */
export const templateBodySchema: z.ZodType<{ body: string }, { body: string }> = z
  .strictObject({
    body: z
      .string()
      .min(1)
      .max(LIMITS.templateBody)
      .meta({
        description:
          '{{ client_id }}, {{ session_id }}, {{ message_id }}, {{ platform }}, {{ category }} and {{ text }} are places to fill',
        examples: ['Hello {{ client_id }}!'],
      }),
  })
  .meta({ description: 'The new text of a template' });

/** The webhook's body. */
export const webhookEventSchema: z.ZodType<WebhookEventJson> = z
  .object({
    type: z.literal('message.replied'),
    timestamp: time('When the replies were made'),
    data: z.object({
      message_id: id('Id of the message'),
      session_id: id('Id of the session'),
      client_id: z.string(),
      platform: z.string().nullable(),
      chat_id: z.string().nullable(),
      category: z.string(),
      confidence: share,
      status: z.enum(['responded', 'escalated']),
      replies: z.array(replySchema.omit({ template: true })),
      metadata: metadata.nullable(),
    }),
  })
  .meta({ description: 'Sent to the webhook address once a message is processed' });

/** How much is unfinished or in trouble. */
export const countsSchema: z.ZodType<{
  messages: { accepted: number; processing: number; failed: number };
  deliveries: { pending: number; sending: number; retrying: number; dead: number };
}> = z
  .object({
    messages: z.object({ accepted: z.int(), processing: z.int(), failed: z.int() }),
    deliveries: z.object({ pending: z.int(), sending: z.int(), retrying: z.int(), dead: z.int() }),
  })
  .meta({ description: 'How much is unfinished or in trouble' });
