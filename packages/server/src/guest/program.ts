/** Where the program that runs inside sandboxes is on this machine: our own Node, the bundle, the terminal module. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { fail } from '@berth/contract';
import type { GuestProgram } from '@berth/plugin-api';

/** Throws `config.invalid` if the bundle was not built. */
export const findGuestProgram = (): GuestProgram => {
  const bundle = fileURLToPath(import.meta.resolve('@berth/guest/bundle'));
  if (!existsSync(bundle)) {
    const message = 'the bundle of the guest is not there; run `npm ci` (or `npm run prepare`)';
    throw fail('config.invalid', { issues: [{ path: bundle, message }] });
  }
  return { node: process.execPath, bundle, pty: findTerminalModule() };
};

/** The package for this platform contains the prebuilt binary; without it sandboxes work, but have no terminals. */
const findTerminalModule = (): string | undefined => {
  const require = createRequire(import.meta.resolve('@berth/guest/bundle'));
  const name = `@lydell/node-pty-${process.platform}-${process.arch}`;
  try {
    return dirname(dirname(require.resolve(`${name}/package.json`)));
  } catch {
    return undefined; // an optional dependency that does not exist for this platform
  }
};
