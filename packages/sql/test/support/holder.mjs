// Opens a directory and keeps it open until it is ended.
import { writeSync } from 'node:fs';

const [, , url, dataDir] = process.argv;
const { openDatabase } = await import(url);
try {
  const db = await openDatabase({ dataDir });
  await db.exec('CREATE TABLE IF NOT EXISTS held (id int); INSERT INTO held VALUES (1)');
  writeSync(1, 'open\n');
  setInterval(() => db.query('INSERT INTO held VALUES (1)'), 5);
} catch (error) {
  writeSync(1, `${error.code} ${error.message}\n`);
  process.exit(1);
}
