/**
 * Commands that are started `held`: a shell that waits for one line and then becomes the program. Its process number
 * is known before anything of the program runs, so the server can put it, and thereby all that it will ever start,
 * into a control group first. The guest cannot do that itself: nothing inside may write to control groups.
 */
import type { ChildProcess } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Duplex } from 'node:stream';
import { systemCode } from '../refusal.ts';
import type { CommandUser } from '../user.ts';

/** Descriptor 4 is the gate. When the guest ends, the line never comes and the program never runs. */
const WAIT = 'read -r _ <&4 && exec "$@" 3<&- 4<&-';
const GATE = 4;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

export const heldArgv = (argv: readonly string[], env: Readonly<Record<string, string>>): string[] => {
  // A shell hands on no variable that it could not name itself.
  const unnamed = Object.entries(env).filter(([name]) => !VARIABLE.test(name));
  const added =
    unnamed.length === 0 ? [] : ['/usr/bin/env', ...unnamed.map(([name, value]) => `${name}=${value}`)];
  return ['/bin/sh', '-c', WAIT, 'berth-held', ...added, ...argv];
};

interface Wanted {
  readonly program: string;
  readonly cwd: string;
  readonly path: string | undefined;
}

export interface Found {
  /** As a command of that folder would say it; absent when there is none. */
  readonly path: string | undefined;
  /** The system's, for why there is none. */
  readonly code: 'ENOENT' | 'EACCES';
}

/** Looks as the system would: what is started first, a shell or the starter, can be started whatever it shall become. */
export const findProgram = ({ program, cwd, path = '/usr/bin:/bin' }: Wanted, user: CommandUser): Found => {
  const names = program.includes('/')
    ? [program]
    : path.split(':').map((folder) => `${folder || '.'}/${program}`);
  const codesOf = (): string[] => names.map((name) => codeOf(resolve(cwd, name), user));
  // Most programs are where everybody may look; only for the others it is worth becoming another user.
  const seen = codesOf();
  const codes = seen.includes('') ? seen : user.as(codesOf);
  const code = codes.includes('EACCES') ? 'EACCES' : 'ENOENT';
  return { path: codes.includes('') ? names[codes.indexOf('')] : undefined, code };
};

/** Empty when it is a program that the user may run. */
const codeOf = (path: string, { uid }: CommandUser): string => {
  try {
    const stat = statSync(path);
    if (!stat.isFile()) return 'EACCES';
    // The system's own answer is about the real user, which is always the guest's.
    if (uid !== undefined) return stat.mode & executableBy(stat, uid) ? '' : 'EACCES';
    accessSync(path, constants.X_OK);
    return '';
  } catch (error) {
    return systemCode(error);
  }
};

const executableBy = (owner: { readonly uid: number; readonly gid: number }, uid: number): number =>
  owner.uid === uid ? 0o100 : owner.gid === process.getgid?.() ? 0o010 : 0o001;

export interface Gate {
  readonly closed: boolean;
  /** Again makes no difference. */
  open(): void;
}

/** Always open for a command that was not started `held`. */
export const createStartLatch = (child: ChildProcess): Gate => {
  const line = child.stdio[GATE] as Duplex | undefined; // A pipe both ways, or none.
  let closed = line !== undefined;
  line?.on('error', () => undefined); // It ended while it was held.
  return {
    get closed() {
      return closed;
    },
    open: () => {
      if (!closed) return;
      closed = false;
      line?.write('\n', () => line.destroy());
    },
  };
};
