/**
 * The floor: an OCI runtime called by hand, with the smallest bundle that can run a command. No limits, no layers, no
 * record, no access but the runtime's own `exec`.
 */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Contender } from './contest.ts';

const run = promisify(execFile);

/** crun's cgroups are disabled: it refuses some layouts, and without them it is only faster. */
const CANDIDATES = [['crun', '--cgroup-manager=disabled'], ['runc']] as const;

/** The first runtime that works here; undefined when none does. */
export const openBareRuntime = async (): Promise<Contender | undefined> => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-bare-'));
  writeBundle(folder);
  for (const [program, ...options] of CANDIDATES) {
    const runtime = runtimeOf(folder, [program, ...options]);
    const works = await runtime
      .start()
      .then(runtime.remove)
      .then(
        () => true,
        // It does not work on this machine; try the next one.
        () => false,
      );
    if (works) return runtime;
  }
  rmSync(folder, { recursive: true });
  return undefined;
};

const runtimeOf = (folder: string, [program = '', ...options]: readonly string[]): Contender => {
  const call = (...args: readonly string[]): Promise<unknown> =>
    run(program, [...options, '--root', join(folder, 'state'), ...args], { timeout: 20_000 });
  // `create` hands its standard output to the container, so it must not be a pipe that is awaited.
  const create = (id: string): Promise<unknown> =>
    run('/bin/sh', [
      '-c',
      'exec "$@" <&- >/dev/null 2>&1',
      'sh',
      program,
      ...options,
      '--root',
      join(folder, 'state'),
      'create',
      '--bundle',
      folder,
      id,
    ]);
  return {
    name: program,
    start: async () => {
      const id = `berth-bare-${randomUUID()}`;
      await create(id);
      await call('start', id);
      await call('exec', id, '/bin/true');
      return id;
    },
    exec: async (id) => void (await call('exec', id, '/bin/true')),
    remove: async (id) => void (await call('delete', '--force', id)),
    [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true, force: true }),
  };
};

const writeBundle = (folder: string): void => {
  for (const name of ['usr', 'bin', 'lib', 'lib64', 'proc', 'dev'])
    mkdirSync(join(folder, 'rootfs', name), { recursive: true });
  const shown = (path: string) => ({
    destination: path,
    type: 'bind',
    source: path,
    options: ['rbind', 'ro'],
  });
  const config = {
    ociVersion: '1.0.2',
    process: {
      user: { uid: 0, gid: 0 },
      cwd: '/',
      args: ['/bin/sleep', '1000'],
      env: ['PATH=/bin:/usr/bin'],
    },
    root: { path: 'rootfs' },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['mode=755'] },
      ...['/usr', '/bin', '/lib', '/lib64'].map(shown),
    ],
    linux: { namespaces: ['pid', 'ipc', 'uts', 'mount', 'network'].map((type) => ({ type })) },
  };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
};
