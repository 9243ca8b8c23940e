/** A host for one driver under test: its own folder and the real guest, built once for all tests. */
import { chmod, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execPath, getuid } from 'node:process';
import { fileURLToPath } from 'node:url';
import type { DriverHost, GuestProgram } from '@berth/plugin-api';
import { identify } from '../src/drivers/oci/identity.ts';
import { removeTree } from '../src/linux/system-program.ts';

let built: Promise<GuestProgram> | undefined;

/** The guest as the server would bundle it. */
export const realGuest = (): Promise<GuestProgram> => {
  built ??= build();
  return built;
};

const build = async (): Promise<GuestProgram> => {
  // Plain JavaScript of another package's build, without types and outside the allowed imports.
  const tool: string = new URL('../../guest/build.mjs', import.meta.url).href;
  const { buildGuest } = (await import(tool)) as { buildGuest: () => Promise<string> };
  // A user without write access to the checkout uses the owner's build.
  const there = fileURLToPath(new URL('../../guest/dist/guest.cjs', import.meta.url));
  return { node: execPath, bundle: await buildGuest().catch(() => there) };
};

export const driverHost = async (
  options: { readonly mode?: number } = {},
): Promise<DriverHost & AsyncDisposable> => {
  const place = await mkdtemp(join(tmpdir(), 'berth-driver-'));
  // As private as a server's home.
  await chmod(place, options.mode ?? 0o755);
  const folder = join(place, 'driver');
  await mkdir(folder);
  return {
    // Unique: control groups are named after it, and another checkout's tests may run at the same time.
    installation: `installation of ${folder}`,
    folder,
    guest: await realGuest(),
    log: () => undefined,
    [Symbol.asyncDispose]: async () => {
      // Files written by commands do not belong to this user, unless it is root.
      if (getuid?.() !== 0) await removeTree(folder, identify(0).asOwner);
      await rm(place, { recursive: true, force: true });
    },
  };
};

/** Names of the control groups that exist for sandboxes of any driver on this machine. */
export const groupsLeft = async (containerIds: readonly string[]): Promise<string[]> => {
  const found = await readdir('/sys/fs/cgroup', { recursive: false });
  const folders = await Promise.all(
    found.map((name) => readdir(join('/sys/fs/cgroup', name)).catch(() => [])),
  );
  return [...found, ...folders.flat()].filter((name) => containerIds.includes(name));
};
