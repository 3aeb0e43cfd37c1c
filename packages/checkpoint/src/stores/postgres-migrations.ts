import type { Migration } from '@holdfast/sql';

/** Tables of the Postgres store, oldest first. Applied ones never change. */
export const migrations: Migration[] = [
  {
    id: '001_versions',
    up: (schema) => `
      create table ${schema}.checkpoint_subject (
        id bigint generated always as identity primary key,
        -- Byte order, so that pages are the same whatever the database's locale is.
        subject text collate "C" not null unique,
        head int not null default 0,
        head_id uuid,
        head_at timestamptz
      );

      -- lineage is the subject's id; the name leaves room for subjects that share segments.
      create table ${schema}.checkpoint_segment (
        lineage bigint not null,
        hash bytea not null,
        body bytea not null,
        primary key (lineage, hash)
      );

      create table ${schema}.checkpoint_version (
        subject_id bigint not null references ${schema}.checkpoint_subject (id),
        version int not null,
        id uuid not null unique,
        parent uuid,
        label text,
        tags text[] not null,
        author text,
        -- json keeps the text as it is; jsonb would refuse an escaped U+0000.
        metadata json not null,
        created_at timestamptz not null,
        size bigint not null,
        content_hash text not null,
        checksum text not null,
        origin json not null,
        manifest text not null,
        -- The hashes of the segments, 32 bytes each.
        refs bytea not null,
        primary key (subject_id, version)
      );
      create index checkpoint_version_label on ${schema}.checkpoint_version (subject_id, label, version)
        where label is not null;
    `,
    down: (schema) => `
      drop table ${schema}.checkpoint_version;
      drop table ${schema}.checkpoint_segment;
      drop table ${schema}.checkpoint_subject;
    `,
  },
];
