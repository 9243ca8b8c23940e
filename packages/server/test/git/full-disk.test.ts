/** The disk of the hub is full: whatever git or the server was doing there, that is what is said. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isBerthError } from '@berth/contract';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createHub } from '../../src/git/hub/hub.ts';
import { saysNoSpace } from '../../src/system/no-space.ts';
import { hostGit, run, sealed, serveHub, shell, WORKSPACE } from './sample.ts';

const folder = mkdtempSync(join(tmpdir(), 'berth-hub-full-'));
const disk = join(folder, 'disk');
const filler = join(disk, 'filler');
beforeAll(() => {
  mkdirSync(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk]);
});
afterAll(() => {
  execFileSync('umount', [disk]);
  rmSync(folder, { recursive: true, force: true });
});

const fill = (): void => {
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(filler, Buffer.alloc(bavail * bsize));
};

const codeOf = (act: Promise<unknown>): Promise<string> =>
  act.then(
    () => 'it succeeded',
    (error: unknown) => (isBerthError(error) ? error.code : String(error)),
  );

test('every act in the hub, and a push to it', async () => {
  const source = join(folder, 'source');
  shell(folder, 'git init -q -b main source; cd source; echo one > a.txt; git add .; git commit -qm first');
  shell(source, 'git checkout -qb other; echo two > b.txt; git add .; git commit -qm second');
  shell(source, 'git checkout -q main; echo three > c.txt; git add .; git commit -qm third');
  const hub = createHub({ folder: join(disk, 'hub'), git: hostGit().run });
  const repository = await hub.importRepository(WORKSPACE, { source });
  const [base, head] = [run(source, ['rev-parse', 'main']), run(source, ['rev-parse', 'other'])];
  shell(source, 'head -c 200000 /dev/urandom > d; git add .; git commit -qm fourth');
  fill();

  const keepAt = 'refs/berth/kept';
  const acts: Record<string, Promise<unknown>> = {
    import: hub.importRepository('ws_00000000000000000002', { source }),
    refresh: hub.refresh(WORKSPACE, repository),
    merge: hub.merge(WORKSPACE, 'source', { base, head, message: 'm', at: 0, keepAt }),
    swap: hub.swap(WORKSPACE, 'source', 'refs/heads/task/x', undefined, base),
  };
  const codes = Object.entries(acts).map(async ([name, act]) => [name, await codeOf(act)]);
  expect(Object.fromEntries(await Promise.all(codes))).toEqual({
    import: 'disk.full',
    refresh: 'disk.full',
    merge: 'disk.full',
    swap: 'disk.full',
  });

  const server = await serveHub(join(disk, 'hub'), {
    secret: {
      workspaceId: WORKSPACE,
      writeRefs: ['refs/heads/task/x'],
      readRefs: ['refs/heads/main'],
    } as never,
  });
  const url = `${server.url}/git/${WORKSPACE}/source.git`;
  const pushed = await execa(
    'git',
    ['-c', 'http.extraHeader=Authorization: Bearer secret', 'push', url, 'main:refs/heads/task/x'],
    { cwd: source, env: sealed, extendEnv: false, reject: false },
  );
  expect([pushed.exitCode, pushed.stderr]).toEqual([
    128,
    expect.stringContaining('The disk of the repositories is full'),
  ]);
  expect(saysNoSpace(pushed.stderr)).toBe(true);
  await server.end();
}, 30_000);
