/** A sandbox for tests of git: child processes in a temporary folder, with a home of their own. */
import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Sandbox } from '@berth/plugin-api';
import { execa } from 'execa';

export interface LocalSandbox extends Sandbox {
  /** The arguments of every command that ran. */
  readonly ran: readonly (readonly string[])[];
}

export const createLocalSandbox = async (folder: string, internalUrl: string): Promise<LocalSandbox> => {
  const root = path.join(folder, 'workspace');
  const home = path.join(folder, 'home');
  await mkdir(root, { recursive: true });
  await mkdir(home, { recursive: true });
  const ran: (readonly string[])[] = [];
  const unused = (): never => assert.fail('git needs only run and files');
  return {
    id: 'sb_00000000000000000000',
    root,
    home,
    internalUrl,
    ran,
    start: unused,
    attach: unused,
    endCommands: async () => undefined,
    connectPort: unused,
    metrics: unused,
    run: async (spec) => {
      ran.push(spec.argv);
      const [file, ...args] = spec.argv;
      const done = await execa(file, args, {
        cwd: spec.cwd ?? root,
        env: { PATH: '/usr/bin:/bin', ...(spec.system === true ? {} : { HOME: home }), ...spec.env },
        extendEnv: false,
        reject: false,
        input: spec.stdin ?? '',
        stripFinalNewline: false,
        timeout: spec.timeoutMs ?? 0,
        maxBuffer: spec.maxOutputBytes ?? 2 ** 20,
      });
      return {
        exitCode: done.exitCode ?? null,
        timedOut: done.timedOut,
        outOfMemory: false,
        durationMs: 0,
        stdout: done.stdout,
        stderr: done.stderr,
        truncated: done.isMaxBuffer,
      };
    },
    files: {
      read: (file) => readFile(file),
      open: unused,
      write: async (file, bytes) => {
        await mkdir(path.dirname(file), { recursive: true });
        await writeFile(file, bytes);
      },
      list: async (file) =>
        (await readdir(file)).map((name) => ({ name, kind: 'other', sizeBytes: 0, mode: 0, modifiedAt: 0 })),
      stat: unused,
      makeFolder: async (file) => {
        await mkdir(file, { recursive: true });
      },
      rename,
      remove: (file) => rm(file, { recursive: true, force: true }),
    },
  };
};
