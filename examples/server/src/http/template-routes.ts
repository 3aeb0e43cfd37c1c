import { CheckpointAdmin } from '@holdfast/checkpoint';
import { checkpointInfoJson } from '@holdfast/checkpoint/schemas';
import { templateBodySchema, templateSchema, templateToJson } from '@holdfast/messaging/schemas';
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { TemplateLibrary } from '../compose/templates.js';
import {
  bodyProblems,
  commonProblems,
  json,
  jsonRequest,
  named,
  pageOf,
  pageQuery,
  problems,
  type ServerEnv,
} from './routes.js';
import { requestProblem } from './to-problem.js';

const template = named('Template', templateSchema);
const version = z
  .object({
    id: z.string(),
    subject: z.string(),
    version: z.int().meta({ description: 'From 1, without gaps', example: 3 }),
    parent: z.string().nullable().meta({ description: 'Id of the version before it' }),
    label: z.string().nullable(),
    tags: z.array(z.string()),
    author: z.string().nullable().meta({ description: 'Who made the change', example: 'local' }),
    metadata: z
      .record(z.string(), z.unknown())
      .meta({ description: 'Key and locale of the template that was changed' }),
    created_at: z.iso.datetime(),
    size: z.int().meta({ description: 'Bytes of the set as JSON' }),
    content_hash: z.string().meta({ description: 'Equal for versions with the same set' }),
    origin: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('save') }),
      z.object({
        kind: z.literal('rollback'),
        from: z.int(),
        to: z.int(),
        reason: z.string(),
      }),
    ]),
  })
  .meta({ id: 'TemplateVersion', description: 'The whole set of templates at one time' });

const listRoute = createRoute({
  method: 'get',
  path: '/v1/templates',
  tags: ['Templates'],
  summary: 'List every template, by key and locale',
  responses: { 200: json(z.object({ items: z.array(template) }), 'All'), ...commonProblems },
});

const putRoute = createRoute({
  method: 'put',
  path: '/v1/templates/{key}/{locale}',
  tags: ['Templates'],
  summary: 'Write one template',
  description:
    'The change and a checkpoint of the whole set are one transaction. Messages processed from then on use it.',
  request: {
    params: z.object({
      key: z.string().meta({ example: 'greeting' }),
      locale: z.string().meta({ example: 'en' }),
    }),
    body: jsonRequest(templateBodySchema, 'The new text'),
  },
  responses: {
    200: json(
      z.object({
        template,
        checkpoint: z.int().meta({ description: 'Version of the set that holds this change' }),
      }),
      'It is written',
    ),
    ...bodyProblems,
  },
});

const checkpointsRoute = createRoute({
  method: 'get',
  path: '/v1/templates/checkpoints',
  tags: ['Templates'],
  summary: 'List the versions of the set, newest first',
  request: { query: z.strictObject(pageQuery) },
  responses: { 200: json(pageOf(version), 'One page'), ...commonProblems },
});

const rollbackRoute = createRoute({
  method: 'post',
  path: '/v1/templates/rollback',
  tags: ['Templates'],
  summary: 'Make the set again what it was at a version',
  description:
    'One transaction. The rollback is a version of its own, so it can be taken back by a rollback to the version before it.',
  request: {
    body: jsonRequest(
      z.strictObject({
        version: z.int().min(1).meta({ description: 'From the list of versions', example: 1 }),
        reason: z.string().min(1).max(4_096).meta({ example: 'The new greeting was too informal' }),
      }),
      'Where to, and why',
    ),
  },
  responses: {
    200: json(version, 'The new version, equal to the chosen one'),
    ...bodyProblems,
    404: problems[404],
    409: problems[409],
  },
});

/** Serves templates and their history. */
export function templateRoutes(app: OpenAPIHono<ServerEnv>, library: TemplateLibrary): void {
  const history = new CheckpointAdmin(library.checkpoints);

  app.openapi(listRoute, async (c) => {
    const items = (await library.list()).map(templateToJson);
    return c.json({ items }, 200);
  });

  app.openapi(putRoute, async (c) => {
    const { body } = c.req.valid('json');
    const written = await library.put({ ...c.req.valid('param'), body }, c.get('caller'));
    const { version: checkpoint } = written.checkpoint;
    return c.json({ template: templateToJson(written.template), checkpoint }, 200);
  });

  app.openapi(checkpointsRoute, async (c) => {
    const { limit, cursor } = c.req.valid('query');
    const input = { subject: library.subject, limit, ...(cursor === undefined ? {} : { cursor }) };
    return c.json(await requestProblem(history.list(input)), 200);
  });

  app.openapi(rollbackRoute, async (c) => {
    const { version: to, reason } = c.req.valid('json');
    const info = await requestProblem(library.rollback(to, c.get('caller'), reason));
    return c.json(checkpointInfoJson(info), 200);
  });
}
