/** The disk of the home is full: every refusal says so, the server answers on, and with room everything goes on. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isBerthError } from '@berth/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeRepository } from './repository.ts';
import { createWorld, type SystemWorld } from './server.ts';
import { runTask } from './tasks.ts';

const SIZE = '64m';
const MOST_WRITES = 3000;

const folder = mkdtempSync(join(tmpdir(), 'berth-full-'));
const disk = join(folder, 'disk');
const filler = join(disk, 'filler');
let world: SystemWorld;
beforeAll(async () => {
  execFileSync('mkdir', [disk]);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE},mode=711`, 'tmpfs', disk]);
  // All of this small disk may be used: the reserve that is kept otherwise is larger than it.
  const config = { drivers: { oci: { reservedBytes: 0, reservedInodes: 0 } } };
  const home = join(disk, 'home');
  mkdirSync(home, { mode: 0o700 });
  writeFileSync(join(home, 'config.json'), JSON.stringify(config));
  world = await createWorld({ env: { BERTH_HOME: home } });
}, 60_000);
afterAll(async () => {
  rmSync(filler, { force: true });
  await world?.end();
  execFileSync('umount', [disk]);
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

const fill = (): void => {
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(filler, Buffer.alloc(bavail * bsize));
};

const codeOf = (error: unknown): string => (isBerthError(error) ? error.code : String(error));

test('a full disk refuses work by its name, loses nothing, and is forgotten when there is room again', async () => {
  const { client } = world;
  const source = makeRepository(folder, 'small', { 'a.txt': 'a\n' });
  const gate = { commands: [{ name: 'there', run: 'test -e a.txt' }] };
  const workspace = await client.workspaces.create({ repositories: [{ source }], gate });

  fill();
  const another = client.workspaces.create({ name: 'other', repositories: [{ source }] });
  expect(await another.catch(codeOf)).toBe('disk.full');
  expect(await client.sandboxes.create({}).catch(codeOf)).toBe('disk.full');
  const kept: string[] = [];
  let refusal = '';
  for (let count = 0; count < MOST_WRITES && refusal === ''; count += 1) {
    await client.tokens
      .create({ name: `token ${count} ${'x'.repeat(80)}`, role: 'viewer' })
      .then(({ id }) => kept.push(id))
      .catch((error: unknown) => {
        refusal = codeOf(error);
      });
  }
  expect(refusal).toBe('disk.full');
  expect((await client.system.health()).defaultDriver).toBe('oci');
  expect((await client.workspaces.get({ id: workspace.id })).name).toBe('small');

  rmSync(filler);
  const prompt = ['```berth', JSON.stringify([{ write: { path: 'b.txt', content: 'b' } }]), '```'].join('\n');
  const { task } = await runTask(client, {
    workspaceId: workspace.id,
    prompt,
    agent: 'scripted',
    keepAliveMs: 0,
  });
  expect(task.error).toBeUndefined();
  expect(task.state).toBe('completed');
  const there: string[] = [];
  for (let after: string | undefined; ; ) {
    const page = await client.tokens.list({ after, limit: 200 });
    there.push(...page.rows.map(({ id }) => id));
    after = page.next;
    if (after === undefined) break;
  }
  expect(there).toEqual(expect.arrayContaining(kept));
}, 120_000);
