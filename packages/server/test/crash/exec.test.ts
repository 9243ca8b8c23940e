/** What runs in a sandbox does not notice that the server dies, and everything it said is read afterwards. */
import type { ExecPart } from '@berth/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createWorld, type SystemWorld } from '../system/server.ts';

let world: SystemWorld;
beforeAll(async () => {
  world = await createWorld({ env: { BERTH_DRIVER: 'oci' } });
}, 60_000);
afterAll(() => world?.end(), 60_000);

const LINES = Array.from({ length: 40 }, (_, index) => `line ${index + 1}\n`).join('');
const SPEAK = 'for n in $(seq 40); do echo "line $n"; sleep 0.05; done';

test('a command in the background is heard to its end by the next server', { timeout: 60_000 }, async () => {
  const { id } = await world.client.sandboxes.create({});
  const { execId } = await world.client.sandboxes.exec({ id, shell: SPEAK, background: true });
  // Its first word, so that it is under way when the server dies.
  for await (const _ of world.client.sandboxes.logs({ id, execId })) break;
  await world.stop('SIGKILL');
  await world.start();
  let said = '';
  let end: ExecPart | undefined;
  for await (const part of world.client.sandboxes.logs({ id, execId })) {
    end = part;
    if (part.kind === 'output') said += part.text;
  }
  expect(said).toBe(LINES);
  expect(end).toMatchObject({ kind: 'exit', exitCode: 0 });
});
