/** Which package of the distribution a program came in, read from the records of dpkg: no other program is asked. */
import { readFile } from 'node:fs/promises';
import type { ProgramVersion } from './flaws.ts';

export interface PackagedProgram {
  /** Of the package, which is that of its program. */
  readonly name: string;
  /** What the program says of itself. */
  readonly version: string;
  /** Where it is, without links: a program that somebody put beside the package's is none of it. */
  readonly path?: string | undefined;
}

/** None without dpkg, for a program that came in no package, and for another version than the package's. */
export const packageOf = async (
  { name, version, path }: PackagedProgram,
  root = '/',
): Promise<ProgramVersion['packaged']> => {
  const linesOf = async (file: string): Promise<readonly string[]> =>
    (await readFile(`${root}${file}`, 'utf8').catch(() => '')).split('\n');
  const packaged = versionIn(await linesOf('var/lib/dpkg/status'), name);
  if (packaged === undefined || !isOf(packaged, version)) return undefined;
  if (path !== undefined && !(await linesOf(`var/lib/dpkg/info/${name}.list`)).includes(path))
    return undefined;
  const release = await linesOf('etc/os-release');
  return {
    distribution: `${fieldIn(release, 'ID')} ${fieldIn(release, 'VERSION_ID')}`,
    version: packaged,
  };
};

const VERSION = 'Version: ';

/** Paragraphs are parted by empty lines. */
const versionIn = (status: readonly string[], name: string): string | undefined => {
  const begin = status.indexOf(`Package: ${name}`);
  if (begin === -1) return undefined;
  const end = status.indexOf('', begin);
  const paragraph = status.slice(begin, end === -1 ? undefined : end);
  return paragraph.find((line) => line.startsWith(VERSION))?.slice(VERSION.length);
};

/** `1:2.39.5-0+deb12u3` is of `2.39.5`, and neither of `2.39` nor of `2.3`. */
const isOf = (packaged: string, version: string): boolean => {
  const own = packaged.slice(packaged.indexOf(':') + 1);
  return own.startsWith(version) && !/^[.\d]/.test(own.slice(version.length));
};

const fieldIn = (release: readonly string[], name: string): string =>
  release
    .find((line) => line.startsWith(`${name}=`))
    ?.slice(name.length + 1)
    .replaceAll('"', '') ?? '';
