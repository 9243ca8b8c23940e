/** The files of a source tree, read once: input of every rule of the gate. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface TreeFile {
  /** Relative to the root, with slashes. */
  readonly path: string;
  /** Empty when the file is not text. */
  readonly text: string;
}

/** A rule's finding: path and problem. */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

const NOT_SOURCE = new Set(['node_modules', 'dist', 'coverage', '.git']);
const TEXT = /\.(?:ts|tsx|mts|mjs|js|json|md|css|html|yml|yaml|sh)$|\/run$/;

export const readTree = (root: string, folder = ''): TreeFile[] =>
  readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return NOT_SOURCE.has(entry.name) ? [] : readTree(root, path);
    if (!entry.isFile()) return [];
    return [{ path, text: TEXT.test(path) ? readFileSync(join(root, path), 'utf8') : '' }];
  });

export const isTest = (path: string): boolean => /\.test(?:-d)?\.tsx?$|^packages\/[^/]+\/test\//.test(path);

export const isCode = (path: string): boolean => /\.(?:tsx?|m?js)$/.test(path);

/** Production code: neither a test nor a suite of tests. */
export const isProduction = (path: string): boolean =>
  isCode(path) && !isTest(path) && /^packages\/[^/]+\/(?:src|bin|testkit)\/|^tools\//.test(path);
