// Writes one transaction of three statements after another and reports each after its commit. Ends only by a signal.
import { writeSync } from 'node:fs';

const [, , url, dataDir] = process.argv;
const { openDatabase } = await import(url);
const db = await openDatabase({ dataDir });
writeSync(1, 'open\n');
await db.exec(`
  CREATE TABLE IF NOT EXISTS event (n bigint PRIMARY KEY, hash text NOT NULL, body text);
  CREATE TABLE IF NOT EXISTS twin (n bigint PRIMARY KEY REFERENCES event (n));
  CREATE TABLE IF NOT EXISTS total (id int PRIMARY KEY, v bigint NOT NULL);
  INSERT INTO total VALUES (1, 0) ON CONFLICT DO NOTHING`);
const { rows } = await db.query('SELECT coalesce(max(n), 0) AS n FROM event');
for (let n = rows[0].n + 1; ; n += 1) {
  const body = 'x'.repeat(n % 7 === 0 ? 3_000 + ((n * 131) % 9_000) : 10);
  await db.transaction(async (tx) => {
    await tx.query('INSERT INTO event SELECT $1::bigint, md5($1::text || $2), $2', [n, body]);
    await tx.query('INSERT INTO twin VALUES ($1)', [n]);
    await tx.query('UPDATE total SET v = v + 1 WHERE id = 1');
  });
  writeSync(1, `${n}\n`);
  if (n % 97 === 0) await db.exec('CHECKPOINT');
  if (n % 150 === 0) await db.exec('VACUUM event');
}
