import type { Migration } from '@holdfast/sql';

/**
 * No foreign keys: rows of one message are only ever written together, in one transaction, and the checks would cost
 * more than the inserts. What must be unique is made so by indexes, whatever the code does.
 */
const first = (s: string): string => `
create table ${s}.messaging_sessions (
  id uuid primary key,
  client_id text not null,
  platform text,
  chat_id text,
  webhook_url text,
  locale text,
  greeted_at timestamptz,
  fallbacks integer not null default 0,
  next_seq integer not null,
  open boolean not null default true,
  created_at timestamptz not null default now(),
  last_activity_at timestamptz not null default now()
) with (fillfactor = 80);
create unique index messaging_sessions_open on ${s}.messaging_sessions
  (client_id, coalesce(platform, ''), coalesce(chat_id, '')) where open;

create table ${s}.messaging_messages (
  id uuid primary key,
  session_id uuid not null,
  seq integer not null,
  client_id text not null,
  status text not null default 'accepted'
    check (status in ('accepted', 'processing', 'responded', 'escalated', 'failed')),
  text text not null,
  normalised_text text,
  locale text,
  platform text,
  chat_id text,
  webhook_url text,
  metadata json,
  category text,
  confidence double precision,
  source text,
  cached boolean,
  escalation_reason text,
  error text,
  attempts integer not null default 0,
  epoch integer not null default 0,
  available_at timestamptz not null default now(),
  request_id text,
  carrier json not null,
  created_at timestamptz not null default now(),
  processed_at timestamptz,
  unique (session_id, seq)
);
create index messaging_messages_unfinished on ${s}.messaging_messages (id)
  where status in ('accepted', 'processing');
create index messaging_messages_unfinished_of_session on ${s}.messaging_messages (session_id, seq)
  where status in ('accepted', 'processing');
create index messaging_messages_failed on ${s}.messaging_messages (id) where status = 'failed';
create index messaging_messages_of_client on ${s}.messaging_messages (client_id, id);

create table ${s}.messaging_idempotency (
  client_id text not null,
  key text not null,
  fingerprint text not null,
  message_id uuid not null,
  expires_at timestamptz not null,
  primary key (client_id, key)
);
create index messaging_idempotency_expiry on ${s}.messaging_idempotency (expires_at);

create table ${s}.messaging_replies (
  id uuid not null,
  message_id uuid not null,
  session_id uuid not null,
  position integer not null,
  purpose text not null,
  text text not null,
  locale text not null,
  template text not null,
  primary key (message_id, purpose)
);
create unique index messaging_replies_one_greeting on ${s}.messaging_replies (session_id)
  where purpose = 'greeting';

create table ${s}.messaging_deliveries (
  id uuid primary key,
  message_id uuid not null unique,
  session_id uuid not null,
  client_id text not null,
  url text,
  host text collate "C",
  body text not null,
  carrier json not null,
  request_id text,
  status text not null
    check (status in ('pending', 'sending', 'retrying', 'delivered', 'dead', 'no_destination')),
  attempts integer not null default 0,
  tries integer not null default 0,
  replays integer not null default 0,
  epoch integer not null default 0,
  due_at timestamptz not null default now(),
  claimed_at timestamptz,
  last_http_status integer,
  last_error text,
  created_at timestamptz not null default now(),
  delivered_at timestamptz
);
create index messaging_deliveries_due on ${s}.messaging_deliveries (host, due_at, id)
  where status in ('pending', 'retrying', 'sending');
create index messaging_deliveries_dead on ${s}.messaging_deliveries (id) where status = 'dead';

create table ${s}.messaging_attempts (
  delivery_id uuid not null,
  n integer not null,
  started_at timestamptz not null,
  duration_ms integer,
  http_status integer,
  error_code text,
  trigger text not null,
  primary key (delivery_id, n)
);

create table ${s}.messaging_templates (
  key text not null,
  locale text not null,
  body text not null,
  version integer not null default 1,
  updated_at timestamptz not null default now(),
  primary key (key, locale)
);
`;

const dropFirst = (s: string): string =>
  ['templates', 'attempts', 'deliveries', 'replies', 'idempotency', 'messages', 'sessions']
    .map((table) => `drop table ${s}.messaging_${table};`)
    .join('\n');

/** The tables of the Postgres store. Applied ones are never changed: what is new is added after them. */
export const migrations: readonly Migration[] = [
  { id: '0001-pipeline', up: first, down: dropFirst },
  {
    id: '0002-lost-tries',
    up: (s) => `alter table ${s}.messaging_messages add column lost integer not null default 0;`,
    down: (s) => `alter table ${s}.messaging_messages drop column lost;`,
  },
];
