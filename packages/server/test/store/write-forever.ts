/** A program for the crash test: writes records with events for ever and says the number of each one that is durable. */
import { writeSync } from 'node:fs';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';

const [, , folder = ''] = process.argv;
const store = await openSqliteStore({ folder, clock: { now: Date.now, sleep: async () => undefined } });
for (;;) {
  const seq = await store.write(async (tx) => {
    const event = await tx.emit({ type: 'task.created', subject: 'x', data: { title: 'x' } });
    await tx.table('settings').insert({ id: event.id, value: event.seq });
    return event.seq;
  });
  writeSync(1, `${seq}\n`);
}
