/** Finds the program of a command before anything is started. */
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
  /** The path as seen from the command's folder; absent when there is none. */
  readonly path: string | undefined;
  /** The system's code, when there is none. */
  readonly code: 'ENOENT' | 'EACCES';
}

/**
 * Searches like the system: the starter, which is exec'd first, always exists, so it reports nothing about the
 * program.
 */
export const findProgram = ({ program, cwd, path = '/usr/bin:/bin' }: Wanted, user: CommandUser): Found => {
  const names = program.includes('/')
    ? [program]
    : path.split(':').map((folder) => `${folder || '.'}/${program}`);
  const codesOf = (): string[] => names.map((name) => codeOf(resolve(cwd, name), user));
  // Most programs are world-readable; only the others are worth switching users for.
  const seen = codesOf();
  const codes = seen.includes('') ? seen : user.as(codesOf);
  const code = codes.includes('EACCES') ? 'EACCES' : 'ENOENT';
  return { path: codes.includes('') ? names[codes.indexOf('')] : undefined, code };
};

/** Empty when the user may execute it. */
const codeOf = (path: string, { uid }: CommandUser): string => {
  try {
    const stat = statSync(path);
    if (!stat.isFile()) return 'EACCES';
    // access(2) checks the real uid, which is always the guest's.
    if (uid !== undefined) return stat.mode & executableBy(stat, uid) ? '' : 'EACCES';
    accessSync(path, constants.X_OK);
    return '';
  } catch (error) {
    return systemCode(error);
  }
};

const executableBy = (owner: { readonly uid: number; readonly gid: number }, uid: number): number =>
  owner.uid === uid ? 0o100 : owner.gid === process.getgid?.() ? 0o010 : 0o001;

/** The path for Berth's own programs: folders that nothing inside can write to. */
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
