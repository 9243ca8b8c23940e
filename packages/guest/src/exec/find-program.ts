/** Finds the program that a command names, before anything is started. */
import { accessSync, constants, statSync } from 'node:fs';
import { isAbsolute, normalize, relative, resolve } from 'node:path';
import { systemCode } from '../refusal.ts';
import type { CommandUser } from '../user.ts';

interface Wanted {
  readonly program: string;
  readonly cwd: string;
  readonly path: string | undefined;
}

interface Found {
  /** As a command of that folder would say it; absent when there is none. */
  readonly path: string | undefined;
  /** The system's, for why there is none. */
  readonly code: 'ENOENT' | 'EACCES';
}

/** Looks as the system would: the starter, which is started first, is there whatever it shall become. */
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

/** Where programs of ours are found: folders of a path that nothing inside can write to. */
const USUAL = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const WRITABLE = ['/tmp', '/var/tmp', '/dev', '/run', '/proc'];

export const systemPath = (
  path: string | undefined,
  { root, home }: { readonly root: string; readonly home: string },
): string => {
  const writable = [root, home, ...WRITABLE];
  const folders = (path ?? '').split(':').filter((folder) => isAbsolute(folder));
  const kept = folders.map((folder) => normalize(folder)).filter((folder) => !writable.some(isIn(folder)));
  return kept.length === 0 ? USUAL : kept.join(':');
};

const isIn =
  (folder: string) =>
  (outer: string): boolean =>
    !relative(outer, folder).startsWith('..');
