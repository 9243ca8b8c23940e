import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createUser } from '../user.ts';
import { createCommands } from './commands.ts';

const folder = mkdtempSync(join(tmpdir(), 'commands-'));
const user = createUser(undefined, folder);
afterAll(() => {
  user.close();
  rmSync(folder, { recursive: true });
});

const LIMITS = { liveExecs: 10, execRecords: 5, totalLogBytes: 1000 };

const begin = () => {
  const env = () => ({ PATH: '/usr/bin:/bin' });
  const commands = createCommands({
    ...{ state: folder, user, env, systemEnv: env, limits: LIMITS },
    cwd: () => folder,
  });
  const ended = async (id: string, keep: 'all' | 'tail') => {
    const command = await commands.start({ id, argv: ['/bin/echo', id], input: '', keep });
    while (command.exit === undefined)
      await new Promise<void>((resolve) => {
        const stop = command.onChange(() => {
          stop();
          resolve();
        });
      });
  };
  const outputOf = async (id: string) => String((await commands.get(id)).stdout.read(0, 100));
  return { ended, outputOf };
};

test('of too many records the oldest are forgotten, but never promised output', async () => {
  const { ended, outputOf } = begin();
  await ended('promised', 'all');
  for (const id of ['a', 'b', 'c', 'd', 'e']) await ended(id, 'tail');
  expect(await outputOf('promised')).toBe('promised\n');
  await expect(outputOf('a')).rejects.toMatchObject({ body: { code: 'exec.missing' } });
  expect(await outputOf('b')).toBe('b\n');
});

test('where all of them hold promised output, no other command starts', async () => {
  const { ended, outputOf } = begin();
  const ids = ['a', 'b', 'c', 'd', 'e'];
  for (const id of ids) await ended(id, 'all');
  await expect(ended('f', 'tail')).rejects.toMatchObject({
    body: {
      code: 'exec.not_startable',
      data: { reason: 'the output of 5 commands is already kept' },
    },
  });
  expect(await Promise.all(ids.map(outputOf))).toEqual(ids.map((id) => `${id}\n`));
});
