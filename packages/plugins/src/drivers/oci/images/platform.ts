/** This machine, in the words of image indexes. */
import { arch } from 'node:process';

export interface Platform {
  readonly os: string;
  readonly architecture: string;
}

/** Where Node's name of an architecture is another one than Go's. */
const NAMES: Readonly<Partial<Record<NodeJS.Architecture, string>>> = {
  x64: 'amd64',
  ia32: '386',
  ppc64: 'ppc64le',
  mipsel: 'mipsle',
};

export const HERE: Platform = { os: 'linux', architecture: NAMES[arch] ?? arch };

export const isHere = ({ os, architecture }: Platform): boolean =>
  os === HERE.os && architecture === HERE.architecture;

export const nameOf = ({ os, architecture }: Platform): string => `${os}/${architecture}`;
