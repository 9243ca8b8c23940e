/**
 * The driver's own work on files written by a sandbox or contained in an image: run in a separate sandbox that sees
 * nothing but those folders. So a hostile link, name or archive can reach nothing else, and no code here has to guard
 * against it.
 */
import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ifMissing } from '../../../linux/missing.ts';
import { gone, type ProcessMark } from '../../../linux/processes.ts';
import type { Cgroups } from '../cgroups/cgroups.ts';
import { containerIdOf, type Folders, makeThrough } from '../folders.ts';
import type { Base } from '../rootfs/base.ts';
import { type BundleHost, type Mount, shown } from './bundle.ts';
import { endContainer, openLog, startContainer, tailOf } from './container.ts';
import type { Engine, Launcher } from './launch.ts';

export interface IsolatedScript {
  /** For `sh -c`, with `set -e`. Its output is read as text. */
  readonly script: string;
  readonly mounts?: readonly Mount[];
  /** True: root inside, with access to the files of all mapped users; false: `agent` with none. */
  readonly asOwner: boolean;
  readonly timeoutMs: number;
}

/**
 * Script lines for a pipeline that fails when any of its programs fails. A POSIX shell checks only the last one, and
 * would take truncated output of the others for complete.
 */
export const piped = (...parts: readonly [string, string, ...string[]]): string => `
{
  failed=$({ ${parts.map((part) => `{ ${part} || echo failed >&3; }`).join(' | ')}; } 3>&1 >&4)
} 4>&1
[ -z "$failed" ]`;

export interface ScriptResult {
  readonly exitCode: number;
  /** The tail of standard output and error combined. */
  readonly output: string;
  /** The compiled filter left by the runtime while the script ran, base64. */
  readonly compiledSeccomp: string | undefined;
}

export interface ScriptTools {
  readonly folders: Folders;
  readonly base: Base;
  readonly launcher: Launcher;
  readonly cgroups: Cgroups | undefined;
  readonly world: BundleHost;
  readonly engine: Engine;
  readonly installation: string;
}

const OWNER_RIGHTS = ['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_DAC_READ_SEARCH', 'CAP_FOWNER', 'CAP_FSETID'];
const SCRIPT_LIMITS = { memoryBytes: 1024 * 2 ** 20, pids: 64, cpus: 1 };
const MAX_SAID_BYTES = 3000;
const EXIT = /\n?exit (\d+)\s*$/;
const PREFIX = 'chore-';

/** Rejects when the runtime fails to start it or it times out; a failed script is a result. */
export const runIsolated = async (request: IsolatedScript, tools: ScriptTools): Promise<ScriptResult> => {
  const name = `${PREFIX}${randomUUID()}`;
  const id = containerIdOf(tools.installation, name);
  const folder = await makeThrough(join(tools.folders.trash, name));
  const { state } = tools.folders;
  await using log = await openLog(folder);
  const end = (marks: readonly ProcessMark[], search: boolean): Promise<void> =>
    endContainer({ containerId: id, folder, state, cgroups: tools.cgroups, marks, search });
  try {
    const mark = await startContainer(
      {
        container: {
          id,
          rootfs: tools.launcher.at(tools.base.rootfs),
          // The runtime exits once it has started this, so the exit code is printed in the output.
          argv: [
            '/bin/sh',
            '-c',
            `{ (set -e; ${request.script}) 2>&1; echo "exit $?"; } | tail -c ${MAX_SAID_BYTES}`,
            id,
          ],
          env: { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8' },
          mounts: [...tools.base.system.map((path) => shown(path, path)), ...(request.mounts ?? [])],
          limits: SCRIPT_LIMITS,
          user: request.asOwner ? { uid: 0, gid: 0, capabilities: OWNER_RIGHTS } : undefined,
        },
        world: tools.world,
        engine: tools.engine,
        folder,
        log,
        signal: AbortSignal.timeout(request.timeoutMs),
      },
      tools.launcher,
    );
    // Only crun leaves it, and it is tested before use: without it each start compiles its own.
    const filter = join(state, id, 'seccomp.bpf');
    const compiledSeccomp = await readFile(filter, 'base64').catch(ifMissing(undefined));
    const ended = mark === undefined || (await gone([mark], request.timeoutMs));
    const said = ended ? await tailOf(log) : `it did not finish within ${request.timeoutMs} ms`;
    const exitCode = ended ? Number(EXIT.exec(said)?.[1] ?? 255) : 255;
    await end(mark === undefined ? [] : [mark], false);
    return { exitCode, output: said.replace(EXIT, ''), compiledSeccomp };
  } catch (error) {
    await end([], true);
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

/** Chores in the trash left running by a crashed server. */
export const scriptContainer = (installation: string, trashName: string): string | undefined =>
  trashName.startsWith(PREFIX) ? containerIdOf(installation, trashName) : undefined;
