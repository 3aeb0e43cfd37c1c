import type { Alerts } from '@holdfast/alerts';
import type { Messaging, MessagingAdmin } from '@holdfast/messaging';
import type { HttpContext } from '@holdfast/observability';
import type { Queue, QueueAdmin } from '@holdfast/queue';
import type { SqlTransaction } from '@holdfast/sql';
import { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { TemplateLibrary } from '../compose/templates.js';
import type { Config } from '../config.js';
import type { DeliveryStatistics } from '../operations/delivery-statistics.js';
import { alertRoutes } from './alert-routes.js';
import { requireKey } from './auth.js';
import { jsonBody } from './body.js';
import { deliveryRoutes } from './delivery-routes.js';
import { docsPages } from './docs-page.js';
import { eventRoutes } from './event-routes.js';
import { messageRoutes } from './message-routes.js';
import { openApiDocument } from './openapi.js';
import { HttpProblem, problemResponse } from './problem.js';
import { queueRoutes } from './queue-routes.js';
import type { ServerEnv } from './routes.js';
import { scheduleRoutes } from './schedule-routes.js';
import { statisticsRoutes } from './statistics-routes.js';
import { type SystemServices, systemRoutes } from './system-routes.js';
import { bulkRoutes } from './task-bulk-routes.js';
import { enqueueRoutes } from './task-enqueue-routes.js';
import { taskRoutes } from './task-routes.js';
import { templateRoutes } from './template-routes.js';
import { fieldProblems, invalidFields, toProblem } from './to-problem.js';

/** What the interface of a process that accepts messages needs. */
export interface ApiServices {
  readonly messaging: Messaging;
  readonly admin: MessagingAdmin;
  readonly templates: TemplateLibrary;
  readonly statistics: DeliveryStatistics;
  readonly alerts: Alerts;
  readonly queue: Queue<SqlTransaction>;
  readonly queueAdmin: QueueAdmin;
}

/** What the app serves. */
export interface AppServices {
  readonly system: SystemServices;
  /** Absent in a worker: it serves health and metrics only. */
  readonly api: ApiServices | undefined;
  readonly http: HttpContext;
}

type ServerContext = Context<ServerEnv>;

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** Makes the HTTP application: every answer of the server comes from here. */
export function createApp(
  config: Pick<Config, 'apiKeys' | 'bodyLimit'>,
  services: AppServices,
): OpenAPIHono<ServerEnv> {
  const app = new OpenAPIHono<ServerEnv>({
    defaultHook: (result, c) => {
      if (result.success) return;
      const named = result.target === 'header' ? headerName : undefined;
      throw invalidFields(fieldProblems(result.error, inputOf(result.target, c), named));
    },
  });
  app.use(services.http.hono);
  app.use(async (c, next) => {
    await next();
    c.header('x-content-type-options', 'nosniff');
  });
  app.onError((error, c) => problemResponse(problemOf(error), c.req.path));
  app.notFound((c) => problemResponse(notFound(app, c), c.req.path));
  systemRoutes(app, services.system);
  if (services.api === undefined) return app;
  const { messaging, admin, templates, statistics, alerts, queue, queueAdmin } = services.api;
  app.use('/v1/*', requireKey(config.apiKeys), jsonBody(config.bodyLimit));
  messageRoutes(app, messaging, admin);
  deliveryRoutes(app, admin);
  statisticsRoutes(app, statistics);
  templateRoutes(app, templates);
  alertRoutes(app, alerts);
  enqueueRoutes(app, queue);
  bulkRoutes(app, queueAdmin);
  taskRoutes(app, queueAdmin);
  queueRoutes(app, queueAdmin);
  scheduleRoutes(app, queue, queueAdmin);
  eventRoutes(app, queueAdmin);
  const document = openApiDocument(app, config.apiKeys.length > 0);
  app.get('/openapi.json', (c) => c.json(document));
  docsPages(app);
  return app;
}

function inputOf(target: string, c: ServerContext): unknown {
  if (target === 'query') return c.req.query();
  if (target === 'header') return c.req.header();
  return target === 'json' ? (c.get('body') ?? {}) : c.req.param();
}

/** `Idempotency-Key` for `idempotency-key`. */
const headerName = (name: string): string =>
  name.replace(/(?:^|-)[a-z]/g, (start) => start.toUpperCase());

function problemOf(error: unknown): HttpProblem {
  if (!(error instanceof HTTPException)) return toProblem(error);
  if (error.status === 415) {
    return new HttpProblem('MEDIA_TYPE_UNSUPPORTED', 'Content-Type must be application/json');
  }
  return new HttpProblem('REQUEST_JSON_INVALID', 'The body is not JSON: it is empty');
}

/** A path that another method reaches is told apart from one that leads nowhere. */
function notFound(app: OpenAPIHono<ServerEnv>, c: ServerContext): HttpProblem {
  const { path, method } = c.req;
  const reaches = (one: string): boolean => {
    const as = one === 'HEAD' ? 'GET' : one;
    return app.router.match(as, path)[0].some(([[, route]]) => route.method === as);
  };
  const allowed = METHODS.filter(reaches);
  if (allowed.length === 0) {
    return new HttpProblem('ROUTE_NOT_FOUND', `There is nothing at ${path.slice(0, 200)}`);
  }
  return new HttpProblem('METHOD_NOT_ALLOWED', `${path} does not take ${method}`, {
    headers: { allow: allowed.join(', ') },
  });
}
