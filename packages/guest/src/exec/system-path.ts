/** Where programs of ours are found: folders of a path that nothing inside can write to. */
import { isAbsolute, normalize, relative } from 'node:path';

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
