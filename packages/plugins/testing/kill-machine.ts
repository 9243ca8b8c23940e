/** Kills processes of a machine from outside its driver, as the kernel or an operator would. */
import { readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import type { DriverHost } from '@berth/plugin-api';
import type { KillMachine } from '@berth/plugin-api/conformance';
import { killMachine } from '../src/drivers/memory.ts';
import { containerIdOf } from '../src/drivers/oci/folders.ts';
import { gone, kill, processesNaming } from '../src/linux/processes.ts';

export const killInMemory: KillMachine = async ({ folder }, id) => killMachine(folder, id);

export const killOnHost: KillMachine = ({ folder }, id, which) =>
  killNaming(join(folder, 'sandboxes', id), which);

export const killContainer: KillMachine = ({ installation }, id, which) =>
  killNaming(containerIdOf(installation, id), which);

/** As a crash of the host leaves a file that was written shortly before. */
export const damageRecord = ({ folder }: DriverHost, id: string): Promise<void> =>
  truncate(join(folder, 'sandboxes', id, 'machine.json'), 3);

const killNaming = async (text: string, which: 'guest' | 'all'): Promise<void> => {
  const found = await processesNaming(text);
  const isGuest = await Promise.all(found.map(({ pid }) => runsGuest(pid)));
  const doomed = found.filter((_, index) => which === 'all' || isGuest[index]);
  if (doomed.length === 0) throw new TypeError(`no process names ${text}`);
  for (const { pid } of doomed) kill(pid);
  if (!(await gone(doomed))) throw new TypeError('they survived SIGKILL');
};

const runsGuest = async (pid: number): Promise<boolean> => {
  const [program = '', ...args] = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
  return program.endsWith('/node') && args.some((arg) => arg.endsWith('/guest.cjs'));
};
